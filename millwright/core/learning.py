"""What elections teach about a model: how often a verified ballot is right, and how often an answer becomes one.

It decides nothing and knows no truth: it counts what won as right, at a discount. What follows for the margin is told
by ``reliability``, and how far a winner may be trusted by ``calibration``.
"""

import math
from enum import StrEnum
from typing import NamedTuple

from pydantic import Field

from millwright.errors import BadInput
from schemas.base import Schema
from schemas.election import Election, ElectionState
from schemas.identity import Archetype
from schemas.specification import TaskSpecification

DISCOUNT = 0.5
"""What one ballot counts as, in independent ballots.

The ballots of an election share a task and often a mistake. By Kish's design effect n correlated ballots are worth
n / (1 + (n - 1) r); five ballots at r = 0.25 are worth half. The factor is the same for short and long elections: one
that fell with the length would count the unanimous ones more, and so find the model better than it is.
"""

_HALF = 0.5
_JUST_ABOVE_HALF = 0.501
"""Doubt alone does not make voting hopeless: only a mean of one half or below does."""

_TERMS = 200
"""Most terms of the continued fraction, beside ten for each root of the larger parameter: it converges long before."""

_HALVINGS = 1_100
"""From 1 to the smallest float, and to its last bit; few shares need more than sixty."""

_TINY = 1e-300


class Range(NamedTuple):
    """A figure between the bounds of its interval."""

    low: float
    mid: float
    high: float


class Belief(Schema):
    """A share that is not known exactly: a Beta distribution, as if ``alpha`` hits and ``beta`` misses were seen."""

    alpha: float = Field(gt=0)
    beta: float = Field(gt=0)

    @property
    def mean(self) -> float:
        """The expected share."""
        return self.alpha / (self.alpha + self.beta)

    @property
    def cautious(self) -> float:
        """The share to plan with: a standard deviation below the mean, yet not across one half.

        A voter who is worse than believed costs more defects than a better one saves; on simulated projects the plan
        then meets its target, which it misses when it takes the mean (``benchmarks/voting/adaptive.py``).
        """
        total = self.alpha + self.beta
        deviation = math.sqrt(self.alpha * self.beta / (total + 1)) / total
        return max(self.mean - deviation, min(self.mean, _JUST_ABOVE_HALF))

    def after(self, hits: float, misses: float) -> "Belief":
        """Add what was seen; fractions of a hit are allowed."""
        return Belief(alpha=self.alpha + hits, beta=self.beta + misses)

    def interval(self, level: float = 0.9) -> Range:
        """Return the mean between the bounds of the equal-tailed credible interval.

        Raises:
            BadInput: a level outside (0, 1).
        """
        if not 0 < level < 1:
            raise BadInput(f"the level is {level}: give a probability above 0 and below 1")
        tail = (1 - level) / 2
        low, high = (beta_quantile(share, self.alpha, self.beta) for share in (tail, 1 - tail))
        # A very lopsided belief has its mean outside: the range must still be one.
        return Range(min(low, self.mean), self.mean, max(high, self.mean))


def prior(mean: float, strength: float) -> Belief:
    """Return the belief that a share is about ``mean``, worth ``strength`` independent observations.

    Raises:
        BadInput: a mean outside (0, 1), or a strength that is not above 0 and finite.
    """
    if not 0 < mean < 1:
        raise BadInput(f"the mean is {mean}: give a share above 0 and below 1")
    if not 0 < strength < math.inf:
        raise BadInput(f"the strength is {strength}: give a number of observations above 0")
    return Belief(alpha=mean * strength, beta=(1 - mean) * strength)


class Difficulty(StrEnum):
    """How much a task asks for, in three classes."""

    EASY = "easy"
    MEDIUM = "medium"
    HARD = "hard"


_EASY_BELOW, _HARD_FROM = 1.75, 3.0


def difficulty(task: TaskSpecification) -> Difficulty:
    """Class a task by what its specification allows and tells; a rule of judgment, since p is learned per class.

    Every four inputs, twenty lines and ten points of complexity weigh 1, and so does having no example (one: a half).
    Below 1.75 a task is easy, from 3 hard: two inputs, twenty lines, complexity ten and two examples come to 2.5.
    """
    missing = (1.0, 0.5)[len(task.test_cases)] if len(task.test_cases) < 2 else 0.0
    weight = len(task.inputs) / 4 + task.max_lines / 20 + task.max_complexity / 10 + missing
    if weight < _EASY_BELOW:
        return Difficulty.EASY
    return Difficulty.HARD if weight >= _HARD_FROM else Difficulty.MEDIUM


class Kind(Schema):
    """What p is learned for: who answers, with which model, and how much is asked for."""

    archetype: Archetype
    model: str
    difficulty: Difficulty


class Known(Schema):
    """What is known of a kind: the share of ballots that are right, of answers that become ballots, and from how many
    elections."""

    kind: Kind
    right: Belief
    usable: Belief
    elections: int = 0


class Experience(Schema):
    """All that was learned, and the priors of what was not met yet.

    The defaults are judgments, weak enough that a few elections outweigh them: a model's preset gives better ones.
    """

    right: Belief = prior(0.8, 6)
    usable: Belief = prior(0.7, 6)
    kinds: tuple[Known, ...] = ()

    def of(self, kind: Kind) -> Known:
        """Return what is known of a kind: at first, the priors."""
        fresh = Known(kind=kind, right=self.right, usable=self.usable)
        return next((known for known in self.kinds if known.kind == kind), fresh)

    def after(self, kind: Kind, election: Election) -> "Experience":
        """Learn from an election that is over; one that is open teaches nothing yet.

        Of a won one the leader's votes count as right. Of an exhausted one half of them do: leaving those out would
        make every model look as good as on its easiest tasks. All other votes count as wrong.
        """
        if election.state is ElectionState.OPEN:
            return self
        count = election.tally
        leading = count.groups[0].votes if count.groups else 0
        right = leading if election.state is ElectionState.WON else leading * _HALF
        before = self.of(kind)
        known = Known(
            kind=kind,
            right=before.right.after(right * DISCOUNT, (count.ballots - right) * DISCOUNT),
            usable=before.usable.after(count.ballots * DISCOUNT, (count.attempts - count.ballots) * DISCOUNT),
            elections=before.elections + 1,
        )
        others = tuple(other for other in self.kinds if other.kind != kind)
        order = sorted((*others, known), key=lambda each: (each.kind.archetype, each.kind.model, each.kind.difficulty))
        return self.model_copy(update={"kinds": tuple(order)})


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
