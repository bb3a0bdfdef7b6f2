"""What every store decides alike: when a budget is reached, what a ledger sums to, in which order verdicts are read.

It stores nothing; the stores call it so that their answers cannot drift apart.
"""

import math
from collections.abc import Iterable
from datetime import datetime

from schemas.base import Schema
from schemas.evidence import CompletionRecord
from schemas.identity import LayerName, NodePath, ProjectId
from schemas.models import Budget, CallKey, LedgerEntry, Spend
from schemas.verification import Verdict

_LADDER = {layer: position for position, layer in enumerate(LayerName)}
_ROUNDING = 1e-9
"""Relative slack of the cap on cost: sums of doubles that are equal on paper differ by about 1e-16 a term."""


def is_capped(budget: Budget) -> bool:
    """Tell whether a reservation can reach this budget; a cap on time is watched by whoever holds the clock."""
    return any(cap is not None for cap in (budget.max_calls, budget.max_tokens, budget.max_cost))


def refusal(used: Spend, entry: LedgerEntry, budget: Budget) -> str | None:
    """Say why ``entry`` may not be reserved on top of ``used``; None when it may."""
    asked_tokens = entry.prompt_tokens + entry.completion_tokens
    used_tokens = used.prompt_tokens + used.completion_tokens
    if budget.max_calls is not None and used.calls + 1 > budget.max_calls:
        return _sentence(entry, "--max-calls", f"{budget.max_calls} calls", f"{used.calls}", "1")
    if budget.max_tokens is not None and used_tokens + asked_tokens > budget.max_tokens:
        return _sentence(entry, "--max-tokens", f"{budget.max_tokens} tokens", f"{used_tokens}", f"{asked_tokens}")
    if budget.max_cost is not None and used.cost + entry.cost > budget.max_cost * (1 + _ROUNDING):
        return _sentence(entry, "--max-cost", f"a cost of {budget.max_cost:g}", f"{used.cost:.6g}", f"{entry.cost:.6g}")
    return None


def _sentence(entry: LedgerEntry, option: str, cap: str, used: str, asked: str) -> str:
    return (
        f"the budget of project {entry.key.project!r} is reached: the cap is {cap}, {used} used or reserved, and "
        f"{entry.key} asks for {asked}; raise {option} to go on"
    )


def total(entries: Iterable[LedgerEntry]) -> Spend:
    """Sum the tokens and costs of ledger entries, whatever their state."""
    counted = tuple(entries)
    return Spend(
        calls=len(counted),
        prompt_tokens=sum(entry.prompt_tokens for entry in counted),
        completion_tokens=sum(entry.completion_tokens for entry in counted),
        cost=math.fsum(entry.cost for entry in counted),
    )


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


def in_ladder_order(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """Order verdicts as the ladder is climbed."""
    return tuple(sorted(verdicts, key=lambda verdict: _LADDER[verdict.layer]))


def demand_same_call(entry: LedgerEntry, completion: CompletionRecord) -> None:
    """Check that a completion answers the call that is settled with it.

    Raises:
        ValueError: it answers another.
    """
    answered = completion_key(entry.key.project, completion)
    if answered != entry.key:
        raise ValueError(f"a completion of {answered} cannot settle {entry.key}")


def demand_time_zones(model: Schema) -> None:
    """Check that every moment in a schema has a time zone: without one, a server would read it in a zone of its own.

    Raises:
        ValueError: one has none.
    """
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, datetime) and value.tzinfo is None:
            raise ValueError(f"{name} is {value.isoformat()} and has no time zone")
