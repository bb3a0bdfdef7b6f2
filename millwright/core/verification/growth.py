"""Classifies how time grows with size, from what was measured at three sizes or more.

It measures nothing, and it never rejects: three points tell a square from a line, not one bound from another.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

NOISE_FLOOR_SECONDS = 0.01
"""CPU seconds below which a measurement says nothing. Where a process has a CPU limit, Linux keeps its clock by the
scheduler's ticks of one to four milliseconds (``kernel/time/posix-cpu-timers.c``); beside them first calls and caches
are a visible share of anything shorter. From ten milliseconds on one tick is less than half of one class's width."""

FEWEST_SIZES = 3
"""Two points fit a power and an exponential equally well."""

_FLATTEST_LINE = 0.5
_FLATTEST_SQUARE = 1.5
_FLATTEST_CUBE = 2.5
_STEEPEST_CUBE = 3.5
_BEND = 1.5
"""How much steeper an exponential's last doubling is than the one before. Where sizes double, the exponent of 2**n
doubles with them, and that of a power stays; half-way between the two, in both directions, is told apart."""


class Growth(StrEnum):
    """How time grows, as an adverb or what stands for one."""

    CONSTANT = "hardly"
    LINEAR = "linearly"
    QUADRATIC = "quadratically"
    CUBIC = "cubically"
    POWER = "faster than cubically"
    EXPONENTIAL = "exponentially"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Timing:
    """What one size took: CPU ``seconds`` of one call, of ``measured_seconds`` in all its repetitions.

    ``at_least``: the call was stopped after so long, and would have taken more.
    """

    size: int
    seconds: float
    measured_seconds: float
    at_least: bool = False


def growth_of(timings: Sequence[Timing]) -> tuple[Growth, str]:
    """Classify the growth over timings in order of their sizes; with an unknown one, why it is not known.

    The local exponent between neighbouring sizes is ``log(t2 / t1) / log(n2 / n1)``; the later one counts more, since a
    fixed cost flattens the earlier ones. Classes meet half-way between whole exponents: with sizes in ratio 1:2:4, two
    times off by a fifth in opposite ways move the exponent by less than 0.5. ``n log n`` has an exponent of 1.2 here
    and is told from a line by nobody; logarithms and roots count as constant.
    """
    reason = _unusable(timings)
    if reason:
        return Growth.UNKNOWN, reason
    exponents = [_exponent(one, other) for one, other in pairwise(timings)]
    weights = range(1, len(exponents) + 1)
    overall = sum(map(math.prod, zip(weights, exponents, strict=True))) / sum(weights)
    if timings[-1].at_least and overall <= _STEEPEST_CUBE:
        return Growth.UNKNOWN, f"no answer within {timings[-1].seconds:.2g} s at size {timings[-1].size}"
    if exponents[-1] > _STEEPEST_CUBE and (
        exponents[-1] >= _BEND * exponents[-2] or exponents[-2] > 2 * _STEEPEST_CUBE
    ):
        return Growth.EXPONENTIAL, ""
    return _power(overall), ""


def _unusable(timings: Sequence[Timing]) -> str:
    if len(timings) < FEWEST_SIZES or any(one.size >= other.size for one, other in pairwise(timings)):
        return f"it was not timed at {FEWEST_SIZES} growing sizes"
    stopped = next((timing for timing in timings[:-1] if timing.at_least), None)
    if stopped is not None:
        return f"no answer within {stopped.seconds:.2g} s at size {stopped.size}"
    if any(timing.measured_seconds < NOISE_FLOOR_SECONDS or timing.seconds <= 0 for timing in timings):
        return "too fast to tell"
    return ""


def _exponent(one: Timing, other: Timing) -> float:
    return math.log(other.seconds / one.seconds) / math.log(other.size / one.size)


def _power(exponent: float) -> Growth:
    limits = (
        (_FLATTEST_LINE, Growth.CONSTANT),
        (_FLATTEST_SQUARE, Growth.LINEAR),
        (_FLATTEST_CUBE, Growth.QUADRATIC),
        (_STEEPEST_CUBE, Growth.CUBIC),
    )
    return next((growth for limit, growth in limits if exponent < limit), Growth.POWER)
