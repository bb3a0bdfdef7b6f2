"""Shares a project's allowance of failure out over its kinds of tasks, at the least cost: a margin for each kind.

It forecasts nothing: what the margins are expected to give and to take is told by ``margins``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from millwright.core.learning import Known, Range
from millwright.core.reliability import HIGHEST_MARGIN, expected_ballots, loss
from millwright.errors import BadInput

COIN = 0.5
"""The p at and below which no margin makes the right answer likelier."""

ROUNDING = 1e-9
_TINY = 1e-12

_SURE = 1e-6
"""No share is believed to be nearer to 0 or 1 than this, whatever was seen."""

_EFFORT_OF_A_FREE_CALL = 1e-9
"""Beside calls that cost money: so little that free ones go first, and enough to choose among them."""


@dataclass(frozen=True)
class Remaining:
    """Tasks of one kind that are still to be voted on, and what is known of that kind.

    ``p`` is the chance that a verified ballot is right, ``usable`` the share of answers that become ballots, each
    between the bounds of its interval; ``tokens_per_call`` and ``cost_per_call`` are what one answer takes.
    """

    name: str
    tasks: int
    p: Range
    usable: Range
    tokens_per_call: float = 1_200.0
    cost_per_call: float = 0.0


def remaining_tasks(
    name: str, tasks: int, known: Known, *, tokens_per_call: float = 1_200.0, cost_per_call: float = 0.0
) -> Remaining:
    """Say what is known of tasks that remain: p is the cautious one, the intervals hold nine times in ten."""
    right, usable = known.right.interval(), known.usable.interval()
    cautious = known.right.cautious
    p = Range(min(right.low, cautious), cautious, right.high)
    p, usable = (Range(*(min(1 - _SURE, max(_SURE, share)) for share in each)) for each in (p, usable))
    return Remaining(name, tasks, p, usable, tokens_per_call, cost_per_call)


@dataclass(frozen=True)
class Settled:
    """What is over: how many tasks, and the sum of their predicted defect probabilities."""

    tasks: int = 0
    expected_defects: float = 0.0


@dataclass(frozen=True)
class Left:
    """What may still be spent; None is no cap."""

    calls: float | None = None
    tokens: float | None = None
    cost: float | None = None

    def covers(self, calls: float, tokens: float, cost: float) -> bool:
        """Say whether so much may be spent."""
        pairs = ((calls, self.calls), (tokens, self.tokens), (cost, self.cost))
        return all(cap is None or amount <= cap * (1 + ROUNDING) for amount, cap in pairs)


def allocate(
    target: float,
    remaining: Sequence[Remaining],
    *,
    max_attempts: int = 20,
    settled: Settled | None = None,
    left: Left | None = None,
    least: int = 1,
) -> tuple[int, ...]:
    """Return the margins alone, in the order of the kinds: what ``plan`` chooses, without its forecast.

    One more vote of margin goes, again and again, where it gains the most log-success for its cost. Loss falls and cost
    rises with k, both convexly, so this meets the allowance at the least cost, up to the size of one step. Kinds whose
    widest margin misses their even share of an allowance that is out of reach keep that margin: what they lack is not
    made up for by the others. No margin is narrower than ``least``, whatever is left, but where the attempts decide no
    wider one.

    Raises:
        BadInput: a target, count or share outside its bounds, or two kinds of one name.
    """
    settled, left = settled or Settled(), left or Left()
    check_kinds(target, remaining, max_attempts)
    allowed = allowance(target, sum(each.tasks for each in remaining), settled)
    climb = _Climb(remaining, max_attempts, left, least)
    hopeful, short = climb.divide(allowed)
    share = sum(remaining[i].tasks for i in hopeful) / sum(each.tasks for each in remaining) if short else 1.0
    climb.raise_until(hopeful, allowed * share)
    climb.trim(hopeful, allowed * share)
    climb.raise_until(short, -math.inf)
    return tuple(climb.ks)


def allowance(target: float, tasks: int, settled: Settled) -> float:
    """Return how much of -ln(target) the tasks that remain may take.

    It is what the settled ones left, yet never less than their even share of the whole: tasks that went badly are not
    undone by spending without end on the others.
    """
    whole = -math.log(target)
    return max(whole - settled.expected_defects, whole * tasks / max(1, tasks + settled.tasks))


def widest_margin(p: float, usable: float, max_attempts: int) -> int:
    """Return the widest margin that so many attempts decide on average, at least 1; p below one half counts as that."""
    k, ballots = 1, max_attempts * usable
    while k < HIGHEST_MARGIN and expected_ballots(max(p, COIN), k + 1) <= ballots * (1 + ROUNDING):
        k += 1
    return k


class _Climb:
    """Margins on their way up, one step for all tasks of a kind at a time."""

    def __init__(self, remaining: Sequence[Remaining], max_attempts: int, left: Left, least: int) -> None:
        self._remaining = remaining
        self._attempts = max_attempts
        self._left = left
        self._paid = any(each.cost_per_call > 0 for each in remaining)
        self._caps = [widest_margin(each.p.mid, each.usable.mid, max_attempts) for each in remaining]
        self._floors = [min(least, cap) for cap in self._caps]
        self.ks = list(self._floors)

    def divide(self, allowed: float) -> tuple[list[int], list[int]]:
        """Return the kinds that can meet the allowance, and those that only their widest margin is left for."""
        everyone = range(len(self._remaining))
        tasks = sum(each.tasks for each in self._remaining)
        voting = {i for i in everyone if self._remaining[i].p.mid > COIN}
        if sum(self._loss(i, self._caps[i]) for i in everyone) > allowed:
            share = allowed / max(1, tasks)
            voting = {i for i in voting if self._loss(i, self._caps[i]) <= share * self._remaining[i].tasks}
        return sorted(voting), [i for i in everyone if i not in voting]

    def raise_until(self, kinds: Sequence[int], allowed: float) -> None:
        """Raise margins, the best bargain first, until the loss is allowed or no step is left that can be paid."""
        open_kinds = set(kinds)
        lost = sum(self._loss(i, self.ks[i]) for i in kinds)
        while open_kinds and lost > allowed:
            best = max(sorted(open_kinds), key=self._bargain)
            if self.ks[best] >= self._caps[best] or not self._can_pay(best):
                open_kinds.discard(best)
                continue
            lost -= self._loss(best, self.ks[best]) - self._loss(best, self.ks[best] + 1)
            self.ks[best] += 1

    def trim(self, kinds: Sequence[int], allowed: float) -> None:
        """Take back steps that the last one made needless, the dearest first."""
        lost = sum(self._loss(i, self.ks[i]) for i in kinds)
        for i in sorted(kinds, key=lambda kind: -self._effort(kind, self.ks[kind])):
            while (
                self.ks[i] > self._floors[i]
                and lost + (more := self._loss(i, self.ks[i] - 1) - self._loss(i, self.ks[i])) <= allowed
            ):
                self.ks[i] -= 1
                lost += more

    def _loss(self, i: int, k: int) -> float:
        return self._remaining[i].tasks * loss(self._remaining[i].p.mid, k)

    def _draws(self, i: int, k: int) -> float:
        each = self._remaining[i]
        return each.tasks * draws(each.p.mid, each.usable.mid, k, self._attempts)

    def _effort(self, i: int, k: int) -> float:
        price = self._remaining[i].cost_per_call or _EFFORT_OF_A_FREE_CALL if self._paid else 1.0
        return self._draws(i, k) * price

    def _bargain(self, i: int) -> float:
        """Return the log-success that one more vote of margin brings for its cost; free where draws are capped."""
        k = self.ks[i]
        return (self._loss(i, k) - self._loss(i, k + 1)) / max(_TINY, self._effort(i, k + 1) - self._effort(i, k))

    def _can_pay(self, i: int) -> bool:
        ks = [k + (place == i) for place, k in enumerate(self.ks)]
        draws = [self._draws(place, k) for place, k in enumerate(ks)]
        tokens = sum(count * each.tokens_per_call for count, each in zip(draws, self._remaining, strict=True))
        cost = sum(count * each.cost_per_call for count, each in zip(draws, self._remaining, strict=True))
        return self._left.covers(sum(draws), tokens, cost)


def draws(p: float, usable: float, k: int, max_attempts: int) -> float:
    return min(float(max_attempts), expected_ballots(p, k) / usable)


def check_kinds(target: float, remaining: Sequence[Remaining], max_attempts: int) -> None:
    if not 0 < target < 1:
        raise BadInput(f"the target is {target}: give a probability above 0 and below 1")
    if max_attempts < 1:
        raise BadInput(f"the attempts are {max_attempts}: give at least 1")
    if len({each.name for each in remaining}) != len(remaining):
        raise BadInput("two kinds of tasks have the same name: give each kind once")
    for each in remaining:
        if each.tasks < 1:
            raise BadInput(f"{each.name} has {each.tasks} tasks: give at least 1, or leave the kind out")
        if not 0 < each.p.low <= each.p.mid <= each.p.high < 1:
            raise BadInput(f"p of {each.name} is {tuple(each.p)}: give a range within 0 and 1, without its ends")
        if not 0 < each.usable.low <= each.usable.mid <= each.usable.high <= 1:
            raise BadInput(f"the usable share of {each.name} is {tuple(each.usable)}: give a range above 0, at most 1")
