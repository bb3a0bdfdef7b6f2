"""What finished builds teach the estimator: for each figure, by how much forecasts were off, and how unevenly.

It forecasts nothing: ``estimation`` applies what is learned here. A correction is a factor, learned in logarithms:
twice too much and half too much weigh the same.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from statistics import median

from pydantic import Field

from millwright.core.learning import Range
from schemas.base import Schema
from schemas.evidence import Forecast

PRIOR_BUILDS = 2.0
"""What the judgments behind an uncorrected forecast are worth, in builds: two builds move it half way."""

_NINE_IN_TEN = 1.6448536269514722
_NORMAL = 1.4826
"""The median absolute deviation of a normal figure times this is its standard deviation."""

_FARTHEST = math.log(1_000)
"""No build counts as further off than a thousandfold."""


class Figure(StrEnum):
    """What is corrected by itself: calls are those of one task, tokens those of one call, time that of all calls."""

    LINES = "lines"
    TASKS = "tasks"
    CALLS = "calls a task"
    TOKENS = "tokens a call"
    SECONDS = "time"
    PART_LINES = "lines a part"
    PART_COMPLEXITY = "complexity a part"


class Correction(Schema):
    """By how much one figure was off: logarithms of what was over what was forecast.

    ``shift`` is what is applied, ``typical`` what was seen (the median), ``scatter`` how unevenly, as a standard
    deviation, over so many ``builds``.
    """

    builds: int = Field(default=0, ge=0)
    shift: float = 0.0
    typical: float = 0.0
    scatter: float = Field(default=0.0, ge=0)

    @property
    def factor(self) -> float:
        """What a forecast is multiplied with."""
        return math.exp(self.shift)

    def applied(self, figure: Range) -> Range:
        """Correct a figure and its interval, which holds nine times in ten.

        The interval comes from what was assumed and from what was seen, each by its weight in builds: it narrows as
        builds agree, widens as they disagree, and always reaches to what was typical. A figure that is known exactly,
        or is 0, stays as it is.
        """
        low, mid, high = figure
        if not self.builds or not 0 < low < high:
            return figure
        corrected = mid * self.factor
        below = self._reach(math.log(mid / low), self.shift - self.typical)
        above = self._reach(math.log(high / mid), self.typical - self.shift)
        return Range(corrected * math.exp(-below), corrected, corrected * math.exp(above))

    def _reach(self, assumed: float, toward_typical: float) -> float:
        """Return how far the interval reaches to one side, in logarithms."""
        weight = PRIOR_BUILDS * (assumed / _NINE_IN_TEN) ** 2 + self.builds * self.scatter**2
        return max(_NINE_IN_TEN * math.sqrt(weight / (PRIOR_BUILDS + self.builds)), toward_typical)


class Corrections(Schema):
    """All corrections, by figure, and the number of builds that they come from."""

    builds: int = Field(default=0, ge=0)
    figures: dict[Figure, Correction] = Field(default_factory=dict)

    def of(self, figure: Figure) -> Correction:
        """Return the correction of a figure; without any, the one that changes nothing."""
        return self.figures.get(figure, Correction())

    def told(self) -> str:
        """Say in words what is corrected, or that nothing is."""
        if not self.builds:
            return "not corrected yet: no build was finished here"
        by = f"corrected by {self.builds} build{'s' if self.builds > 1 else ''}"
        parts = [f"{figure.value} ×{each.factor:.2g}" for figure, each in sorted(self.figures.items()) if each.builds]
        return f"{by}: {', '.join(parts)}"


def correction_of(ratios: Sequence[float]) -> Correction:
    """Learn from ratios of what was over what was forecast, each of one build; those that are not above 0 are ignored.

    The median is robust against single builds that went wild; it is drawn towards 1 while builds are few.
    """
    logs = [_bounded(ratio) for ratio in ratios if 0 < ratio < math.inf]
    if not logs:
        return Correction()
    typical = median(logs)
    scatter = _NORMAL * median(abs(each - typical) for each in logs)
    shift = typical * len(logs) / (len(logs) + PRIOR_BUILDS)
    return Correction(builds=len(logs), shift=shift, typical=typical, scatter=scatter)


def learned(forecasts: Iterable[Forecast]) -> Corrections:
    """Learn from the forecasts of builds that were delivered; the others ended before their figures meant anything.

    What had been corrected already is taken back first: a figure is judged as it would have been without. Tasks and
    lines are learned only where they were guessed from a text's length, since the prior for very large systems and a
    plan say something else.
    """
    delivered = [each for each in forecasts if each.actual is not None and each.actual.delivered]
    seen: dict[Figure, list[float]] = {figure: [] for figure in Figure}
    for forecast in delivered:
        for figure, ratio in _ratios(forecast).items():
            seen[figure].append(ratio)
    figures = {figure: correction_of(ratios) for figure, ratios in seen.items() if ratios}
    return Corrections(builds=len(delivered), figures=figures)


def _ratios(forecast: Forecast) -> Mapping[Figure, float]:
    actual = forecast.actual
    if actual is None:
        return {}
    ratios: dict[Figure, float] = {}

    def see(figure: Figure, was: float | None, forecast_: float) -> None:
        if was is not None and was > 0 and forecast_ > 0:
            ratios[figure] = was / (forecast_ / forecast.corrected.get(figure.value, 1.0))

    if forecast.guessed:
        see(Figure.LINES, actual.lines, forecast.lines)
        see(Figure.TASKS, actual.tasks, forecast.tasks)
    if actual.tasks and actual.calls and forecast.tasks and forecast.calls:
        see(Figure.CALLS, actual.calls / actual.tasks, forecast.calls / forecast.tasks)
        see(Figure.TOKENS, actual.tokens / actual.calls, forecast.tokens / forecast.calls)
        see(Figure.SECONDS, actual.seconds, forecast.wall_seconds * actual.calls / forecast.calls)
    if actual.estimated_parts:
        see(Figure.PART_LINES, actual.part_lines_ratio, 1.0)
        see(Figure.PART_COMPLEXITY, actual.part_complexity_ratio, 1.0)
    return ratios


def _bounded(ratio: float) -> float:
    return max(-_FARTHEST, min(_FARTHEST, math.log(ratio)))
