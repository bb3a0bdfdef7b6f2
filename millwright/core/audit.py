"""Reads the audit of decisions: which of them settled a question, and how one is told in a line.

It decides nothing, and knows no store.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from schemas.identity import Gate
from schemas.people import Decision, Door, Question
from schemas.shortening import one_line

_ASSIGN = "assign"
_LONGEST_EFFECT = 200

_DOORS = {
    Door.COMMAND: "the command line",
    Door.CLIENT: "the Python client",
    Door.UPDATE: "an update",
    Door.SIGNAL: "a signal",
    Door.DEADLINE: "the deadline",
}


def acted_on(decision: Decision) -> bool:
    """Say whether a decision was acted on: one that could not be is in the record as well."""
    return not decision.refused


def settles(decision: Decision) -> bool:
    """Say whether a decision ended its question: it was acted on, and handed it on to nobody."""
    return acted_on(decision) and decision.value.partition(" ")[0] != _ASSIGN


def settling(question: str, decisions: Iterable[Decision]) -> Decision | None:
    """Return the decision that settled the question of this id; None where none did."""
    return next((item for item in decisions if item.question == question and settles(item)), None)


def of_gate(gate: Gate, decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    """Return the decisions at a gate, in their order, also those recorded before gates had questions."""
    return tuple(item for item in decisions if item.gate is gate)


def settled_line(question: Question, decision: Decision | None) -> str:
    """Say by whom, when and how a question was settled; ``decision`` None: the record does not say."""
    if decision is None:
        return f"{question.address} is not open any more"
    return f"{question.address} was settled {_by(decision)}: {one_line(decision.value)}"


def told(decision: Decision) -> str:
    """Say in a line who decided what, when, through which door, and what followed."""
    parts = [f"{one_line(decision.value)} {_by(decision)}"]
    if decision.through is not None:
        parts.append(f"through {door_words(decision.through)}")
    if decision.note.strip():
        parts.append(f"note: {one_line(decision.note).rstrip('.')}")
    if decision.effect.strip():
        parts.append(f"effect: {one_line(decision.effect, _LONGEST_EFFECT).rstrip('.')}")
    return "; ".join(parts)


def door_words(door: Door) -> str:
    """Name the way by which a decision came in."""
    return _DOORS[door]


def moment(at: datetime) -> str:
    """Write a moment to the second, in UTC; one without a zone is taken for UTC."""
    in_utc = at.astimezone(UTC) if at.tzinfo else at
    return f"{in_utc:%Y-%m-%d %H:%M:%S} UTC"


def _by(decision: Decision) -> str:
    who = (
        "the policy, for want of a decision"
        if decision.through is Door.DEADLINE
        else one_line(decision.by) or "unknown"
    )
    return f"by {who}" + (f" at {moment(decision.decided_at)}" if decision.decided_at else "")
