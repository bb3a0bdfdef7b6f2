"""How many parts of a project are expected to be wrong, and which are likeliest: what the report says of its winners.

It predicts no single part: that is ``calibration``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from millwright.core.learning import Range

_WEIGHTS = (0.185, 0.63, 0.185)
"""Of the low, middle and high prediction: the Pearson-Tukey approximation of a figure by its 5, 50 and 95 % points
(Keefer and Bodily, Management Science 29, 1983)."""

_TAIL = 0.05
_REACH = 10.0
"""Standard deviations above the mean beyond which counts are not told apart."""

_MOST_CELLS = 2_000_000
"""Work of an exact convolution above which the normal distribution takes its place."""


@dataclass(frozen=True)
class Suspect:
    """A part that was delivered, and its predicted defect probability with an interval of nine in ten."""

    name: str
    defect: Range


def expected_defects(parts: Sequence[Suspect]) -> Range:
    """Return the expected number of wrong parts, between the bounds that hold nine times in ten.

    Given the predictions, parts fail independently (a Poisson-binomial count, convolved exactly, or normal where there
    are very many). The predictions themselves err together, since they come from one calibration: all low, all middle
    and all high are mixed.
    """
    ends = [[part.defect[i] for part in parts] for i in range(3)]
    mean = math.fsum(ends[1])
    mixed: dict[int, float] = {}
    for weight, chances in zip(_WEIGHTS, ends, strict=True):
        for count, share in _counts(chances).items():
            mixed[count] = mixed.get(count, 0.0) + weight * share
    low, high = _quantile(mixed, _TAIL), _quantile(mixed, 1 - _TAIL)
    return Range(min(float(low), mean), mean, max(float(high), mean))


def likeliest(parts: Sequence[Suspect], most: int = 5) -> tuple[Suspect, ...]:
    """Return the parts that are likeliest to be wrong, the likeliest first; of equals by name."""
    return tuple(sorted(parts, key=lambda part: (-part.defect.mid, part.name))[:most])


def _counts(chances: Sequence[float]) -> dict[int, float]:
    """Return the distribution of how many happen."""
    mean = math.fsum(chances)
    deviation = math.sqrt(math.fsum(chance * (1 - chance) for chance in chances))
    top = min(len(chances), math.ceil(mean + _REACH * deviation) + 10)
    if len(chances) * (top + 1) > _MOST_CELLS:
        return _normal(mean, deviation, len(chances))
    shares = [1.0] + [0.0] * top
    for chance in chances:
        for count in range(top, 0, -1):
            shares[count] += chance * (shares[count - 1] - shares[count])
        shares[0] *= 1 - chance
    return dict(enumerate(shares))


def _normal(mean: float, deviation: float, most: int) -> dict[int, float]:
    """Return the normal distribution in cells of one hundredth of its deviation, at least one wide."""
    width = max(1, int(deviation / 100))
    first, last = (max(0, min(most, round(mean + side * 6 * deviation))) for side in (-1, 1))
    scale = max(deviation, 1e-9) * math.sqrt(2)
    return {
        count: 0.5 * (math.erf((count + width - mean - 0.5) / scale) - math.erf((count - mean - 0.5) / scale))
        for count in range(first, last + width, width)
    }


def _quantile(shares: dict[int, float], tail: float) -> int:
    below = 0.0
    for count in sorted(shares):
        below += shares[count]
        if below >= tail:
            return count
    return max(shares)
