"""Decides at gates as people do, and keeps what they are told."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from temporalio.client import WorkflowHandle

from millwright.errors import NotifierUnavailable
from schemas.people import Notice, NoticeEvent, Question
from schemas.project import ProjectResult
from tests.workflow.builds import PROJECT
from tests.workflow.environment import Stage


def decision(gate: str, number: int, value: str = "approve", **more: Any) -> dict[str, Any]:
    """Make a decision at a gate."""
    return {"gate": gate, "decision_id": str(number), "decision": value, "by": "ann", **more}


async def until_gate(handle: WorkflowHandle[Any, ProjectResult], question: str) -> None:
    """Wait until a gate waits for a decision, by the id of its question; bounded."""
    for _ in range(900):
        progress = await handle.query("progress")
        if progress["waits_for"] and progress["question"] == question:
            return
        if progress["phase"] == "finished":
            raise AssertionError(f"the project ended before {question} was put")
        await asyncio.sleep(0.1)
    raise AssertionError(f"{question} was never put")


async def question(stage: Stage, name: str) -> Question:
    """Read a gate's question."""
    (found,) = [item for item in await stage.store.questions(PROJECT) if item.id == name]
    return found


async def details(handle: WorkflowHandle[Any, ProjectResult]) -> str:
    """Read what the Web UI shows of a project."""
    return str(await handle.query("__temporal_workflow_metadata"))


@dataclass
class Heard:
    """A notifier that keeps what it is told; it is away for the events that ``silent`` names."""

    silent: frozenset[NoticeEvent] = frozenset()
    notices: list[Notice] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its name in logs."""
        return "heard"

    async def notify(self, notice: Notice) -> None:
        """Keep a notice."""
        if notice.event in self.silent:
            raise NotifierUnavailable("nobody is there")
        self.notices.append(notice)

    @property
    def events(self) -> list[NoticeEvent]:
        """What was told of, in order."""
        return [notice.event for notice in self.notices]

    async def until(self, enough: Callable[[list[NoticeEvent]], bool]) -> None:
        """Wait until enough was told; bounded."""
        for _ in range(300):
            if enough(self.events):
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"only {self.events} was told")
