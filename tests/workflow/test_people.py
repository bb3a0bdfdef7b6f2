"""People in a build: questions, answers, gates, and what waits meanwhile."""

import asyncio

import pytest
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError

from schemas.identity import Gate, NodePath, TaskStatus
from schemas.people import QuestionKind
from schemas.project import OnExhausted
from tests.workflow.builds import DISAGREEING, PROJECT, build, start, until_project, until_waiting
from tests.workflow.deciding import answer, asked
from tests.workflow.environment import TableModel, staged
from tests.workflow.samples import (
    ANSWERS,
    SPECIFICATION,
    TRIPLE,
    TRIPLING,
)
from workflows.identifiers import node_workflow_id

pytestmark = [pytest.mark.temporal, pytest.mark.sandbox]


async def test_partial_acceptance_is_marked_in_the_exit_code() -> None:
    """With ``partial`` the best verified candidate is taken, and exit code 6 says that it did not win."""
    async with staged(TableModel(DISAGREEING)) as stage:
        result = await build(stage, on_exhausted=OnExhausted.PARTIAL, k=6, max_attempts=8)
        node = await stage.store.node(PROJECT, NodePath("root.quadruple"))
        assert result.exit_code == 6
        assert node.status is TaskStatus.PARTIAL
        assert "below the margin" in node.note


async def test_a_person_decides_what_votes_cannot() -> None:
    """The node waits for days, refuses what it does not understand, and goes on with the answer."""
    async with staged(TableModel(DISAGREEING)) as stage:
        handle = await start(stage, k=6, max_attempts=8)
        await until_waiting(stage, "root.quadruple")
        question = (await stage.store.questions(PROJECT))[-1]
        assert (await stage.store.project(PROJECT)).status is TaskStatus.WAITING
        node = stage.client.get_workflow_handle(node_workflow_id(PROJECT, NodePath("root.quadruple")))
        answer = {"question": question.id, "decision_id": "d1", "value": "perhaps", "by": "ann"}
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await node.execute_update("answer", answer)
        assert "is none of" in str(refused.value.cause)
        taken = await node.execute_update("answer", {**answer, "value": "accept_partial"})
        assert taken == "understood: accept_partial; the best verified candidate is accepted"
        result = await handle.result()
        assert result.exit_code == 6
        assert (await stage.store.node(PROJECT, NodePath("root.quadruple"))).status is TaskStatus.RESOLVED
        assert [(item.value, item.by) for item in await stage.store.decisions(PROJECT)] == [("accept_partial", "ann")]


async def test_an_answer_by_signal_is_taken_and_a_wrong_one_ignored() -> None:
    """Tools that can only signal answer as well; a signal about another question changes nothing."""
    async with staged(TableModel(DISAGREEING)) as stage:
        handle = await start(stage, k=6, max_attempts=8)
        await until_waiting(stage, "root.quadruple")
        question = (await stage.store.questions(PROJECT))[-1]
        node = stage.client.get_workflow_handle(node_workflow_id(PROJECT, NodePath("root.quadruple")))
        await node.signal("answer", {"question": "other", "decision_id": "d0", "value": "give_up"})
        await node.signal("answer", {"question": question.id, "decision_id": "d1", "value": "give_up", "by": "ann"})
        assert (await handle.result()).exit_code == 1
        assert (await stage.store.node(PROJECT, NodePath("root.quadruple"))).note == "given up by ann"


async def test_a_gate_waits_for_consent_and_a_refusal_ends_the_build() -> None:
    """The plan gate waits; a rejection is recorded and nothing is drawn."""
    async with staged(TableModel(ANSWERS)) as stage:
        handle = await start(stage, approve=(Gate.PLAN,))
        for _ in range(300):
            if (await stage.store.projects()) and (await stage.store.project(PROJECT)).status is TaskStatus.WAITING:
                break
            await asyncio.sleep(0.1)
        decision = {"gate": "plan", "decision_id": "p1", "decision": "reject", "by": "ann", "note": "too dear"}
        with pytest.raises(WorkflowUpdateFailedError):
            await handle.execute_update("approve", {**decision, "gate": "delivery"})
        await handle.execute_update("approve", decision)
        result = await handle.result()
        assert result.exit_code == 1
        assert "too dear" in result.message
        assert stage.model.calls == []


async def test_a_rejected_delivery_is_no_success_and_delivers_nothing() -> None:
    """The last gate can refuse: exit code 1, no manifest."""
    async with staged(TableModel(ANSWERS)) as stage:
        handle = await start(stage, approve=(Gate.DELIVERY,))
        await until_project(stage, TaskStatus.WAITING)
        await handle.execute_update(
            "approve", {"gate": "delivery", "decision_id": "d1", "decision": "reject", "by": "ann"}
        )
        result = await handle.result()
        assert (result.exit_code, result.status, result.manifest) == (1, TaskStatus.FAILED, None)


async def test_cancelling_at_a_gate_closes_the_project() -> None:
    """A project that waits for an approval can be cancelled like any other."""
    async with staged(TableModel(ANSWERS)) as stage:
        handle = await start(stage, approve=(Gate.PLAN,))
        await until_project(stage, TaskStatus.WAITING)
        await handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await handle.result()
        project = await stage.store.project(PROJECT)
        assert (project.status, project.exit_code) == (TaskStatus.CANCELLED, 1)


async def test_the_project_waits_once_the_last_other_part_has_settled() -> None:
    """Where one part waits for a person and the others win later, the project ends up waiting, not running."""
    specification = SPECIFICATION.replace("dependencies: [double]\n    ", "")
    async with staged(TableModel(DISAGREEING)) as stage:
        handle = await start(stage, specification=specification, k=6, max_attempts=8)
        await until_project(stage, TaskStatus.WAITING)
        assert (await stage.store.node(PROJECT, NodePath("root.double"))).status is not TaskStatus.RUNNING
        await handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await handle.result()


async def test_a_person_is_asked_about_a_part_without_examples() -> None:
    """Votes alone may share one misunderstanding; consent makes it a part that a person decided."""
    async with staged(TableModel(TRIPLING)) as stage:
        handle = await start(stage, specification=TRIPLE)
        await until_waiting(stage, "root.triple")
        (question,) = await stage.store.questions(PROJECT)
        assert "no example says what is right" in question.text
        answer = {"question": question.id, "decision_id": "1", "value": "accept_partial", "by": "me"}
        node = stage.client.get_workflow_handle(node_workflow_id(PROJECT, NodePath("root.triple")))
        await node.execute_update("answer", answer)
        result = await handle.result()
        assert (result.counts.resolved, result.counts.partial) == (1, 0)


async def test_code_that_fails_does_not_make_an_untested_winner_acceptable() -> None:
    """Only an example does: the person is asked about the winner again, and answers with one."""
    path = NodePath("root.triple")
    async with staged(TableModel(TRIPLING)) as stage:
        handle = await start(stage, specification=TRIPLE)
        node = stage.client.get_workflow_handle(node_workflow_id(PROJECT, path))
        wrong = {"code": "def triple(n: int) -> int:\n    return nowhere\n"}
        await node.execute_update("answer", answer(await asked(stage, 1, path), wrong))
        again = await asked(stage, 2, path)
        assert again.kind is QuestionKind.UNTESTED
        assert "by ann was rejected" in again.text
        example = {"example": {"inputs": {"n": 2}, "expected_output": 6}}
        await node.execute_update("answer", answer(again, example))
        result = await handle.result()
        assert (result.exit_code, result.counts.won, result.counts.resolved) == (0, 1, 0)
