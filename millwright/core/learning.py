"""What elections teach about a model: how often a verified ballot is right, and how often an answer becomes one.

It decides nothing and knows no truth: it counts what won as right, at a discount. What follows for the margin is told
by ``reliability``, and how far a winner may be trusted by ``calibration``.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

from pydantic import Field

from millwright.core.beta import beta_quantile
from millwright.errors import BadInput
from schemas.base import Schema
from schemas.election import Election, ElectionState
from schemas.lessons import Difficulty, Kind, Lesson
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
        return self.plus(lesson(kind, count.attempts, count.ballots, leading, won=election.state is ElectionState.WON))

    def plus(self, taught: Lesson) -> "Experience":
        """Add a lesson to what is known of its kind."""
        before = self.of(taught.kind)
        known = Known(
            kind=taught.kind,
            right=before.right.after(taught.right, taught.wrong),
            usable=before.usable.after(taught.ballots, taught.blanks),
            elections=before.elections + taught.elections,
        )
        others = tuple(other for other in self.kinds if other.kind != taught.kind)
        order = sorted((*others, known), key=lambda each: _order(each.kind))
        return self.model_copy(update={"kinds": tuple(order)})


def lesson(kind: Kind, attempts: int, ballots: int, leading: int, *, won: bool) -> Lesson:
    """Say what one election that is over taught: ``leading`` votes for the leader, of so many ballots and attempts."""
    right = leading if won else leading * _HALF
    return Lesson(
        kind=kind,
        right=right * DISCOUNT,
        wrong=(ballots - right) * DISCOUNT,
        ballots=ballots * DISCOUNT,
        blanks=(attempts - ballots) * DISCOUNT,
        elections=1,
    )


def summed(lessons: Iterable[Lesson]) -> tuple[Lesson, ...]:
    """Add lessons up by kind, in an order that depends on the kinds alone."""
    by_kind: dict[tuple[str, str, str], Lesson] = {}
    for each in lessons:
        before = by_kind.get(_order(each.kind))
        by_kind[_order(each.kind)] = each if before is None else before.plus(each)
    return tuple(by_kind[key] for key in sorted(by_kind))


def _order(kind: Kind) -> tuple[str, str, str]:
    return kind.archetype.value, kind.model, kind.difficulty.value
