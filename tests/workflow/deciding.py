"""Answers and decides as people do, and keeps what they are told."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from millwright.errors import NotifierUnavailable
from schemas.identity import NodePath
from schemas.people import Notice, NoticeEvent, OnDeadline, Question
from schemas.project import ProjectResult
from tests.workflow.builds import PROJECT, until_waiting
from tests.workflow.environment import Stage
from tests.workflow.samples import HALF
from workflows.identifiers import node_workflow_id


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


DAY = 86_400

HALF_PATH = NodePath("root.half")
OPTIONS: dict[str, Any] = {"specification": HALF, "k": 3, "max_attempts": 8, "seed": 5}
"""With this seed four of the first agents read it one way, and three the other: no one can lead by three any more."""


def node(stage: Stage) -> WorkflowHandle[Any, Any]:
    """Find the workflow of the task that is asked about."""
    return stage.client.get_workflow_handle(node_workflow_id(PROJECT, HALF_PATH))


def answer(question: Question, value: Any, number: int = 1, **more: Any) -> dict[str, Any]:
    """Write an answer as people send it."""
    return {"question": question.id, "decision_id": str(number), "value": value, "by": "ann", **more}


async def asked(stage: Stage, number: int = 1, path: NodePath = HALF_PATH) -> Question:
    """Wait for a question that is open; bounded."""
    for _ in range(900):
        for question in await stage.store.questions(PROJECT):
            if question.id == f"{path}/{number}" and question.open:
                await until_waiting(stage, path)
                return question
        await asyncio.sleep(0.1)
    raise AssertionError(f"question {number} was never put")


def waiting(policy: OnDeadline, **more: Any) -> dict[str, Any]:
    """Wait for seven days."""
    return {"waiting": {"deadline_seconds": 7 * DAY, "on_deadline": policy, **more}}


async def refused(call: Awaitable[Any]) -> str:
    """Await an update that is refused, an answer or a decision at a gate; returns why, in one line."""
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await call
    cause = caught.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type in ("AnswerRefused", "ApprovalRefused")
    assert "\n" not in cause.message
    return cause.message
