"""How likely a won task is wrong all the same, by the evidence of its election: a calibration fitted on data.

Errors correlate, so nothing here follows from the margin by a formula of independent votes. It fits nothing itself
(that is ``fitting``), and knows no more than its data: its provenance says which those were.
"""

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import Literal, NamedTuple

from pydantic import AliasChoices, Field, ValidationError, model_validator

from millwright.core.learning import Belief, Range
from millwright.errors import BadInput
from schemas.base import Schema
from schemas.election import Tally
from schemas.verification import Verdict, VerdictStatus

_NINE_IN_TEN = 1.6448536269514722
"""Standard deviations to either side within which a normal figure lies nine times in ten."""

_MOST_EXAMPLES = 8
"""Examples beyond which one more is not counted."""

_LAYERS = 8


class Evidence(Schema):
    """What is known of a won task: how it was won, and how far its winner was checked.

    ``leaders_yield`` is the leader's share of all attempts (``yield`` in JSON), ``layers`` how many layers it passed.
    """

    margin: int = Field(ge=1, le=10_000)
    purity: float = Field(ge=0, le=1)
    leaders_yield: float = Field(
        ge=0, le=1, validation_alias=AliasChoices("yield", "leaders_yield"), serialization_alias="yield"
    )
    examples: int = Field(ge=0)
    layers: int = Field(ge=0, le=_LAYERS)


class Trial(Evidence):
    """A won task of which it is known whether its winner was right.

    Trials of one ``task`` are not independent: together they count as one. Without a task each stands for itself.
    """

    right: bool
    task: str = ""


def evidence_of(tally: Tally, examples: int, verdicts: Sequence[Verdict]) -> Evidence:
    """Gather the evidence of an election that was won: its counts, the task's examples, the winner's verdicts."""
    return Evidence(
        margin=max(1, tally.margin),
        purity=tally.purity,
        leaders_yield=tally.leaders_yield,
        examples=examples,
        layers=len({verdict.layer for verdict in verdicts if verdict.status is VerdictStatus.PASSED}),
    )


class Feature(StrEnum):
    """A figure that more of never makes a defect likelier."""

    MARGIN = "margin"
    AGREEMENT = "agreement"
    EXAMPLES = "examples"
    LAYERS = "layers"


def value_of(feature: Feature, evidence: Evidence) -> float:
    """Return a figure: of counts the logarithm, and purity × √yield as agreement, the best single rule measured."""
    if feature is Feature.MARGIN:
        return math.log(evidence.margin)
    if feature is Feature.AGREEMENT:
        return evidence.purity * math.sqrt(evidence.leaders_yield)
    if feature is Feature.EXAMPLES:
        return math.log1p(min(evidence.examples, _MOST_EXAMPLES))
    return evidence.layers / _LAYERS


class Method(StrEnum):
    """How a calibration predicts."""

    BASE_RATE = "base rate"
    LOGISTIC = "logistic"
    ISOTONIC = "isotonic"


class Weight(Schema):
    """A feature of the logistic fit: standardised by ``centre`` and ``scale``; beyond ``most`` it is not trusted."""

    feature: Feature
    centre: float
    scale: float = Field(gt=0)
    most: float
    weight: float = Field(ge=0)


class Step(Schema):
    """From this value of the feature on, winners were right so often (in independent tasks)."""

    least: float
    right: Belief


class Provenance(Schema):
    """Where a calibration comes from; ``date`` as the caller gave it. Briers are of tasks held out from the fit."""

    source: str
    date: str
    elections: int = Field(ge=0)
    tasks: int = Field(ge=0)
    right: float = Field(ge=0, le=1)
    brier: float = Field(ge=0, le=1)
    brier_of_base_rate: float = Field(ge=0, le=1)
    note: str = ""


class Calibration(Schema):
    """Predicts the defect probability of won tasks; as data, so that it can be kept in a file.

    A logistic one has an ``intercept``, ``weights`` and the ``covariance`` of all of them, intercept first; an isotonic
    one ``steps`` over ``agreement``; the base rate is a single step.
    """

    format: Literal["millwright-calibration/1"] = "millwright-calibration/1"
    method: Method
    provenance: Provenance
    intercept: float = 0.0
    weights: tuple[Weight, ...] = ()
    covariance: tuple[tuple[float, ...], ...] = ()
    steps: tuple[Step, ...] = ()

    @model_validator(mode="after")
    def _demand_all_parts(self) -> "Calibration":
        if self.method is Method.LOGISTIC:
            size = len(self.weights) + 1
            if [len(row) for row in self.covariance] != [size] * size:
                raise ValueError(f"the covariance of {size - 1} weights and an intercept has {size} rows of {size}")
        elif not self.steps or list(self.steps) != sorted(self.steps, key=lambda step: step.least):
            raise ValueError("give steps, in ascending order")
        return self

    def defect(self, evidence: Evidence) -> Range:
        """Return the probability that the winner is wrong, within an interval of nine in ten."""
        if self.method is Method.LOGISTIC:
            return self._by_logit(evidence)
        known = self._step(evidence).right.interval()
        return Range(1 - known.high, 1 - known.mid, 1 - known.low)

    def defect_probability(self, evidence: Evidence) -> float:
        """Return the probability that the winner is wrong, without the interval, which takes longer."""
        if self.method is Method.LOGISTIC:
            return self._by_logit(evidence).mid
        return 1 - self._step(evidence).right.mean

    def _step(self, evidence: Evidence) -> Step:
        value = value_of(Feature.AGREEMENT, evidence)
        return next((step for step in reversed(self.steps) if step.least <= value), self.steps[0])

    def _by_logit(self, evidence: Evidence) -> Range:
        point = [1.0]
        for each in self.weights:
            value = min(each.most, value_of(each.feature, evidence))
            point.append((value - each.centre) / each.scale)
        slopes = [self.intercept, *(each.weight for each in self.weights)]
        logit = sum(slope * value for slope, value in zip(slopes, point, strict=True))
        spread = [sum(cell * value for cell, value in zip(row, point, strict=True)) for row in self.covariance]
        variance = sum(each * value for each, value in zip(spread, point, strict=True))
        reach = _NINE_IN_TEN * math.sqrt(max(0.0, variance))
        return Range(*(sigmoid(-each) for each in (logit + reach, logit, logit - reach)))


def read_calibration(content: bytes | str, origin: str) -> Calibration:
    """Read a calibration from the JSON of its file.

    Raises:
        BadInput: it is none.
    """
    try:
        return Calibration.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise BadInput(
            f"{origin} is no calibration ({where}: {first['msg']}); `millwright calibrate` writes one"
        ) from error


def brier(predicted: Sequence[tuple[float, bool]]) -> float:
    """Return the mean squared error of defect probabilities, each with whether there was a defect; 0 is perfect.

    Raises:
        BadInput: there are none.
    """
    if not predicted:
        raise BadInput("nothing was predicted: give at least one result")
    return sum((chance - wrong) ** 2 for chance, wrong in predicted) / len(predicted)


class Bin(NamedTuple):
    """Predictions near each other: their bounds, number and mean, and how often there was a defect."""

    low: float
    high: float
    size: int
    predicted: float
    observed: float


def reliability_diagram(predicted: Sequence[tuple[float, bool]], bins: int = 10) -> tuple[Bin, ...]:
    """Sort defect probabilities into at most so many bins of about equal counts; equal ones stay together.

    Raises:
        BadInput: fewer than one bin.
    """
    if bins < 1:
        raise BadInput(f"the number of bins is {bins}: give at least 1")
    ordered = sorted(predicted)
    found: list[Bin] = []
    start = 0
    while start < len(ordered):
        room = max(1, bins - len(found))
        end = start + -(-(len(ordered) - start) // room)
        while end < len(ordered) and ordered[end][0] == ordered[end - 1][0]:
            end += 1
        found.append(_bin(ordered[start:end]))
        start = end
    return tuple(found)


def _bin(inside: Sequence[tuple[float, bool]]) -> Bin:
    count = len(inside)
    mean, share = sum(chance for chance, _ in inside) / count, sum(wrong for _, wrong in inside) / count
    return Bin(inside[0][0], inside[-1][0], count, mean, share)


def sigmoid(logit: float) -> float:
    """Return 1 / (1 + e^-x) without overflow."""
    if logit >= 0:
        return 1 / (1 + math.exp(-logit))
    power = math.exp(logit)
    return power / (1 + power)
