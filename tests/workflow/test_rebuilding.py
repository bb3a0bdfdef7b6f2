"""Projects that are built again on changed input: what is kept, what is verified again, and what is elected anew."""

import pytest

from schemas.identity import NodePath, TaskStatus
from tests.workflow.builds import PROJECT, build
from tests.workflow.environment import TableModel, staged
from tests.workflow.samples import ANSWERS, SPECIFICATION

pytestmark = [pytest.mark.temporal, pytest.mark.sandbox]

MORE_EXAMPLES = SPECIFICATION.replace(
    "{name: zero, inputs: {n: 0}, expected_output: 0}", "{name: ten, inputs: {n: 10}, expected_output: 20}"
)
"""One example of one task is another."""

REORDERED = SPECIFICATION.replace("Quadruple a number.", "Quadruple\n      a number.")
"""Says the same, with a line break."""


async def test_a_changed_task_is_elected_anew_and_what_calls_it_is_verified_again() -> None:
    """Only the changed task costs calls; its dependent keeps its code; an unchanged task costs nothing at all."""
    async with staged(TableModel(ANSWERS)) as stage:
        first = await build(stage)
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
        (earlier,) = await stage.store.revisions(PROJECT)
        kept = {node.path: node for node in earlier.nodes}
        assert again.candidate == kept[again.path].candidate
        assert (earlier.project.report, earlier.project.manifest) == (first.report, first.manifest)


async def test_input_that_says_the_same_costs_no_call_and_gives_the_same_bytes() -> None:
    """Line breaks in a description change the input and no part; the deliverable is that of the first build."""
    async with staged(TableModel(ANSWERS)) as stage:
        first = await build(stage)
        stage.model.calls.clear()
        second = await build(stage, specification=REORDERED)
        assert (second.exit_code, stage.model.calls) == (0, [])
        assert second.manifest == first.manifest
