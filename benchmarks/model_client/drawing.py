"""Reads when the requests of a build became possible: when the activities that make them were scheduled.

It starts nothing and reads no clock.
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from benchmarks.model_client.slots import Service
from benchmarks.model_client.utilisation import Span
from millwright.core.calls import idempotency_key
from schemas.identity import NodePath, ProjectId
from schemas.models import LedgerEntry, LedgerStatus
from schemas.requests import Purpose
from workflows.identifiers import node_workflow_id

_AT_ONCE = 8
_MAKERS = {Purpose.CODE: "draw", Purpose.INPUTS: "propose_inputs", Purpose.REVIEW: "review_winner"}
"""The activity that makes the requests of a purpose; the benchmark's tasks have no others."""


@dataclass(frozen=True)
class Scheduled:
    """An activity that waits on models: whose it is, what it is called, its round, and when it was scheduled."""

    path: NodePath
    name: str
    round: int
    at: float


async def scheduled(client: Client, project: ProjectId, paths: Sequence[NodePath]) -> list[Scheduled]:
    """Read the activities of a project's nodes that wait on models, in order of time."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def read(path: NodePath) -> list[Scheduled]:
        async with gate:
            history = await client.get_workflow_handle(node_workflow_id(project, path)).fetch_history()
        return list(_found(path, history.events))

    found = await asyncio.gather(*map(read, paths))
    return sorted((each for several in found for each in several), key=lambda each: each.at)


def spans(activities: Sequence[Scheduled], ledger: Sequence[LedgerEntry], log: Sequence[Service]) -> list[Span]:
    """Join the requests of a ledger with the endpoint's log and with the activities that made them.

    Raises:
        ValueError: a request was answered that no activity can have made.
    """
    return [
        Span(_maker(entry, service, activities).at, service.started, service.ended)
        for entry, service in answered(ledger, log)
    ]


def answered(ledger: Sequence[LedgerEntry], log: Sequence[Service]) -> Iterator[tuple[LedgerEntry, Service]]:
    """Yield the requests of a ledger that were answered, each with its line of the endpoint's log."""
    served = {service.call: service for service in log}
    for entry in ledger:
        if entry.status is LedgerStatus.SETTLED and entry.call is not None:
            yield entry, served[idempotency_key(entry.key, entry.call)]


def _maker(entry: LedgerEntry, service: Service, activities: Sequence[Scheduled]) -> Scheduled:
    """Find the activity that made a request: the last of its node, kind and round that was scheduled before."""
    key = entry.key
    name = _MAKERS[Purpose(key.purpose.partition("-")[0])]
    made = [each for each in activities if (each.path, each.name, each.round) == (key.path, name, key.round)]
    before = [each for each in made if each.at <= service.arrived]
    if not before:
        raise ValueError(f"{key}: no {name} was scheduled before it")
    return before[-1]


def _found(path: NodePath, events: Sequence[HistoryEvent]) -> Iterator[Scheduled]:
    for event in events:
        if event.HasField("activity_task_scheduled_event_attributes"):
            asked = event.activity_task_scheduled_event_attributes
            if asked.activity_type.name in _MAKERS.values():
                given = json.loads(asked.input.payloads[0].data)
                at = event.event_time.ToNanoseconds() / 1e9
                yield Scheduled(path, asked.activity_type.name, int(given.get("round", 0)), at)
