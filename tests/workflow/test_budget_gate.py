"""The budget's gate: a project that reaches a cap waits for a person, goes on with raised caps, or ends."""

import asyncio
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError

from schemas.identity import Gate, NodePath, TaskStatus
from schemas.models import Budget
from schemas.project import ProjectResult
from tests.workflow import prose
from tests.workflow.builds import PROJECT, build, start, until_project, until_waiting
from tests.workflow.environment import Stage, TableModel, staged
from tests.workflow.samples import ANSWERS, SPECIFICATION
from workflows.identifiers import node_workflow_id

pytestmark = [pytest.mark.temporal, pytest.mark.sandbox]

APART = SPECIFICATION.replace("dependencies: [double]\n    ", "")
"""The sample whose two parts are built at the same time."""

WITHOUT_DOUBLE = {
    **ANSWERS,
    ("coder", "quadruple"): tuple(
        text.replace("double(double(n))", "n * 4") for text in ANSWERS[("coder", "quadruple")]
    ),
}
CAPPED: dict[str, Any] = {"approve": (Gate.BUDGET,), "proposals": 0, "reviews": 0}


def approval(number: int, decision: str = "approve", **more: Any) -> dict[str, Any]:
    """Make a decision at the gate."""
    return {"gate": "budget", "decision_id": str(number), "decision": decision, "by": "ann", **more}


async def opened_or_ended(handle: WorkflowHandle[Any, ProjectResult], decision: int) -> bool:
    """Wait until the gate is open for a decision, or the project has ended; False then.

    It asks again and again: a call that waits for the result makes the server skip the time that a person takes.
    """
    for _ in range(600):
        progress = await handle.query("progress")
        if progress["phase"] == "finished":
            return False
        if progress["waits_for"] == "budget" and progress["decision_id"] == str(decision):
            return True
        await asyncio.sleep(0.1)
    raise AssertionError(f"the gate was never open for decision {decision}, and the project never ended")


async def until_open(handle: WorkflowHandle[Any, ProjectResult], decision: int = 1) -> None:
    """Wait until the budget's gate is open for the decision of a number."""
    assert await opened_or_ended(handle, decision), f"the project ended before decision {decision} was asked for"


async def releases(stage: Stage, path: NodePath) -> int:
    """Count how often a node that waited at a cap was told what was decided."""
    node = stage.client.get_workflow_handle(node_workflow_id(PROJECT, path))
    signals = [
        event.workflow_execution_signaled_event_attributes.signal_name async for event in node.fetch_history_events()
    ]
    return signals.count("caps_decided")


async def caps(stage: Stage) -> Budget:
    """Read the caps that calls are held against."""
    return Budget.model_validate((await stage.store.project(PROJECT)).options["budget"])


async def test_without_the_gate_a_reached_cap_ends_the_project() -> None:
    """Exit code 4, and nobody is asked."""
    async with staged(TableModel(ANSWERS)) as stage:
        result = await build(stage, budget={"max_calls": 2}, proposals=0, reviews=0)
        assert result.exit_code == 4
        assert await stage.store.decisions(PROJECT) == ()


async def test_consent_lets_the_project_go_on_past_its_cap() -> None:
    """It waits, says so, makes no further call, and with consent is built as without a cap."""
    async with staged(TableModel(ANSWERS)) as stage:
        uncapped = await build(stage, proposals=0, reviews=0)
    async with staged(TableModel(ANSWERS)) as stage:
        handle = await start(stage, budget={"max_calls": 1}, **CAPPED)
        await until_open(handle)
        await until_project(stage, TaskStatus.WAITING)
        project = await stage.store.project(PROJECT)
        assert "--max-calls" in project.message
        assert len(stage.model.calls) == 1
        await handle.execute_update("approve", approval(1))
        await until_open(handle, 2)
        assert await caps(stage) == Budget(max_calls=2)
        await handle.execute_update("approve", approval(2, budget={"max_calls": 100}))
        result = await handle.result()
        assert (result.exit_code, result.manifest) == (0, uncapped.manifest)
        assert await caps(stage) == Budget(max_calls=100)
        decided = [(item.gate, item.value, item.by) for item in await stage.store.decisions(PROJECT)]
        assert decided == [(Gate.BUDGET, "approve", "ann")] * 2


async def test_a_refusal_ends_the_project_as_without_the_gate() -> None:
    """Exit code 4, with who refused and why; what was won stays."""
    async with staged(TableModel(ANSWERS)) as stage:
        handle = await start(stage, budget={"max_calls": 3}, **CAPPED)
        await until_open(handle)
        await handle.execute_update("approve", approval(1, "reject", note="too dear"))
        result = await handle.result()
        assert result.exit_code == 4
        assert "the budget was rejected by ann: too dear" in result.message
        assert (await stage.store.node(PROJECT, NodePath("root.double"))).status is TaskStatus.WON
        assert len(stage.model.calls) == 3


async def test_several_parts_wait_at_one_gate() -> None:
    """One decision releases all that wait, and a second one is not asked for."""
    async with staged(TableModel(WITHOUT_DOUBLE)) as stage:
        handle = await start(stage, specification=APART, budget={"max_calls": 1}, **CAPPED)
        await until_waiting(stage, "root.double")
        await until_waiting(stage, "root.quadruple")
        await handle.execute_update("approve", approval(1, budget={"max_calls": 50}))
        assert (await handle.result()).exit_code == 0
        assert len(await stage.store.decisions(PROJECT)) == 1


async def test_a_part_that_reports_late_goes_on_without_another_decision() -> None:
    """What had drawn before it knew of the raised caps is released at once, by what was decided already."""
    async with staged(TableModel(ANSWERS)) as stage:
        handle = await start(stage, budget={"max_calls": 1}, **CAPPED)
        await until_open(handle)
        await until_waiting(stage, "root.double")
        await handle.execute_update("approve", approval(1, budget={"max_calls": 3}))
        # The next part knows of no consent yet: its first report is answered by what was decided before it began, and
        # only when it reaches the raised cap again is a person asked.
        await until_open(handle, 2)
        assert [await releases(stage, NodePath(f"root.{name}")) for name in ("double", "quadruple")] == [1, 1]
        await handle.execute_update("approve", approval(2, "reject"))
        result = await handle.result()
        assert result.exit_code == 4
        assert [item.value for item in await stage.store.decisions(PROJECT)] == ["approve", "reject"]


@pytest.mark.slow
async def test_the_specification_from_prose_waits_at_a_cap_as_well() -> None:
    """Before there is any node the project itself waits, and goes on with the same round."""
    async with staged(TableModel(prose.ANSWERS)) as stage:
        options = {"specification": "", "requirements": prose.PROSE, "budget": {"max_calls": 1}}
        handle = await start(stage, **options, **CAPPED)
        await until_open(handle)
        await until_project(stage, TaskStatus.WAITING)
        assert "--max-calls" in (await stage.store.project(PROJECT)).message
        await handle.execute_update("approve", approval(1, budget={"max_calls": 100}))
        assert (await handle.result()).exit_code == 0


@pytest.mark.slow
async def test_examples_that_agents_state_wait_at_a_cap() -> None:
    """What is asked before a vote waits like the vote itself, and is not given up for want of calls."""
    async with staged(TableModel(prose.ANSWERS)) as stage:
        options = {"specification": "", "requirements": prose.PROSE, "budget": {"max_calls": 2}}
        handle = await start(stage, approve=(Gate.BUDGET,), **options)
        number = 0
        while await opened_or_ended(handle, number + 1):
            number += 1
            await handle.execute_update("approve", approval(number))
        uncapped = TableModel(prose.ANSWERS)
        assert (await handle.result()).exit_code == 0
        capped = list(stage.model.calls)
    async with staged(uncapped) as stage:
        options["budget"] = {}
        assert (await build(stage, **options)).exit_code == 0
    assert number > 2
    assert sorted(capped) == sorted(uncapped.calls)


async def test_the_cap_on_time_waits_and_grows_by_the_time_that_was_waited() -> None:
    """A wait of days does not use up the time that is given on."""
    async with staged(TableModel(ANSWERS)) as stage:
        handle = await start(stage, budget={"max_time_seconds": 0.001}, **CAPPED)
        await until_open(handle)
        assert stage.model.calls == []
        await stage.environment.sleep(3600 * 24 * 3)
        await handle.execute_update("approve", approval(1, budget={"max_time_seconds": 3600}))
        assert (await handle.result()).exit_code == 0


async def test_consent_is_idempotent_and_only_taken_where_it_belongs() -> None:
    """The same decision twice is one; caps belong to consent at this gate alone."""
    async with staged(TableModel(ANSWERS)) as stage:
        handle = await start(stage, budget={"max_calls": 2}, approve=(Gate.PLAN, Gate.BUDGET), proposals=0, reviews=0)
        await until_project(stage, TaskStatus.WAITING)
        plan = {**approval(1), "gate": "plan"}
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update("approve", {**plan, "budget": {"max_calls": 9}})
        assert "caps are given with an approval of the budget alone" in str(refused.value.cause)
        await handle.execute_update("approve", plan)
        await until_open(handle, 2)
        await handle.signal("approve", {**approval(2), "gate": "delivery"})
        await handle.signal("approve", approval(2, budget={"max_calls": 60}))
        again = await handle.execute_update("approve", approval(2))
        assert again.startswith("this decision was already taken: caps from now on: 60 calls")
        assert (await handle.result()).exit_code == 0


async def test_cancelling_at_the_gate_closes_project_and_parts() -> None:
    """A project that waits at a cap can be cancelled like any other, and so are the parts that wait."""
    async with staged(TableModel(ANSWERS)) as stage:
        handle = await start(stage, budget={"max_calls": 1}, **CAPPED)
        await until_waiting(stage, "root.double")
        await handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await handle.result()
        project = await stage.store.project(PROJECT)
        assert (project.status, project.exit_code) == (TaskStatus.CANCELLED, 1)
        assert (await stage.store.node(PROJECT, NodePath("root.double"))).status is TaskStatus.CANCELLED


async def test_a_worker_that_dies_while_a_project_waits_at_a_cap_loses_nothing() -> None:
    """Another worker takes project and parts up where they wait, days later, and consent reaches all of them."""
    # Without a cache every step is taken from the history alone; and the test server never gives a dead worker's
    # cached workflows to another one.
    async with staged(TableModel(ANSWERS), cached_workflows=0) as stage:
        handle = await start(stage, budget={"max_calls": 1}, **CAPPED)
        await until_waiting(stage, "root.double")
        await stage.restart()
        await stage.environment.sleep(3600 * 24 * 5)
        await handle.execute_update("approve", approval(1, budget={"max_calls": 50}))
        assert (await handle.result()).exit_code == 0
        assert len(stage.model.calls) == (await stage.store.spend(PROJECT)).settled.calls
