"""Reads what a build used: CPU and memory of its processes from /proc, times of its activities from their histories.

It starts nothing and decides nothing. Linux only.
"""

import asyncio
import math
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHandle

from millwright.ports import ProjectStore
from schemas.evidence import NodeRecord
from schemas.identity import ProjectId
from schemas.verification import VerdictStatus

_TICKS = os.sysconf("SC_CLK_TCK")
_AT_ONCE = 8


@dataclass(frozen=True)
class Cost:
    """CPU seconds: a process's own, and those of its children that have ended."""

    own: float
    children: float

    def minus(self, other: "Cost") -> "Cost":
        """Take another cost off this one."""
        return Cost(self.own - other.own, self.children - other.children)


def costs(pids: Mapping[str, int]) -> dict[str, Cost]:
    """Read the CPU seconds of processes; Postgres works in children that live, so living children count as well."""
    below = _children()
    found = {}
    for name, pid in pids.items():
        cost = _cost(pid)
        living = [_cost(child) for child in below.get(pid, ())] if name not in ("millwright", "worker") else []
        found[name] = Cost(cost.own, cost.children + sum(child.own + child.children for child in living))
    return found


class MemoryWatch:
    """The most resident bytes of each process, and of the worker with all below it, as often as it looks."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = pids
        self.peaks: dict[str, int] = {}

    def look(self) -> None:
        """Look once. A process's own peak is the kernel's, exact; that of a tree is a sample."""
        for name, pid in self._pids.items():
            self.peaks[name] = max(self.peaks.get(name, 0), _bytes(pid, "VmHWM"))
        tree = sum(_bytes(pid, "VmRSS") for pid in _tree(self._pids["worker"]))
        self.peaks["worker tree"] = max(self.peaks.get("worker tree", 0), tree)


async def activity_times(handles: Sequence[WorkflowHandle[Any, Any]]) -> dict[str, list[tuple[float, float]]]:
    """Read, per activity type, the seconds that each one waited for a slot and ran (its last attempt)."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    gate = asyncio.Semaphore(_AT_ONCE)

    async def read(handle: WorkflowHandle[Any, Any]) -> None:
        async with gate:
            events = (await handle.fetch_history()).events
        scheduled = {
            event.event_id: event for event in events if event.HasField("activity_task_scheduled_event_attributes")
        }
        started = {
            event.event_id: event for event in events if event.HasField("activity_task_started_event_attributes")
        }
        for event in events:
            if event.HasField("activity_task_completed_event_attributes"):
                ended = event.activity_task_completed_event_attributes
                asked, begun = scheduled[ended.scheduled_event_id], started[ended.started_event_id]
                name = asked.activity_task_scheduled_event_attributes.activity_type.name
                at = [item.event_time.ToNanoseconds() / 1e9 for item in (asked, begun, event)]
                found[name].append((at[1] - at[0], at[2] - at[1]))

    await asyncio.gather(*map(read, handles))
    return dict(found)


async def layer_seconds(
    projects: ProjectStore, project: ProjectId, nodes: Sequence[NodeRecord]
) -> dict[str, list[float]]:
    """Read, per layer, the seconds that each candidate took where it was run."""
    found: dict[str, list[float]] = defaultdict(list)
    for node in nodes:
        for verdicts in (await projects.verdicts(project, node.path)).values():
            for verdict in verdicts:
                if verdict.status in (VerdictStatus.PASSED, VerdictStatus.REJECTED):
                    found[verdict.layer.value].append(verdict.seconds)
    return dict(found)


def median(numbers: Sequence[float]) -> float:
    """Return the lower median; 0 of nothing."""
    return percentile(numbers, 0.5)


def percentile(numbers: Sequence[float], share: float) -> float:
    """Return the least number that ``share`` of them do not exceed; 0 of nothing."""
    return sorted(numbers)[max(math.ceil(share * len(numbers)) - 1, 0)] if numbers else 0.0


def _fields(pid: int) -> list[str]:
    """Return /proc/<pid>/stat from the state on: the name before it may hold anything. Empty when it is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


def _cost(pid: int) -> Cost:
    fields = _fields(pid)
    if not fields:
        return Cost(0.0, 0.0)
    user, system, children_user, children_system = (int(field) / _TICKS for field in fields[11:15])
    return Cost(user + system, children_user + children_system)


def _children() -> dict[int, list[int]]:
    below: dict[int, list[int]] = defaultdict(list)
    for folder in Path("/proc").glob("[0-9]*"):
        fields = _fields(int(folder.name))
        if fields:
            below[int(fields[1])].append(int(folder.name))
    return below


def _tree(pid: int) -> list[int]:
    below, found, open_ = _children(), list[int](), [pid]
    while open_:
        found.append(open_.pop())
        open_ += below.get(found[-1], ())
    return found


def _bytes(pid: int, field: str) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    return 0
