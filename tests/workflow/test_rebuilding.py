"""Projects that are built again on changed input: what is kept, what is verified again, and what is elected anew."""

import pytest

from schemas.identity import NodePath, TaskStatus
from tests.workflow.builds import PROJECT, build
from tests.workflow.environment import Stage, TableModel, staged
from tests.workflow.samples import (
    ANSWERS,
    FOR_MORE_EXAMPLES,
    FOR_TRIPLED,
    MORE_EXAMPLES,
    SPLIT_ONE_WAY,
    TRIPLED,
    WITH_SIX,
)
from workflows.identifiers import node_workflow_id

pytestmark = [pytest.mark.temporal, pytest.mark.sandbox]


async def activities(stage: Stage, path: NodePath) -> list[str]:
    """Name the activities that a node's newest workflow asked for."""
    history = await stage.client.get_workflow_handle(node_workflow_id(PROJECT, path)).fetch_history()
    scheduled = [event.activity_task_scheduled_event_attributes.activity_type.name for event in history.events]
    return [name for name in scheduled if name]


async def test_a_changed_task_is_elected_anew_and_what_calls_it_is_verified_again() -> None:
    """Only the changed task costs calls, its dependent keeps its code; input that says the same costs none at all."""
    async with staged(TableModel(ANSWERS)) as stage:
        first = await build(stage)
        stage.model.answers = FOR_MORE_EXAMPLES
        stage.model.calls.clear()
        second = await build(stage, specification=MORE_EXAMPLES)
        assert (second.exit_code, second.counts.won) == (0, 2)
        assert {task for _, task in stage.model.calls} == {"double"}
        assert second.spend.calls == len(stage.model.calls) < first.spend.calls
        assert (await stage.store.spend(PROJECT)).settled.calls == first.spend.calls + second.spend.calls
        nodes = {node.path: node for node in await stage.store.nodes(PROJECT)}
        assert nodes[NodePath("root.double")].status is TaskStatus.WON
        again = nodes[NodePath("root.quadruple")]
        assert (again.status, again.note) == (TaskStatus.REUSED, "won in revision 1")
        assert again.margin >= again.k == 2
        done = await activities(stage, again.path)
        assert "climb" in done
        assert "draw" not in done
        (earlier,) = await stage.store.revisions(PROJECT)
        kept = {node.path: node for node in earlier.nodes}
        assert again.candidate == kept[again.path].candidate
        assert (earlier.project.report, earlier.project.manifest) == (first.report, first.manifest)

        stage.model.calls.clear()
        broken = MORE_EXAMPLES.replace("Quadruple a number.", "Quadruple\n      a number.")
        third = await build(stage, specification=broken)  # says the same, with a line break
        assert (third.exit_code, third.spend.calls, stage.model.calls) == (0, 0, [])
        assert third.manifest == second.manifest
        assert await activities(stage, again.path) == ["plan_node", "set_state", "find_accepted", "take_accepted"]


async def test_a_part_that_does_not_hold_any_more_is_elected_anew_and_a_plan_is_kept() -> None:
    """What calls a task that now means another thing fails its examples; a task that was split keeps its plan."""
    async with staged(TableModel(SPLIT_ONE_WAY)) as stage:
        assert (await build(stage, specification=WITH_SIX)).exit_code == 0
        stage.model.answers = FOR_TRIPLED
        stage.model.calls.clear()
        second = await build(stage, specification=TRIPLED)
        assert (second.exit_code, second.counts.won) == (0, 5)
        assert set(stage.model.calls) == set(FOR_TRIPLED)
        status = {node.path: node.status for node in await stage.store.nodes(PROJECT)}
        anew = {path for path, found in status.items() if found is TaskStatus.WON}
        assert anew == {"root", "root.double", "root.quadruple"}
        assert {path for path in status if path not in anew} == {"root.six", "root.six.twice", "root.six.thrice"}
        assert status[NodePath("root.six")] is TaskStatus.REUSED
