"""What every store decides alike: how an attempt ends, which answers make a set, in which order things are read.

It stores nothing; the stores call it so that their answers cannot drift apart.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from millwright.errors import NotFound
from schemas.base import Schema
from schemas.evidence import CompletionRecord
from schemas.identity import LayerName, NodePath, ProjectId
from schemas.models import CallKey, LedgerEntry, LedgerStatus
from schemas.people import Decision
from schemas.verification import Verdict

_LADDER = {layer: position for position, layer in enumerate(LayerName)}
_CONCLUDED = ("status", "failure", "model", "model_revision", "endpoint", "finish_reason", "latency_seconds")
_UNANSWERED = frozenset({LedgerStatus.REFUSED, LedgerStatus.LOST, LedgerStatus.RELEASED})


def completion_key(project: ProjectId, completion: CompletionRecord) -> CallKey:
    """Name the call that a completion answers."""
    return CallKey(
        project=project,
        path=completion.path,
        purpose=completion.purpose,
        round=completion.round,
        index=completion.index,
        revision=completion.revision,
    )


def key_order(key: CallKey) -> tuple[NodePath, str, int, int, int]:
    """Order the calls of one project: path, purpose, round, index, revision."""
    return key.path, key.purpose, key.round, key.index, key.revision


def entry_order(entry: LedgerEntry) -> tuple[NodePath, str, int, int, int, int]:
    """Order the ledger of one project: by key, then by attempt."""
    return *key_order(entry.key), entry.attempt


def first_set(found: Iterable[tuple[ProjectId, CompletionRecord]]) -> tuple[CompletionRecord, ...]:
    """Choose one set of the answers to a call, of those in the order in which they came.

    A set is complete when one round of one project has its choices 0 to n - 1. The largest counts, for an endpoint may
    have brought fewer choices than it was asked for; of equal ones the first.
    """
    sets: dict[CallKey, dict[int, CompletionRecord]] = {}
    for project, completion in found:
        place = completion_key(project, completion).model_copy(update={"index": 0})
        sets.setdefault(place, {}).setdefault(completion.choice, completion)
    whole = [tuple(one[choice] for choice in sorted(one)) for one in sets.values() if max(one) == len(one) - 1]
    return max(whole, key=len, default=())


def subject_of(decision: Decision) -> str:
    """Name what a decision is about, under which its id is unique: its question, or where it has none its gate."""
    return decision.question or decision.gate or ""


def in_ladder_order(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """Order verdicts as the ladder is climbed."""
    return tuple(sorted(verdicts, key=lambda verdict: _LADDER[verdict.layer]))


def demand_same_call(entry: LedgerEntry, completions: Sequence[CompletionRecord]) -> None:
    """Check that completions answer the call that is settled with them; each has an index of its own.

    Raises:
        ValueError: one answers another call, or two have the same index.
    """
    place = entry.key.model_copy(update={"index": 0})
    for completion in completions:
        answered = completion_key(entry.key.project, completion)
        if answered.model_copy(update={"index": 0}) != place:
            raise ValueError(f"a completion of {answered} cannot settle {entry.key}")
    if len({completion.index for completion in completions}) != len(completions):
        raise ValueError(f"two completions of {entry.key} have the same index")


def demand_conclusion(entry: LedgerEntry) -> None:
    """Check that an entry says how an attempt ended that brought no answer.

    Raises:
        ValueError: it is reserved or settled.
    """
    if entry.status not in _UNANSWERED:
        raise ValueError(f"an attempt at {entry.key} cannot be concluded as {entry.status.value}")


def concluded(reserved: LedgerEntry, entry: LedgerEntry) -> LedgerEntry:
    """Return what an attempt that is reserved becomes: one that was refused used nothing, any other keeps its bound."""
    changes: dict[str, object] = {name: getattr(entry, name) for name in _CONCLUDED}
    if entry.status is LedgerStatus.REFUSED:
        changes |= {"prompt_tokens": 0, "completion_tokens": 0, "cost": 0.0}
    return reserved.model_copy(update=changes)


def unreserved(entry: LedgerEntry) -> NotFound:
    """Say that an attempt is not in the ledger."""
    return NotFound(f"attempt {entry.attempt} at {entry.key} was never reserved: reserve it before it is sent")


def demand_time_zones(model: Schema) -> None:
    """Check that every moment in a schema has a time zone: without one, a server would read it in a zone of its own.

    Raises:
        ValueError: one has none.
    """
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, datetime) and value.tzinfo is None:
            raise ValueError(f"{name} is {value.isoformat()} and has no time zone")
