"""Questions for the commands of people, a store that holds them, and lines as somebody types them.

They test nothing.
"""

import asyncio
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.evidence import ProjectRecord
from schemas.identity import Digest, NodePath, ProjectId, TaskStatus
from schemas.people import Choice, Decision, Question, QuestionKind
from tests.gates import plan_gate
from tests.unit.commandline_fakes import Pretended

SUMS = ProjectId("sums")
ASKED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BEHAVIOUR = Question(
    id="root.quadruple/1",
    project=SUMS,
    path=NodePath("root.quadruple"),
    text="5 verified answers to root.quadruple disagree. What is right for quadruple(1)?\n\n- A: it gives 4",
    options=("A", "B", "retry", "give_up"),
    kind=QuestionKind.BEHAVIOUR,
    inputs={"n": 1},
    choices=(Choice(label="A", votes=3, returns=4, shown="4"), Choice(label="B", votes=1, raises="ValueError")),
    assignee="ann",
    asked_at=ASKED,
)
PLAN = plan_gate(SUMS, asked_at=ASKED + timedelta(minutes=1))
ADDRESS = "sums/root.quadruple/1"


def stored(composition: Pretended, *questions: Question, ended: bool = False) -> None:
    async def store() -> None:
        record = ProjectRecord(
            id=SUMS, input_digest=Digest("0" * 64), status=TaskStatus.WAITING, exit_code=0 if ended else None
        )
        await composition.store.open_project(record)
        for question in questions:
            await composition.store.save_question(question)

    asyncio.run(store())


def decided(composition: Pretended, *decisions: Decision) -> None:
    async def store() -> None:
        for decision in decisions:
            await composition.store.save_decision(decision)

    asyncio.run(store())


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def only(composition: Pretended) -> tuple[str, Any, dict[str, Any]]:
    (decided,) = composition.client.decided
    return decided
