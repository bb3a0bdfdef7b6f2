"""Whole projects through real workflows, on the time-skipping server with an in-memory store."""

import pytest
from temporalio.client import WorkflowFailureError

from schemas.identity import NodePath, TaskStatus
from schemas.models import Budget
from schemas.project import OnExhausted
from tests.workflow.builds import DISAGREEING, PROJECT, build, start, until_waiting
from tests.workflow.environment import TableModel, staged
from tests.workflow.samples import (
    ANSWERS,
    QUADRUPLE,
    SPECIFICATION,
    WRONG_DOUBLE,
)
from workflows.identifiers import CONTROL_QUEUE
from workflows.sandbox import GUARDED, runner

pytestmark = [pytest.mark.temporal, pytest.mark.sandbox]


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


async def test_core_inside_the_workflow_sandbox_builds_as_well_with_margins_of_its_own() -> None:
    """With the core kept inside Temporal's sandbox, where its guard is alive, a build goes through.

    Its margins are planned: the second task's follows from how the first, on which it depends, was won.
    """
    async with staged(TableModel(ANSWERS), workflow_runner=runner(*GUARDED)) as stage:
        result = await build(stage, k=None, max_attempts=40)
        first, second = [await stage.store.node(PROJECT, NodePath(f"root.{name}")) for name in ("double", "quadruple")]
        judged = await stage.store.forecast(PROJECT)
        assert result.exit_code == 0
        assert judged is not None
        assert judged.actual is not None
        assert first.k == judged.k > second.k
        assert min(first.margin - first.k, second.margin - second.k) >= 0
        assert (judged.actual.tasks, judged.actual.calls) == (2, result.spend.calls)
        assert result.report is not None
        assert "Planned: all tasks are right with probability" in (await stage.store.get(result.report)).decode()


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
