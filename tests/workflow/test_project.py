"""Whole projects through real workflows, on the time-skipping server with an in-memory store."""

import asyncio
import json
import re
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError

from schemas.identity import Archetype, Gate, LayerName, NodePath, ProjectId, TaskStatus
from schemas.models import Budget, FinishReason, ModelAnswer, ModelRequest, Usage
from schemas.project import LadderMode, OnExhausted, ProjectInput, ProjectResult
from schemas.verification import VerdictStatus
from tests.workflow.environment import Stage, TableModel, staged
from tests.workflow.samples import (
    ANSWERS,
    LOOKED_AT,
    QUADRUPLE,
    SIX,
    SPECIFICATION,
    SPLIT_TWO_WAYS,
    TRIPLE,
    TRIPLING,
    WRONG_DOUBLE,
    fenced,
)
from workflows.identifiers import CONTROL_QUEUE, node_workflow_id, project_workflow_id
from workflows.sandbox import GUARDED, runner

pytestmark = [pytest.mark.temporal, pytest.mark.sandbox]

PROJECT = ProjectId("sums")


async def start(stage: Stage, **options: Any) -> WorkflowHandle[Any, ProjectResult]:
    """Start a project as the command line does."""
    given = ProjectInput.model_validate({"specification": SPECIFICATION, "project": PROJECT, "k": 2, **options})
    return await stage.client.start_workflow(
        "ProjectWorkflow", given, id=project_workflow_id(PROJECT), task_queue=CONTROL_QUEUE, result_type=ProjectResult
    )


async def build(stage: Stage, **options: Any) -> ProjectResult:
    """Build a project to its end."""
    return await (await start(stage, **options)).result()


async def until_waiting(stage: Stage, path: str) -> None:
    """Wait until a node waits for a person; bounded."""
    for _ in range(600):
        if any(node.path == path for node in await stage.store.nodes(PROJECT)):
            node = await stage.store.node(PROJECT, NodePath(path))
            if node.status is TaskStatus.WAITING:
                return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{path} never waited")


async def test_a_specified_tree_is_built_and_delivered() -> None:
    """Two tasks, one calling the other, end as a verified package with a manifest and a report."""
    async with staged(TableModel(ANSWERS)) as stage:
        result = await build(stage)
        nodes = {node.path: node for node in await stage.store.nodes(PROJECT)}
        assert (result.exit_code, result.message) == (0, "")
        assert result.counts.tasks == result.counts.won == 2
        assert nodes[NodePath("root.quadruple")].margin >= 2
        assert result.manifest is not None
        manifest = (await stage.store.get(result.manifest)).decode()
        assert "sums/quadruple.py" in manifest
        assert "tests/test_root_double.py" in manifest
        assert result.report is not None
        assert "root.double" in (await stage.store.get(result.report)).decode()


async def test_both_ways_up_the_ladder_give_equal_verdicts() -> None:
    """One activity a layer, or all layers in one: the same candidates get the same verdicts."""
    seen = []
    for mode in LadderMode:
        async with staged(TableModel(ANSWERS)) as stage:
            result = await build(stage, ladder=mode, max_attempts=8)
            verdicts = {
                (path, candidate, verdict.layer, verdict.status)
                for path in (NodePath("root.double"), NodePath("root.quadruple"))
                for candidate, given in (await stage.store.verdicts(PROJECT, path)).items()
                for verdict in given
            }
            seen.append((result.counts, verdicts))
    assert seen[0] == seen[1]
    assert {layer for _, _, layer, _ in seen[0][1]} == set(LayerName)
    assert VerdictStatus.PASSED in {status for _, _, _, status in seen[0][1]}


async def test_a_winner_that_a_further_look_rejects_loses_its_votes() -> None:
    """The search finds the one number on which it is wrong; the election goes on, and a right answer wins it."""
    async with staged(TableModel(LOOKED_AT)) as stage:
        result = await build(stage)
        node = await stage.store.node(PROJECT, NodePath("root.double"))
        assert result.exit_code == 0
        assert node.candidate is not None
        assert "total += n" in await stage.store.candidate(PROJECT, node.path, node.candidate)
        verdicts = await stage.store.verdicts(PROJECT, node.path)
        contracts = {key: given[list(LayerName).index(LayerName.CONTRACTS)] for key, given in verdicts.items()}
        rejected = [verdict for verdict in contracts.values() if verdict.status is VerdictStatus.REJECTED]
        assert rejected
        assert all("777" in verdict.findings[0].message for verdict in rejected)
        assert {look.status for look in contracts[node.candidate].confirmations} == {VerdictStatus.PASSED}


async def test_core_inside_the_workflow_sandbox_builds_as_well() -> None:
    """With the core kept inside Temporal's sandbox, where its guard is alive, a build goes through."""
    async with staged(TableModel(ANSWERS), workflow_runner=runner(*GUARDED)) as stage:
        assert (await build(stage)).exit_code == 0


async def test_a_failed_task_stops_only_its_dependents() -> None:
    """What nobody can solve fails, what calls it is blocked, and the exit code says so."""
    answers = {("coder", "double"): (WRONG_DOUBLE,), ("coder", "quadruple"): QUADRUPLE}
    async with staged(TableModel(answers)) as stage:
        result = await build(stage, on_exhausted=OnExhausted.FAIL, max_attempts=4)
        nodes = {node.path: node.status for node in await stage.store.nodes(PROJECT)}
        assert result.exit_code == 1
        assert nodes[NodePath("root.double")] is TaskStatus.FAILED
        assert nodes[NodePath("root.quadruple")] is TaskStatus.BLOCKED
        assert ("coder", "quadruple") not in stage.model.calls


DISAGREEING = {
    ("coder", "double"): ANSWERS[("coder", "double")],
    ("coder", "quadruple"): (
        fenced("def quadruple(n: int) -> int:\n    return n * 4 if n < 500 else 0\n"),
        fenced("def quadruple(n: int) -> int:\n    return n * 4 if n < 501 else n\n"),
        fenced("def quadruple(n: int) -> int:\n    return 4 * n if n > -500 else 0\n"),
        fenced("def quadruple(n: int) -> int:\n    return 4 * n if n > -501 else n\n"),
    ),
}


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
        assert taken == "understood: accept_partial"
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


async def test_a_cap_on_calls_ends_the_project_with_its_own_exit_code() -> None:
    """A cap is never passed, and reaching it is told apart from failing."""
    async with staged(TableModel(ANSWERS)) as stage:
        result = await build(stage, budget=Budget(max_calls=1))
        assert result.exit_code == 4
        assert result.spend.calls == len(stage.model.calls) == 1


async def test_input_that_does_not_fit_fails_at_once_with_a_readable_error() -> None:
    """Wrong plain JSON fails the workflow, and does not retry its task for ever."""
    async with staged(TableModel({})) as stage:
        with pytest.raises(WorkflowFailureError) as failed:
            await stage.client.execute_workflow(
                "ProjectWorkflow", {"requirement": "typo"}, id="ci-1", task_queue=CONTROL_QUEUE
            )
        assert "requirement" in str(failed.value.cause)
        with pytest.raises(WorkflowFailureError) as empty:
            await stage.client.execute_workflow(
                "ProjectWorkflow", {"requirements": ""}, id="ci-2", task_queue=CONTROL_QUEUE
            )
        assert "nothing to build" in str(empty.value.cause)


async def test_a_faulty_specification_names_every_fault_and_leaves_nothing_running() -> None:
    """A contradicting specification fails the project with all its faults."""
    faulty = SPECIFICATION.replace("type_annotation: int, constraints", "type_annotation: integer, constraints", 1)
    async with staged(TableModel(ANSWERS)) as stage:
        with pytest.raises(WorkflowFailureError) as failed:
            await build(stage, specification=faulty)
        assert "integer" in str(failed.value.cause)
        assert await stage.store.projects() == ()  # the id is free for the corrected specification
        assert (await build(stage)).exit_code == 0


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


async def until_project(stage: Stage, status: TaskStatus) -> None:
    """Wait until the project has a status; bounded."""
    for _ in range(600):
        if await stage.store.projects() and (await stage.store.project(PROJECT)).status is status:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"the project never was {status.value}")


async def test_a_rejected_delivery_is_no_success_and_delivers_nothing() -> None:
    """The last gate can refuse: exit code 1, no manifest."""
    async with staged(TableModel(ANSWERS)) as stage:
        handle = await start(stage, approve=(Gate.DELIVERY,))
        await until_project(stage, TaskStatus.WAITING)
        await handle.execute_update(
            "approve", {"gate": "delivery", "decision_id": "d1", "decision": "reject", "by": "ann", "note": "no"}
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


async def test_a_part_without_examples_is_delivered_and_marked() -> None:
    """Nobody can state any, nor is to be asked: its win does not count as one; the rest of the delivery holds."""
    async with staged(TableModel(TRIPLING)) as stage:
        result = await build(stage, specification=TRIPLE, on_exhausted=OnExhausted.PARTIAL)
        assert (result.exit_code, result.counts.partial) == (6, 1)


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


class Stating(TableModel):
    """A model whose specifiers know what triples are."""

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """State the results that are asked for; anything else comes from the table."""
        if request.prompt.archetype is not Archetype.SPECIFIER:
            return await super().complete(request)
        asked = re.findall(r'^(\d+)\. {"n": (-?\d+)}$', request.prompt.messages[-1].content, re.MULTILINE)
        stated = [{"input": int(number), "returns": 3 * int(value)} for number, value in asked]
        return ModelAnswer(
            text=f"```json\n{json.dumps({'outcomes': stated})}\n```",
            finish_reason=FinishReason.STOP,
            usage=Usage(prompt_tokens=10, completion_tokens=5),
            model="table",
            endpoint="memory",
        )


async def test_examples_that_agents_agree_on_make_a_part_testable() -> None:
    """Nobody wrote any: a vote settles what the results of simple inputs are, before the first code is drawn."""
    async with staged(Stating(TRIPLING)) as stage:
        result = await build(stage, specification=TRIPLE)
        assert (result.exit_code, result.counts.won) == (0, 1)
        settled = await stage.store.further_examples(PROJECT, NodePath("root.triple"))
        assert len(settled) >= 2
        assert all(case.expected_output == 3 * int(str(case.inputs["n"])) for case in settled)


class Choosing(TableModel):
    """A model whose reviewers choose the split that has a part of this name, wherever it is shown."""

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """Choose by what is shown; splits come in turn, anything else from the table."""
        if request.prompt.archetype is Archetype.DECOMPOSER:
            drawn = sum(role == "decomposer" for role, _ in self.calls)
            return await super().complete(request.model_copy(update={"seed": drawn}))
        if request.prompt.archetype is not Archetype.REVIEWER:
            return await super().complete(request)
        self.calls.append(("reviewer", "six"))
        shown = request.prompt.messages[-1].content
        label = next(part[0] for part in shown.split("# Proposal ")[1:] if "thrice" in part)
        return ModelAnswer(
            text=f"```json\n{json.dumps({'choice': label, 'reason': 'plain'})}\n```",
            finish_reason=FinishReason.STOP,
            usage=Usage(prompt_tokens=10, completion_tokens=5),
            model="table",
            endpoint="memory",
        )


async def test_agents_choose_among_structures_where_none_of_them_won() -> None:
    """Both splits are sound and neither leads by enough: the choice needs the margin, and is kept with the election."""
    async with staged(Choosing(SPLIT_TWO_WAYS)) as stage:
        result = await build(stage, specification=SIX, k=4, max_attempts=8)
        assert (result.exit_code, result.counts.won) == (0, 3)
        assert stage.model.calls.count(("reviewer", "six")) == 4


async def test_a_cap_that_stops_the_choice_ends_the_project_as_a_cap_does() -> None:
    """And not as if nobody had agreed."""
    async with staged(Choosing(SPLIT_TWO_WAYS)) as stage:
        result = await build(stage, specification=SIX, k=4, max_attempts=8, budget=Budget(max_calls=9))
        assert result.exit_code == 4


async def test_candidates_that_may_vote_are_compared_together() -> None:
    """After each round that brought another one, in one activity."""
    async with staged(TableModel(ANSWERS)) as stage:
        await build(stage)
        node = stage.client.get_workflow_handle(node_workflow_id(PROJECT, NodePath("root.quadruple")))
        started = [
            event.activity_task_scheduled_event_attributes.activity_type.name
            async for event in node.fetch_history_events()
            if event.HasField("activity_task_scheduled_event_attributes")
        ]
        assert "compare" in started
        assert "propose_inputs" in started


async def test_a_start_without_input_fails_at_once() -> None:
    """The stock CLI without --input asks for nothing, and hears so."""
    async with staged(TableModel({})) as stage:
        with pytest.raises(WorkflowFailureError) as failed:
            await stage.client.execute_workflow("ProjectWorkflow", id="ci-3", task_queue=CONTROL_QUEUE)
        assert "nothing to build" in str(failed.value.cause)


async def test_a_cancelled_project_closes_its_nodes() -> None:
    """Cancelling stops the tree and records it."""
    async with staged(TableModel(DISAGREEING)) as stage:
        handle = await start(stage, k=6, max_attempts=8)
        await until_waiting(stage, "root.quadruple")
        await handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await handle.result()
        assert (await stage.store.project(PROJECT)).status is TaskStatus.CANCELLED
        assert (await stage.store.node(PROJECT, NodePath("root.quadruple"))).status is TaskStatus.CANCELLED


async def test_the_same_input_again_returns_the_stored_result_without_a_call() -> None:
    """A finished project is not built twice."""
    async with staged(TableModel(ANSWERS)) as stage:
        first = await build(stage)
        calls = len(stage.model.calls)
        assert await build(stage) == first
        assert len(stage.model.calls) == calls
