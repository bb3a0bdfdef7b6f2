"""Fits a calibration on won tasks of which the truth is known, and chooses the kind of fit on tasks it has not seen.

Trials of one task count together as one task: that is how many independent facts there are. It reads no file.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from millwright.core.calibration import (
    Calibration,
    Evidence,
    Feature,
    Method,
    Provenance,
    Step,
    Trial,
    Weight,
    brier,
    sigmoid,
    value_of,
)
from millwright.core.learning import Belief
from millwright.errors import BadInput

FEWEST_TRIALS = 10
"""Results below which nothing can be fitted, let alone be held out."""

_FOLDS = 5
_PENALTY = 0.25
"""Of a standardised weight: the precision of a normal prior around 0 with a standard deviation of 2 (ridge)."""

_PSEUDO_TASKS = 1.0
"""Tasks that every step is shrunk by, at the base rate; and the base rate itself and the intercept, at one half."""

_LEAST_MISS = 0.5
"""Of a step where none was wrong, what is counted as wrong all the same: half a task, as in Jeffreys' prior."""

_NEWTON_STEPS = 50
_LEAST_SCALE = 1e-9

Points = Mapping[tuple[Evidence, bool], float]
"""Distinct evidence with what became of it, weighted: the weights add up to the number of independent tasks."""


@dataclass(frozen=True)
class Way:
    """One kind of fit that competes."""

    method: Method
    features: tuple[Feature, ...] = ()


WAYS = (
    # the simpler first: of equals the first wins
    Way(Method.BASE_RATE),
    Way(Method.ISOTONIC, (Feature.AGREEMENT,)),
    Way(Method.LOGISTIC, (Feature.AGREEMENT,)),
    Way(Method.LOGISTIC, (Feature.MARGIN, Feature.AGREEMENT)),
    Way(Method.LOGISTIC, tuple(Feature)),
)


class Contest(NamedTuple):
    """The kind of fit that won, what it predicted for tasks that it had not seen, and the Briers of those."""

    way: Way
    predicted: tuple[tuple[float, bool], ...]
    brier: float
    brier_of_base_rate: float


def fit(trials: Sequence[Trial], *, source: str, date: str, note: str = "") -> Calibration:
    """Fit the kind that predicts unseen tasks best on all trials; the same trials always give the same calibration.

    Raises:
        BadInput: fewer than ten trials, or all of one task.
    """
    return fit_winner(contest(trials), trials, source=source, date=date, note=note)


def contest(trials: Sequence[Trial]) -> Contest:
    """Fit every kind on four fifths of the tasks in turn, and take the one with the least Brier score on the others.

    Raises:
        BadInput: fewer than ten trials, or all of one task.
    """
    if len(trials) < FEWEST_TRIALS:
        raise BadInput(f"{len(trials)} results are too few to fit: give at least {FEWEST_TRIALS}")
    if len(set(_tasks(trials))) < 2:
        raise BadInput("all results are of one task, so none can be held out: give results of at least 2 tasks")
    predicted = {way: held_out(trials, way) for way in WAYS}
    scores = {way: brier(chances) for way, chances in predicted.items()}
    best = min(WAYS, key=lambda way: scores[way])
    return Contest(best, predicted[best], scores[best], scores[WAYS[0]])


def fit_winner(won: Contest, trials: Sequence[Trial], *, source: str, date: str, note: str = "") -> Calibration:
    """Fit the kind that won a contest on all its trials."""
    provenance = Provenance(
        source=source,
        date=date,
        elections=len(trials),
        tasks=len(set(_tasks(trials))),
        right=sum(trial.right for trial in trials) / len(trials),
        brier=won.brier,
        brier_of_base_rate=won.brier_of_base_rate,
        note=note,
    )
    return fit_by(won.way, trials, provenance)


def fit_by(way: Way, trials: Sequence[Trial], provenance: Provenance) -> Calibration:
    """Fit one kind on all trials."""
    return _FITS[way.method](_points(trials), way.features, provenance)


def held_out(trials: Sequence[Trial], way: Way) -> tuple[tuple[float, bool], ...]:
    """Predict every trial by a fit on the other folds of tasks: the defect probability, and whether there was one.

    The folds follow from the tasks' names alone.
    """
    names = _tasks(trials)
    order = sorted(set(names), key=lambda name: hashlib.sha256(name.encode()).digest())
    fold = {name: place % min(_FOLDS, len(order)) for place, name in enumerate(order)}
    predicted: list[tuple[float, bool]] = []
    nowhere = Provenance(source="", date="", elections=0, tasks=0, right=0, brier=0, brier_of_base_rate=0)
    for turn in sorted(set(fold.values())):
        inside = [trial for trial, name in zip(trials, names, strict=True) if fold[name] != turn]
        fitted = fit_by(way, inside, nowhere)
        outside = [trial for trial, name in zip(trials, names, strict=True) if fold[name] == turn]
        chances = {trial: fitted.defect_probability(trial) for trial in set(outside)}
        predicted += [(chances[trial], not trial.right) for trial in outside]
    return tuple(predicted)


def _tasks(trials: Sequence[Trial]) -> list[str]:
    # A trial without a task is one of its own; the mark keeps it apart from a task of that name.
    return [trial.task or f"\0{place}" for place, trial in enumerate(trials)]


def _points(trials: Sequence[Trial]) -> Points:
    weight = len(set(_tasks(trials))) / len(trials)
    same = Counter((Evidence(**trial.model_dump(exclude={"right", "task"})), trial.right) for trial in trials)
    return {point: count * weight for point, count in same.items()}


def _base(points: Points) -> Belief:
    right = sum(weight for (_, is_right), weight in points.items() if is_right)
    total = sum(points.values())
    return Belief(alpha=right + _PSEUDO_TASKS / 2, beta=total - right + _PSEUDO_TASKS / 2)


def _base_rate(points: Points, features: Sequence[Feature], provenance: Provenance) -> Calibration:
    return Calibration(method=Method.BASE_RATE, provenance=provenance, steps=(Step(least=0.0, right=_base(points)),))


def _isotonic(points: Points, features: Sequence[Feature], provenance: Provenance) -> Calibration:
    """Pool adjacent violators: the non-decreasing steps nearest to the data, then shrunk to the base rate."""
    rate = _base(points).mean
    by_value: dict[float, list[float]] = {}
    for (evidence, right), weight in points.items():
        sums = by_value.setdefault(value_of(features[0], evidence), [0.0, 0.0])
        sums[0] += weight * right
        sums[1] += weight
    pooled = _pool([(value, right, total) for value, (right, total) in sorted(by_value.items())])
    shrunk = [
        (value, right + _PSEUDO_TASKS * rate, max(_LEAST_MISS, total - right + _PSEUDO_TASKS * (1 - rate)))
        for value, right, total in pooled
    ]
    # Small blocks shrink more than their neighbours, which may put them out of order again.
    steps = tuple(
        Step(least=value, right=Belief(alpha=right, beta=total - right))
        for value, right, total in _pool([(value, right, right + wrong) for value, right, wrong in shrunk])
    )
    return Calibration(method=Method.ISOTONIC, provenance=provenance, steps=steps)


def _pool(blocks: Sequence[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    stack: list[tuple[float, float, float]] = []
    for value, right, total in blocks:
        while stack and stack[-1][1] / stack[-1][2] >= right / total:
            value, more_right, more = stack.pop()
            right, total = right + more_right, total + more
        stack.append((value, right, total))
    return stack


def _logistic(points: Points, features: Sequence[Feature], provenance: Provenance) -> Calibration:
    """Newton's method with a ridge; a feature that would make defects likelier is left out, the worst first."""
    kept = [scaled for feature in features if (scaled := _scaled(feature, points)) is not None]
    while True:
        slopes, covariance = _newton(points, kept)
        worst = min(range(len(kept)), key=lambda place: slopes[place + 1], default=None)
        if worst is None or slopes[worst + 1] >= 0:
            break
        del kept[worst]
    return Calibration(
        method=Method.LOGISTIC,
        provenance=provenance,
        intercept=slopes[0],
        weights=tuple(each.model_copy(update={"weight": slope}) for each, slope in zip(kept, slopes[1:], strict=True)),
        covariance=tuple(map(tuple, covariance)),
    )


def _scaled(feature: Feature, points: Points) -> Weight | None:
    """Standardise a feature; None where it is the same everywhere, and so tells nothing."""
    values = [(value_of(feature, evidence), weight) for (evidence, _), weight in points.items()]
    total = sum(weight for _, weight in values)
    centre = sum(value * weight for value, weight in values) / total
    scale = math.sqrt(sum(weight * (value - centre) ** 2 for value, weight in values) / total)
    if scale < _LEAST_SCALE:
        return None
    return Weight(feature=feature, centre=centre, scale=scale, most=max(value for value, _ in values), weight=0.0)


def _newton(points: Points, kept: Sequence[Weight]) -> tuple[list[float], list[list[float]]]:
    """Return intercept and slopes of greatest posterior probability, and their covariance there (Laplace)."""
    rows = [
        ([1.0, *((value_of(each.feature, evidence) - each.centre) / each.scale for each in kept)], float(right), weight)
        for (evidence, right), weight in points.items()
    ]
    # Two coins in the middle keep the intercept finite where all were right.
    middle = [1.0, *(0.0 for _ in kept)]
    rows += [(middle, 1.0, _PSEUDO_TASKS / 2), (middle, 0.0, _PSEUDO_TASKS / 2)]
    size = len(middle)
    slopes = [0.0] * size
    for _ in range(_NEWTON_STEPS):
        gradient, curvature = _derivatives(rows, slopes)
        step = [sum(cell * value for cell, value in zip(row, gradient, strict=True)) for row in _inverse(curvature)]
        # A bounded step keeps Newton from overshooting where the likelihood is flat.
        shrink = min(1.0, 2.0 / max(_LEAST_SCALE, max(map(abs, step))))
        slopes = [slope + shrink * change for slope, change in zip(slopes, step, strict=True)]
        if max(map(abs, step)) < 1e-10:
            break
    return slopes, _inverse(_derivatives(rows, slopes)[1])


def _derivatives(
    rows: Sequence[tuple[list[float], float, float]], slopes: Sequence[float]
) -> tuple[list[float], list[list[float]]]:
    size = len(slopes)
    gradient = [0.0, *(-_PENALTY * slope for slope in slopes[1:])]
    curvature = [[_PENALTY if i == j and i > 0 else 0.0 for j in range(size)] for i in range(size)]
    for point, right, weight in rows:
        chance = sigmoid(sum(slope * value for slope, value in zip(slopes, point, strict=True)))
        pull, bend = weight * (right - chance), weight * chance * (1 - chance)
        for i, value in enumerate(point):
            gradient[i] += pull * value
            for j, other in enumerate(point):
                curvature[i][j] += bend * value * other
    return gradient, curvature


def _inverse(matrix: Sequence[Sequence[float]]) -> list[list[float]]:
    """Invert a symmetric positive definite matrix by Gauss and Jordan; its pivots are positive."""
    size = len(matrix)
    work = [[*row, *(float(i == j) for j in range(size))] for i, row in enumerate(matrix)]
    for i in range(size):
        pivot = work[i][i]
        work[i] = [cell / pivot for cell in work[i]]
        for j in range(size):
            if j != i:
                factor = work[j][i]
                work[j] = [cell - factor * base for cell, base in zip(work[j], work[i], strict=True)]
    return [row[size:] for row in work]


_FITS: dict[Method, Callable[[Points, Sequence[Feature], Provenance], Calibration]] = {
    Method.BASE_RATE: _base_rate,
    Method.ISOTONIC: _isotonic,
    Method.LOGISTIC: _logistic,
}
