"""Counts ballots and decides elections: first to lead by k.

It draws nothing and compares no behaviour: a ballot arrives with its signature, and equal signatures are one vote. It
assumes nothing of how independent the voters are; what a margin is worth is told by ``reliability``.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from millwright.errors import BadInput
from schemas.election import Attempt, Ballot, Election, ElectionState, Group, Rule, Slot, Tally
from schemas.identity import Digest, LayerName


def tally(attempts: Iterable[Attempt]) -> Tally:
    """Count attempts, in order of slot whatever the order of arrival.

    An attempt that arrives twice counts once.

    Raises:
        BadInput: two different attempts claim the same slot.
    """
    ordered = _in_slot_order(attempts)
    votes: Counter[Digest] = Counter()
    first: dict[Digest, Slot] = {}
    for ballot in _ballots(ordered):
        votes[ballot.signature] += 1
        first.setdefault(ballot.signature, ballot.slot)
    groups = [Group(signature=signature, votes=votes[signature], first=slot) for signature, slot in first.items()]
    return Tally(
        attempts=len(ordered),
        ballots=votes.total(),
        red_flags=sum(attempt.flag is not None for attempt in ordered),
        rejected=sum(attempt.rejected_by is not None for attempt in ordered),
        groups=tuple(sorted(groups, key=lambda group: (-group.votes, _place(group.first)))),
    )


def draws_needed(tally: Tally, rule: Rule) -> int:
    """Return how many answers to draw in parallel now: as many as could still decide, and no more.

    The leader wins soonest after ``k - margin`` further votes, every other group later. Drawing exactly so many wastes
    none: no draw of the batch can come after the deciding one. 0 when the margin is reached, or out of reach.
    """
    missing = rule.k - tally.margin
    left = rule.max_attempts - tally.attempts
    return missing if 0 < missing <= left else 0


def decide(attempts: Iterable[Attempt], rule: Rule) -> Election:
    """Decide an election over all attempts of complete rounds.

    Ballots count in order of slot, and the first point at which a group leads by ``k`` decides: later ballots are in
    the tally, but change neither who won nor which of the winning group's candidates is taken (the best by merit among
    those counted until then; of equals the first drawn). The election is exhausted once no group can gain the margin
    with the attempts that are left. ``best`` is the winner, or else the leading group's best so far.

    A round that is still incomplete may decide otherwise than the whole round: it is the caller's to wait for it.

    Raises:
        BadInput: two different attempts claim the same slot.
    """
    ordered = _in_slot_order(attempts)
    counted = tally(ordered)
    ballots = _ballots(ordered)
    decisive = _decisive(ballots, rule.k)
    if decisive is not None:
        state, group = ElectionState.WON, decisive
    else:
        state = ElectionState.OPEN if draws_needed(counted, rule) else ElectionState.EXHAUSTED
        leaders = {group.signature for group in counted.groups[:1]}
        group = [ballot for ballot in ballots if ballot.signature in leaders]
    best = min(group, key=_rank).candidate if group else None
    layers = Counter(attempt.rejected_by for attempt in ordered)
    return Election(
        state=state,
        tally=counted,
        winner=best if state is ElectionState.WON else None,
        best=best,
        rejected_by_layer={layer: layers[layer] for layer in LayerName if layers[layer]},
    )


def _in_slot_order(attempts: Iterable[Attempt]) -> list[Attempt]:
    by_slot: dict[tuple[int, int], Attempt] = {}
    for attempt in attempts:
        known = by_slot.setdefault(_place(attempt.slot), attempt)
        if known != attempt:
            raise BadInput(f"two different attempts claim round {attempt.slot.round}, index {attempt.slot.index}")
    return [by_slot[place] for place in sorted(by_slot)]


def _place(slot: Slot) -> tuple[int, int]:
    return slot.round, slot.index


def _ballots(ordered: Sequence[Attempt]) -> list[Ballot]:
    return [attempt.ballot for attempt in ordered if attempt.ballot is not None]


def _decisive(ballots: Sequence[Ballot], k: int) -> list[Ballot] | None:
    """Return the winning group's ballots up to the deciding one; None while no group ever led by ``k``.

    Leader and runner-up are kept up while counting: one pass, since a workflow may hold thousands of attempts.
    """
    votes: Counter[Digest] = Counter()
    leader: Digest | None = None
    lead = behind = 0
    for position, ballot in enumerate(ballots):
        votes[ballot.signature] += 1
        count = votes[ballot.signature]
        if ballot.signature == leader:
            lead = count
        elif count > lead:
            leader, lead, behind = ballot.signature, count, lead
        else:
            behind = max(behind, count)
        if lead - behind >= k:
            return [counted for counted in ballots[: position + 1] if counted.signature == leader]
    return None


def _rank(ballot: Ballot) -> tuple[int, ...]:
    merit = ballot.merit
    return merit.code_lines, merit.complexity, merit.nesting, merit.size_bytes, *_place(ballot.slot)
