"""The Beta distribution: how likely a share is below a bound, and the bound below which it lies with a chance.

It knows nothing of models or votes; ``learning`` says what the shares are of.
"""

import math

from millwright.errors import BadInput

_TERMS = 200
"""Most terms of the continued fraction, beside ten for each root of the larger parameter: it converges long before."""

_HALVINGS = 1_100
"""From 1 to the smallest float, and to its last bit; few shares need more than sixty."""

_TINY = 1e-300


def beta_cdf(x: float, alpha: float, beta: float) -> float:
    """Return the chance that a Beta-distributed share is at most ``x``: the regularised incomplete beta function.

    By its continued fraction (DLMF 8.17.22), evaluated by Lentz's method on the side where it converges fast.

    Raises:
        BadInput: alpha or beta that is not above 0.
    """
    if not (alpha > 0 and beta > 0):
        raise BadInput(f"alpha is {alpha} and beta {beta}: give numbers above 0")
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if x > (alpha + 1) / (alpha + beta + 2):
        return 1.0 - beta_cdf(1 - x, beta, alpha)
    scale = math.lgamma(alpha + beta) - math.lgamma(alpha) - math.lgamma(beta)
    front = math.exp(scale + alpha * math.log(x) + beta * math.log1p(-x)) / alpha
    return min(1.0, front * _fraction(x, alpha, beta))


def beta_quantile(share: float, alpha: float, beta: float) -> float:
    """Return the x at which ``beta_cdf`` reaches ``share``, by bisection to the last bits.

    Raises:
        BadInput: a share outside [0, 1], or alpha or beta that is not above 0.
    """
    if not 0 <= share <= 1:
        raise BadInput(f"the share is {share}: give a probability")
    if share in (0, 1):
        return float(share)
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        if beta_cdf(middle, alpha, beta) < share:
            low = middle
        else:
            high = middle
    return high


def _fraction(x: float, alpha: float, beta: float) -> float:
    """Evaluate 1 / (1 + d1 / (1 + d2 / …)) of the incomplete beta function."""
    numerator, denominator = 1.0, 1.0 / _apart(1.0 - (alpha + beta) * x / (alpha + 1))
    value = denominator
    # The number of terms grows with the root of the larger parameter.
    for m in range(1, _TERMS + 10 * math.isqrt(int(max(alpha, beta)))):
        even = m * (beta - m) * x / ((alpha + 2 * m - 1) * (alpha + 2 * m))
        odd = -(alpha + m) * (alpha + beta + m) * x / ((alpha + 2 * m) * (alpha + 2 * m + 1))
        change = 1.0
        for term in (even, odd):
            denominator = 1.0 / _apart(1.0 + term * denominator)
            numerator = _apart(1.0 + term / numerator)
            change = numerator * denominator
            value *= change
        if abs(change - 1.0) < 1e-15:
            break
    return value


def _apart(value: float) -> float:
    """Keep a divisor away from 0."""
    return value if abs(value) > _TINY else _TINY
