"""What becomes of draws: equal text fares alike wherever it was drawn, and each draw votes for itself.

It counts nothing.
"""

from collections.abc import Iterable

from schemas.election import Attempt, Ballot, Draw, Flag, Merit, Slot
from schemas.identity import Digest, LayerName
from schemas.requests import ObservedCandidate

_ALIKE = Merit(code_lines=0, complexity=0, nesting=0, size_bytes=0)


def fresh_among(draws: Iterable[Draw], known: dict[Digest, Attempt]) -> dict[Digest, Slot]:
    """Return the candidates that were not examined yet, each with its first slot."""
    fresh: dict[Digest, Slot] = {}
    for draw in draws:
        if draw.candidate is not None and draw.candidate not in known:
            fresh.setdefault(draw.candidate, draw.slot)
    return fresh


def first_slots(attempts: Iterable[Attempt]) -> dict[Digest, Slot]:
    """Return the candidates of attempts, each with its first slot, in that order."""
    slots: dict[Digest, Slot] = {}
    for item in sorted(attempts, key=lambda item: item.slot):
        if item.candidate is not None:
            slots.setdefault(item.candidate, item.slot)
    return slots


def attempt_of(draw: Draw, known: dict[Digest, Attempt]) -> Attempt:
    """Say what became of a draw: equal text fares as it fared before, but votes for itself."""
    if draw.candidate is None:
        return Attempt(slot=draw.slot, flag=draw.flag or Flag.NOTHING_EXTRACTABLE)
    return _at(draw.slot, known[draw.candidate])


def as_known(attempt: Attempt, known: dict[Digest, Attempt]) -> Attempt:
    """Say anew what became of an attempt."""
    return attempt if attempt.candidate is None else _at(attempt.slot, known[attempt.candidate])


def _at(slot: Slot, found: Attempt) -> Attempt:
    ballot = found.ballot.model_copy(update={"slot": slot}) if found.ballot else None
    return found.model_copy(update={"slot": slot, "ballot": ballot})


def without_vote(attempt: Attempt, candidate: Digest, layer: LayerName) -> Attempt:
    """Take a candidate's vote away, however often it was drawn."""
    if attempt.candidate != candidate:
        return attempt
    return attempt.model_copy(update={"ballot": None, "rejected_by": layer})


def chosen(candidate: Digest, slot: Slot) -> Attempt:
    """Count a choice: the proposal itself is the vote."""
    ballot = Ballot(slot=slot, candidate=candidate, signature=candidate, merit=_ALIKE)
    return Attempt(slot=slot, candidate=candidate, ballot=ballot)


def observed(item: ObservedCandidate, slot: Slot) -> Attempt:
    if item.flag is not None or item.signature is None:
        return Attempt(slot=slot, candidate=item.candidate, flag=item.flag or Flag.USELESS)
    ballot = Ballot(slot=slot, candidate=item.candidate, signature=item.signature, merit=item.merit)
    return Attempt(slot=slot, candidate=item.candidate, ballot=ballot)
