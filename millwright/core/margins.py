"""Which margins a project needs, kind by kind of task, and what they are expected to take: the reliability plan.

It learns nothing and settles nothing: it is called again with what ``learning`` knows by then, and plans anew. The
chances that it states assume independent votes, as ``reliability`` does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from millwright.core.allocation import (
    COIN,
    ROUNDING,
    Left,
    Remaining,
    Settled,
    allocate,
    check_kinds,
    draws,
    widest_margin,
)
from millwright.core.learning import Range
from millwright.core.reliability import ballots_variance, loss, success_probability
from millwright.errors import BadInput

_NINE_IN_TEN = 1.6448536269514722
"""Standard deviations to either side within which a normal figure lies nine times in ten."""


@dataclass(frozen=True)
class Margin:
    """The margin planned for one kind.

    ``success`` is the chance that one such task is right. ``voting_helps`` is false at p of one half and below, where
    no margin makes the right answer likelier; ``capped``: the attempts of one task decide no wider margin.
    """

    name: str
    tasks: int
    k: int
    success: Range
    voting_helps: bool
    capped: bool


@dataclass(frozen=True)
class ReliabilityPlan:
    """Margins per kind, and what they are expected to give and to take, each figure with an interval.

    ``success`` is the chance that all tasks are right, the settled ones too; ``reached``: its middle figure meets the
    target. ``affordable`` is false where even the narrowest margins pass what is left. ``notes`` say in words what
    stands against the target.
    """

    target: float
    margins: tuple[Margin, ...]
    success: Range
    calls: Range
    tokens: Range
    cost: Range
    reached: bool
    affordable: bool
    notes: tuple[str, ...] = ()

    def k_of(self, name: str) -> int:
        """Return the margin of a kind.

        Raises:
            BadInput: the plan has no tasks of this kind.
        """
        for margin in self.margins:
            if margin.name == name:
                return margin.k
        raise BadInput(f"the plan has no tasks of the kind {name!r}: plan again with them")


def plan(
    target: float,
    remaining: Sequence[Remaining],
    *,
    max_attempts: int = 20,
    settled: Settled | None = None,
    left: Left | None = None,
    k: int | None = None,
    least: int = 1,
) -> ReliabilityPlan:
    """Plan the margin of every kind, so that all tasks are right with probability ``target`` at the least cost.

    Called again as tasks settle and p is learned, it adapts both ways: better voters get a narrower margin, worse ones
    a wider one, within what is left and what the attempts of one task can decide. ``k`` fixes the margin of all kinds:
    the plan then only says what that gives and takes; ``least`` is the narrowest that it chooses itself.

    Raises:
        BadInput: a target, count or share outside its bounds, or two kinds of one name.
    """
    settled, left = settled or Settled(), left or Left()
    if k is None:
        ks = allocate(target, remaining, max_attempts=max_attempts, settled=settled, left=left, least=least)
    else:
        check_kinds(target, remaining, max_attempts)
        ks = (k,) * len(remaining)
    chosen = tuple(_margin(each, k, max_attempts) for each, k in zip(remaining, ks, strict=True))
    losses = [sum(each.tasks * loss(each.p[i], k) for each, k in zip(remaining, ks, strict=True)) for i in range(3)]
    success = Range(*(math.exp(-settled.expected_defects - lost) for lost in losses))
    calls = _spread(remaining, ks, max_attempts, [1.0 for _ in remaining])
    tokens = _spread(remaining, ks, max_attempts, [each.tokens_per_call for each in remaining])
    cost = _spread(remaining, ks, max_attempts, [each.cost_per_call for each in remaining])
    reached = success.mid >= target * (1 - ROUNDING)
    affordable = left.covers(calls.mid, tokens.mid, cost.mid)
    return ReliabilityPlan(
        target=target,
        margins=chosen,
        success=success,
        calls=calls,
        tokens=tokens,
        cost=cost,
        reached=reached,
        affordable=affordable,
        notes=tuple(_notes(target, chosen, success.mid, reached=reached, affordable=affordable)),
    )


def _margin(each: Remaining, k: int, max_attempts: int) -> Margin:
    return Margin(
        name=each.name,
        tasks=each.tasks,
        k=k,
        success=Range(*(success_probability(p, k) for p in each.p)),
        voting_helps=each.p.mid > COIN,
        capped=k >= widest_margin(each.p.mid, each.usable.mid, max_attempts),
    )


def _spread(remaining: Sequence[Remaining], ks: Sequence[int], max_attempts: int, weights: Sequence[float]) -> Range:
    """Sum a figure over all calls: from the good end of what is believed to the bad one, and the luck of the votes."""
    ends, variance = [0.0, 0.0, 0.0], 0.0
    for each, k, weight in zip(remaining, ks, weights, strict=True):
        pairs = ((each.p.high, each.usable.high), (each.p.mid, each.usable.mid), (each.p.low, each.usable.low))
        counts = [draws(p, usable, k, max_attempts) for p, usable in pairs]
        # Below one half worse odds decide sooner, for the wrong side.
        for end, count in enumerate((min(counts), counts[1], max(counts))):
            ends[end] += each.tasks * count * weight
        spread = min(ballots_variance(each.p.mid, k) / each.usable.mid**2, max_attempts**2 / 4)
        variance += each.tasks * spread * weight**2
    luck = _NINE_IN_TEN * math.sqrt(variance)
    least = sum(each.tasks * k * weight for each, k, weight in zip(remaining, ks, weights, strict=True))
    return Range(min(ends[1], max(least, ends[0] - luck)), ends[1], ends[2] + luck)


def _notes(target: float, margins: Sequence[Margin], success: float, *, reached: bool, affordable: bool) -> list[str]:
    notes = [
        f"{margin.name}: a ballot is likelier wrong than right, so voting cannot help; k = {margin.k} only keeps "
        "chance winners out"
        for margin in margins
        if not margin.voting_helps
    ]
    if not reached:
        short = [margin.name for margin in margins if margin.capped and margin.voting_helps]
        where = f"; at the widest margin that the attempts decide: {', '.join(short)}" if short else ""
        notes.append(f"all tasks are right with probability {success:.3f}, short of the target {target:g}{where}")
    if not affordable:
        notes.append("even these margins pass what is left to spend")
    return notes
