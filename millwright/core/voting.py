"""Counts ballots and decides elections: first to lead by k, with the purity and the yield that the rule demands.

It draws nothing and compares no behaviour: a ballot arrives with its signature, and equal signatures are one vote. It
assumes nothing of how independent the voters are; what a margin is worth is told by ``reliability``. It remembers
nothing either: where a new input splits a group, all attempts are counted afresh, and a point that decided may vanish.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from typing import NamedTuple

from millwright.errors import BadInput
from schemas.election import Attempt, Ballot, Election, ElectionState, Group, Rule, Slot, Tally
from schemas.identity import Digest, LayerName

LEAST_PURITY = 0.5
LEAST_YIELD = 0.15
PATIENCE = 12
"""What code needs beside its margin, and when hope ends. On the recorded answers of ``benchmarks/voting`` (k 3, 20
attempts) they change neither coverage nor precision by a point and save a fifth of the samples; at 50 attempts they
raise what is right of what is accepted from 93 to 98 %."""


def gated(rule: Rule) -> Rule:
    """Return a rule with the gates and the patience of elections over code."""
    return rule.model_copy(update={"min_purity": LEAST_PURITY, "min_yield": LEAST_YIELD, "patience": PATIENCE})


def ungated(rule: Rule) -> Rule:
    """Return a rule by the margin alone: sound structures are rare, and differ in more than behaviour."""
    return rule.model_copy(update={"min_purity": 0.0, "min_yield": 0.0, "patience": None})


def tally(attempts: Iterable[Attempt]) -> Tally:
    """Count attempts, in order of slot whatever the order of arrival.

    An attempt that arrives twice counts once.

    Raises:
        BadInput: two different attempts claim the same slot.
    """
    return _counted(_in_slot_order(attempts))


def draws_needed(tally: Tally, rule: Rule) -> int:
    """Return how many answers to draw in parallel now: up to the first that could end the election, and no more.

    It is won soonest if all of them vote for the leader: no draw of such a batch can come after the deciding one. With
    purity, yield or patience in the rule, a batch also ends where the election would be hopeless if none of it were a
    ballot: a gate may need many votes more, and most would be drawn after all hope had gone. A rule of ``k`` alone
    never needs more than ``k``, and keeps to them. 0 when the tally wins, or is hopeless already.
    """
    # No group can win sooner than the leader, and no mixture of outcomes sooner than a unanimous batch. Say a group of
    # v votes, its strongest rival having r, wins after j draws, x of which vote for it and y of which vote at all, so
    # that x <= y <= j. With b ballots and a attempts until now it needs
    #     margin  v + x - r     >= k,       and  v + x - r    <= v + j - r
    #     purity  (v + x)/(b+y) >= purity,  and  (v+x)/(b+y)  <= (v+x)/(b+x) <= (v+j)/(b+j), since v <= b
    #     yield   (v + x)/(a+j) >= yield,   and  (v+x)/(a+j)  <= (v+j)/(a+j).
    # All three bounds grow with v and fall with r, and the leader has the greatest v and the smallest r: j unanimous
    # draws would let it win too. They also grow with j, so that the least j is found by bisection, with the division
    # that decides (it is rounded correctly, hence monotone) and not with another formula that may round otherwise.
    now, left = _standing(tally), rule.max_attempts - tally.attempts
    if left < 1 or now.wins(rule) or not now.after(left).wins(rule):
        return 0
    needed = bisect_left(range(left + 1), True, key=lambda votes: now.after(votes).wins(rule))
    if not rule.min_purity and not rule.min_yield and rule.patience is None:
        return needed
    patience = left if rule.patience is None else max(0, rule.patience - tally.idle)
    hopeless = bisect_left(
        range(left + 1), True, key=lambda blanks: not now.after(left - blanks, blanks=blanks).wins(rule)
    )
    return min(needed, hopeless, patience)


def decide(attempts: Iterable[Attempt], rule: Rule) -> Election:
    """Decide an election over all attempts of complete rounds.

    Ballots count in order of slot, and the first at which a group leads by ``k``, with ``min_purity`` of the ballots
    and ``min_yield`` of the attempts up to there, decides: what comes later is in the tally, but changes neither who
    won nor which of the winning group's candidates is taken (the best by merit among those counted until then; of
    equals the first drawn). ``best`` is the winner, or else the leading group's best so far.

    The election is exhausted once no group can win with the attempts that are left, or once the last ``patience``
    attempts brought no vote to a leading group (all groups that tie for the lead are leading); ``reason`` tells which.
    Both are judged by where the attempts stand now, not by where they stood in passing.

    A round that is still incomplete may decide otherwise than the whole round: it is the caller's to wait for it.

    Raises:
        BadInput: two different attempts claim the same slot.
    """
    ordered = _in_slot_order(attempts)
    counted = _counted(ordered)
    decisive = _decisive(ordered, rule)
    reason = ""
    if decisive is not None:
        state, group = ElectionState.WON, decisive
    else:
        reason = _hopeless(counted, rule)
        state = ElectionState.EXHAUSTED if reason else ElectionState.OPEN
        leaders = {leader.signature for leader in counted.groups[:1]}
        group = [ballot for ballot in _ballots(ordered) if ballot.signature in leaders]
    best = min(group, key=_rank).candidate if group else None
    layers = Counter(attempt.rejected_by for attempt in ordered)
    return Election(
        state=state,
        tally=counted,
        reason=reason,
        winner=best if state is ElectionState.WON else None,
        best=best,
        rejected_by_layer={layer: layers[layer] for layer in LayerName if layers[layer]},
    )


class _Standing(NamedTuple):
    """What a rule looks at: votes of the leader and of the runner-up, among so many ballots and attempts."""

    lead: int
    behind: int
    ballots: int
    attempts: int

    def after(self, votes: int, blanks: int = 0) -> "_Standing":
        """Return the standing once so many further draws voted for the leader, and so many did not vote at all."""
        return _Standing(self.lead + votes, self.behind, self.ballots + votes, self.attempts + votes + blanks)

    def wins(self, rule: Rule) -> bool:
        """Tell whether the leader has the margin, the purity and the yield."""
        # k is at least 1, so that whoever has the margin has a vote, and no division is by zero.
        return (
            self.lead - self.behind >= rule.k
            and self.lead / self.ballots >= rule.min_purity
            and self.lead / self.attempts >= rule.min_yield
        )


def _standing(counted: Tally) -> _Standing:
    lead = counted.groups[0].votes if counted.groups else 0
    return _Standing(lead, lead - counted.margin, counted.ballots, counted.attempts)


def _in_slot_order(attempts: Iterable[Attempt]) -> list[Attempt]:
    by_slot: dict[tuple[int, int], Attempt] = {}
    for attempt in attempts:
        known = by_slot.setdefault(_place(attempt.slot), attempt)
        if known is not attempt and known != attempt:
            raise BadInput(f"two different attempts claim round {attempt.slot.round}, index {attempt.slot.index}")
    return [by_slot[place] for place in sorted(by_slot)]


def _place(slot: Slot) -> tuple[int, int]:
    return slot.round, slot.index


def _ballots(ordered: Sequence[Attempt]) -> list[Ballot]:
    return [attempt.ballot for attempt in ordered if attempt.ballot is not None]


def _counted(ordered: Sequence[Attempt]) -> Tally:
    votes: Counter[Digest] = Counter()
    first: dict[Digest, Slot] = {}
    for ballot in _ballots(ordered):
        votes[ballot.signature] += 1
        first.setdefault(ballot.signature, ballot.slot)
    groups = [Group(signature=signature, votes=votes[signature], first=slot) for signature, slot in first.items()]
    most = max(votes.values(), default=0)
    return Tally(
        attempts=len(ordered),
        ballots=votes.total(),
        red_flags=sum(attempt.flag is not None for attempt in ordered),
        rejected=sum(attempt.rejected_by is not None for attempt in ordered),
        groups=tuple(sorted(groups, key=lambda group: (-group.votes, _place(group.first)))),
        idle=_idle(ordered, {signature for signature in votes if votes[signature] == most}),
    )


def _decisive(ordered: Sequence[Attempt], rule: Rule) -> list[Ballot] | None:
    """Return the winning group's ballots up to the deciding one; None while no group ever won.

    Leader and runner-up are kept up while counting: one pass, since a workflow may hold thousands of attempts.
    """
    votes: Counter[Digest] = Counter()
    ballots: list[Ballot] = []
    leader: Digest | None = None
    lead = behind = 0
    for used, attempt in enumerate(ordered, start=1):
        if attempt.ballot is None:
            continue
        signature = attempt.ballot.signature
        ballots.append(attempt.ballot)
        votes[signature] += 1
        count = votes[signature]
        if signature == leader:
            lead = count
        elif count > lead:
            leader, lead, behind = signature, count, lead
        else:
            behind = max(behind, count)
        if _Standing(lead, behind, len(ballots), used).wins(rule):
            return [ballot for ballot in ballots if ballot.signature == leader]
    return None


def _idle(ordered: Sequence[Attempt], leading: Set[Digest]) -> int:
    """Return how many attempts at the end brought no vote to any of the leading groups."""
    for idle, attempt in enumerate(reversed(ordered)):
        if attempt.ballot is not None and attempt.ballot.signature in leading:
            return idle
    return len(ordered)


def _hopeless(counted: Tally, rule: Rule) -> str:
    """Say in one line why an election that is not won is not worth another round; empty while it is."""
    now, left = _standing(counted), max(0, rule.max_attempts - counted.attempts)
    reachable = now.after(left).wins(rule)
    if reachable and (rule.patience is None or counted.idle < rule.patience):
        return ""
    if counted.attempts and not counted.ballots:
        return f"no ballot among {counted.attempts} attempts"
    if reachable:
        return f"no vote for the leader in the last {counted.idle} attempts, where patience ends at {rule.patience}"
    short = _shortfalls(now, now.after(left), rule)
    return f"the leader's {' and '.join(short)}, with {left} of {rule.max_attempts} attempts left"


def _shortfalls(now: _Standing, at_most: _Standing, rule: Rule) -> list[str]:
    """Name what the leader lacks even if all attempts that are left vote for it."""
    short = []
    if at_most.lead - at_most.behind < rule.k:
        short.append(f"margin of {now.lead - now.behind} cannot reach {rule.k}")
    shares = (
        ("purity", now.ballots, at_most.ballots, rule.min_purity),
        ("yield", now.attempts, at_most.attempts, rule.min_yield),
    )
    for name, all_now, all_then, least in shares:
        if all_then and at_most.lead / all_then < least:
            # Rounded down: a share below the least is never shown as equal to it.
            short.append(f"{name} of {100 * now.lead // max(1, all_now)}% cannot reach {100 * least:g}%")
    return short


def _rank(ballot: Ballot) -> tuple[int, ...]:
    """Order candidates that behave alike: fewer failures, fewer lines, simpler, flatter, fewer bytes, faster, earlier.

    Equals agree where it counts; one that also gives a value where others give none is worth more than brevity. What a
    reader pays for comes next, and measured time last before the slot: no other of them may vary between runs. Older
    histories know no failures and replay by the next four, so that these keep their order.
    """
    merit = ballot.merit
    return (
        merit.failures,
        merit.code_lines,
        merit.complexity,
        merit.nesting,
        merit.size_bytes,
        merit.slowness,
        *_place(ballot.slot),
    )
