"""The client's decisions over a real development server: taken, refused, stored for later, settled, and twice the same.

The workflow is a small one that takes the same messages; what ours makes of them is in ``test_people``.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.client import Client as TemporalClient
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from millwright import answering
from millwright.adapters.storage.memory import MemoryStore
from millwright.client import Client
from millwright.errors import BadInput, NotFound
from millwright.temporal import data_converter
from schemas.evidence import ProjectRecord
from schemas.identity import Digest, Gate, NodePath, ProjectId, TaskStatus
from schemas.people import Decision, Door, Question
from schemas.project import ApprovalDecision
from tests.gates import plan_gate
from workflows.identifiers import node_workflow_id, project_workflow_id

pytestmark = [pytest.mark.temporal]

SUMS = ProjectId("sums")
NODE = NodePath("root.double")
QUESTION = Question(id="root.double/1", project=SUMS, path=NODE, text="Which?", options=("A", "B"))
PLAN = plan_gate(SUMS, text="Shall it be built?")
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
QUEUE = "deciding"


@workflow.defn(name="Deciding")
class Deciding:
    """Takes decisions until one is ``B`` or a rejection; returns what reached it, in order."""

    def __init__(self) -> None:
        self._got: list[dict[str, Any]] = []
        self._done = False

    @workflow.run
    async def run(self) -> list[dict[str, Any]]:
        """Wait for the last one."""
        await workflow.wait_condition(lambda: self._done)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._got

    async def _take(self, given: dict[str, Any], how: str) -> str:
        said = given.get("value", given.get("decision"))
        self._got.append({**given, "how": how})
        if said == {"raises": "Later"}:
            raise ApplicationError("no example can say this", type="AnswerRefused", non_retryable=True)
        self._done = said in ("B", "reject")
        return f"understood: {said}"

    def _check(self, given: dict[str, Any]) -> None:
        if given.get("value") == "C":
            raise ApplicationError("'C' is none of A, B", type="AnswerRefused", non_retryable=True)

    @workflow.update(name="answer")
    async def answer(self, given: dict[str, Any]) -> str:
        """Take an answer."""
        return await self._take(given, "update")

    @answer.validator
    def _check_answer(self, given: dict[str, Any]) -> None:
        self._check(given)

    @workflow.signal(name="answer")
    async def answer_by_signal(self, given: dict[str, Any]) -> None:
        """Take an answer by signal."""
        await self._take(given, "signal")

    @workflow.update(name="approve")
    async def approve(self, given: dict[str, Any]) -> str:
        """Take a decision at a gate."""
        return await self._take(given, "update")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def temporal() -> AsyncIterator[TemporalClient]:
    """A development server of this module's own, gone with it."""
    program = Path(sys.executable).with_name("temporal")
    environment = await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(program), data_converter=data_converter
    )
    async with environment:
        yield environment.client


@pytest_asyncio.fixture(loop_scope="module")
async def store() -> MemoryStore:
    """A store with the project, a question and a gate open."""
    found = MemoryStore()
    record = ProjectRecord(id=SUMS, input_digest=Digest("0" * 64), status=TaskStatus.WAITING)
    await found.open_project(record)
    for question in (QUESTION, PLAN):
        await found.save_question(question)
    return found


@contextmanager
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Wait a moment for a worker, and not ten seconds."""
    with monkeypatch.context() as patched:
        patched.setattr(answering, "ACCEPT_SECONDS", 0.5)
        yield


def working(temporal: TemporalClient) -> Worker:
    """Make a worker that decides."""
    return Worker(temporal, task_queue=QUEUE, workflows=[Deciding], workflow_runner=UnsandboxedWorkflowRunner())


async def _close(store: MemoryStore, question: Question, decision: Decision) -> None:
    await store.save_decision(decision)
    await store.save_question(question.model_copy(update={"open": False}))


@pytest.mark.asyncio(loop_scope="module")
async def test_a_decision_is_taken_refused_and_told_once_it_is_settled(
    temporal: TemporalClient, store: MemoryStore
) -> None:
    """The workflow's line is returned, its reason refused with, and afterwards the record says who was first."""
    client = Client(temporal, store, store)
    node = await temporal.start_workflow("Deciding", id=node_workflow_id(SUMS, NODE), task_queue=QUEUE)
    async with working(temporal):
        assert await client.answer(QUESTION, "A", by="ann", note="so", decision_id="d1") == "understood: A"
        with pytest.raises(BadInput, match=r"sums/root.double/1 did not take it: 'C' is none of A, B"):
            await client.answer(QUESTION, "C", by="ann")
        with pytest.raises(BadInput, match="no example can say this"):
            await client.answer(QUESTION, {"raises": "Later"}, by="ann")
        await client.answer(QUESTION, "B", by="bob", through=Door.COMMAND)
        first, later, last = await node.result()
    assert first == {
        "question": QUESTION.id,
        "decision_id": "d1",
        "value": "A",
        "by": "ann",
        "note": "so",
        "through": "client",
        "how": "update",
    }
    assert last["through"] == "command"
    assert len({first["decision_id"], later["decision_id"], last["decision_id"]}) == 3
    with pytest.raises(NotFound, match=r"nothing that runs waits for sums/root.double/1"):
        await client.answer(QUESTION, "A", by="eve")
    await _close(
        store, QUESTION, Decision(id="d1", project=SUMS, question=QUESTION.id, value="A", by="ann", decided_at=AT)
    )
    with pytest.raises(BadInput, match=r"was settled by ann at 2026-01-02 03:04:05 UTC: A"):
        await client.answer(QUESTION, "B", by="eve")
    assert await client.answer(QUESTION, "A", by="ann", decision_id="d1") == "this decision was taken before: A"


@pytest.mark.asyncio(loop_scope="module")
async def test_a_decision_without_a_worker_is_stored_and_acted_on_later(
    temporal: TemporalClient, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes by signal, which the server keeps; with the update that it may keep as well it is one by its id."""
    client = Client(temporal, store, store)
    node = await temporal.start_workflow("Deciding", id=node_workflow_id(SUMS, NODE), task_queue=QUEUE)
    with impatient(monkeypatch):
        said = await client.answer(QUESTION, "B", by="ann")
    assert said.startswith("stored: no worker took it within 0.5 seconds")
    assert "`millwright up`" in said
    async with working(temporal):
        got = await node.result()
    assert "signal" in {item["how"] for item in got}
    assert len({item["decision_id"] for item in got}) == 1


@pytest.mark.asyncio(loop_scope="module")
async def test_giving_up_in_the_middle_is_no_signal(temporal: TemporalClient, store: MemoryStore) -> None:
    """Ctrl-C while nobody takes the decision is a cancellation and decides nothing."""
    client = Client(temporal, store, store)
    node = await temporal.start_workflow("Deciding", id=node_workflow_id(SUMS, NODE), task_queue=QUEUE)
    sending = asyncio.ensure_future(client.answer(QUESTION, "A", by="ann"))
    await asyncio.sleep(0.2)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    events = [event async for event in node.fetch_history_events()]
    assert not any(event.HasField("workflow_execution_signaled_event_attributes") for event in events)
    await node.terminate()


@pytest.mark.asyncio(loop_scope="module")
async def test_a_gate_is_found_and_decided_at(temporal: TemporalClient, store: MemoryStore) -> None:
    """The open one, by the record; as a question it takes the same words; a settled one says by whom."""
    client = Client(temporal, store, store)
    project = await temporal.start_workflow("Deciding", id=project_workflow_id(SUMS), task_queue=QUEUE)
    async with working(temporal):
        assert await client.approve(SUMS, by="ann", decision_id="d1") == "understood: approve"
        assert await client.answer(PLAN, {"assign": "bob"}, by="ann") == "understood: assign"
        with pytest.raises(BadInput, match="is a gate: approve it"):
            await client.answer(PLAN, "A", by="ann")
        await client.approve(SUMS, ApprovalDecision.REJECT, gate=Gate.PLAN, by="bob", note="too dear")
        approved, assigned, rejected = await project.result()
    assert (approved["gate"], approved["through"]) == ("plan", "client")
    assert (assigned["decision"], assigned["to"]) == ("assign", "bob")
    assert (rejected["decision"], rejected["note"]) == ("reject", "too dear")
    await _close(
        store,
        PLAN,
        Decision(id="d1", project=SUMS, question=PLAN.id, gate=Gate.PLAN, value="approve", by="ann", decided_at=AT),
    )
    assert await client.approve(SUMS, by="ann", decision_id="d1") == "this decision was taken before: approve"
    with pytest.raises(BadInput, match=r"sums/gate/plan/1 was settled by ann"):
        await client.approve(SUMS, gate=Gate.PLAN, by="eve")


@pytest.mark.asyncio(loop_scope="module")
async def test_an_ended_project_takes_no_decision(temporal: TemporalClient, store: MemoryStore) -> None:
    """It says that it has ended, and one that never was is not found; two open gates are named."""
    client = Client(temporal, store, store)
    await store.save_question(PLAN.model_copy(update={"id": "gate/budget/1", "gate": Gate.BUDGET}))
    with pytest.raises(BadInput, match="waits at several gates: give --gate plan or budget"):
        await client.approve(SUMS, by="ann")
    record = await store.project(SUMS)
    await store.save_project(record.model_copy(update={"status": TaskStatus.CANCELLED, "exit_code": 1}))
    with pytest.raises(BadInput, match=r"'sums' has ended \(cancelled\)"):
        await client.answer(QUESTION, "A", by="ann")
    with pytest.raises(BadInput, match="has ended"):
        await client.approve(SUMS, by="ann")
    with pytest.raises(NotFound):
        await client.approve("nobody", by="ann")
    with pytest.raises(BadInput, match="the decision cannot be sent: by"):
        await client.answer(QUESTION, "A", by="a" * 201)
