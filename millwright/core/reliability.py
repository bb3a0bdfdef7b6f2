"""What a margin is worth: the arithmetic of first-to-lead-by-k voting (MAKER, arXiv 2511.09030).

It assumes one rival that gathers every wrong vote, which is pessimistic, and independent votes, which is optimistic:
systematic errors are not repaired by any k, and nothing here says otherwise. Which margins a whole project gets is
planned by ``margins``; how wrong a winner is likely to be in fact, from data, is told by ``calibration``.
"""

import math

from millwright.errors import BadInput

HIGHEST_MARGIN = 100
"""The largest k that a rule may ask for."""

_ROUNDING = 1e-9
"""Slack under the ceiling, so that an exact integer does not become the next one on another platform's libm."""


def margin_required(target: float, tasks: int, p: float) -> int:
    """Return the least k at which ``tasks`` voted tasks are all right with probability ``target``.

    k = ceil(ln(t^(-1/s) - 1) / ln((1 - p) / p)), MAKER's k_min with one step a task; at least 1, and at most 100 even
    where that misses the target. ``p`` is the chance that one verified ballot is right.

    Raises:
        BadInput: p outside (0.5, 1) (voting then gains nothing), target outside (0, 1), or fewer than one task.
    """
    if not 0.5 < p < 1:
        raise BadInput(f"p is {p}: voting needs a chance above 0.5 and below 1 that a ballot is right")
    if not 0 < target < 1:
        raise BadInput(f"the target is {target}: give a probability above 0 and below 1")
    if tasks < 1:
        raise BadInput(f"the number of tasks is {tasks}: give at least 1")
    return margin_for(p, -math.log(target) / tasks)


def margin_for(p: float, share_of_target: float) -> int:
    """Return the least k at which one task takes no more than its share of the target; at least 1, at most 100.

    ``share_of_target`` is what the task may take of -ln(target), see ``loss``: the shares of all tasks add up to that.
    An even share, -ln(target) / tasks, gives MAKER's k_min.

    Raises:
        BadInput: p outside (0.5, 1) (voting then gains nothing), or a share that is negative or not a number.
    """
    if not 0.5 < p < 1:
        raise BadInput(f"p is {p}: voting needs a chance above 0.5 and below 1 that a ballot is right")
    if not share_of_target >= 0:
        raise BadInput(f"the share of the target is {share_of_target}: give 0 or more")
    # t^(-1/s) - 1, exact also where s is in the millions; e^700 is near the largest float, and far above any odds.
    allowed = math.expm1(min(700.0, share_of_target))
    if allowed <= 0:
        return HIGHEST_MARGIN
    return min(HIGHEST_MARGIN, max(1, math.ceil(math.log(allowed) / -_log_odds(p) - _ROUNDING)))


def loss(p: float, k: int) -> float:
    """Return -ln of the chance that one task is right, ln(1 + ((1 - p) / p)^k): what the tasks of a project add up to.

    Raises:
        BadInput: p outside (0, 1) or k below 1.
    """
    _check(p, k)
    exponent = -k * _log_odds(p)
    # log(1 + e^x) without overflow for large x, and without losing a small e^x for very negative x.
    return exponent + math.log1p(math.exp(-exponent)) if exponent > 0 else math.log1p(math.exp(exponent))


def success_probability(p: float, k: int) -> float:
    """Return the chance that the right answer is first to lead by ``k``: 1 / (1 + ((1 - p) / p)^k), gambler's ruin.

    Raises:
        BadInput: p outside (0, 1) or k below 1.
    """
    return project_success(p, k, 1)


def project_success(p: float, k: int, tasks: int) -> float:
    """Return the chance that all of ``tasks`` voted tasks are right: (1 + ((1 - p) / p)^k)^(-s).

    Raises:
        BadInput: p outside (0, 1), k below 1, or fewer than one task.
    """
    _check(p, k)
    if tasks < 1:
        raise BadInput(f"the number of tasks is {tasks}: give at least 1")
    return math.exp(-tasks * loss(p, k))


def expected_ballots(p: float, k: int) -> float:
    """Return the mean number of ballots until one side leads by ``k``: k (2 p_sub - 1) / (2 p - 1), and k² at p = 0.5.

    Ballots are verified answers; divide by the share of answers that become ballots for the number of calls.

    Raises:
        BadInput: p outside (0, 1) or k below 1.
    """
    _check(p, k)
    half = abs(_log_odds(p)) / 2
    # 2 p - 1 = tanh(ln(odds) / 2), and the same for p_sub with k times the exponent: no cancellation near one half.
    return float(k * k) if half < 1e-12 else k * math.tanh(k * half) / math.tanh(half)


def ballots_variance(p: float, k: int) -> float:
    """Return an upper estimate of the variance of that number: the less of 4 k p q / |p - q|³ and 2/3 k² (k² - 1).

    The first is that of a walk with no way back (exact for large k), the second that of a fair coin.

    Raises:
        BadInput: p outside (0, 1) or k below 1.
    """
    _check(p, k)
    fair = 2 / 3 * k * k * (k * k - 1)
    drift = abs(2 * p - 1)
    return min(fair, 4 * k * p * (1 - p) / drift**3) if drift > 1e-9 else fair


def _check(p: float, k: int) -> None:
    if not 0 < p < 1:
        raise BadInput(f"p is {p}: give a probability above 0 and below 1")
    if k < 1:
        raise BadInput(f"k is {k}: a margin is at least 1")


def _log_odds(p: float) -> float:
    return math.log(p) - math.log1p(-p)
