"""What is done again in real workflows: a child's election after a failed integration, and plans, within bounds."""

from collections import Counter

import pytest

from millwright.ports import Sandbox
from schemas.identity import LayerName, NodePath, TaskStatus
from tests.workflow.builds import PROJECT, build, start, until_waiting
from tests.workflow.environment import TableModel, staged
from tests.workflow.objecting import Objecting
from tests.workflow.samples import ANSWERS, DOUBLE, HOPELESS_PLANS, INFEASIBLE, SIX, WEAK_CHILD
from workflows.identifiers import node_workflow_id

pytestmark = [pytest.mark.temporal, pytest.mark.sandbox]

SIX_PATH, TWICE, THRICE = NodePath("root.six"), NodePath("root.six.twice"), NodePath("root.six.thrice")


async def test_what_the_whole_does_not_hold_with_is_barred_and_exactly_its_part_is_elected_again() -> None:
    """The accepted answer loses its vote to an equal one; what stands on it is verified again, without another call."""
    double, quadruple = NodePath("root.double"), NodePath("root.quadruple")
    answers = {**ANSWERS, ("coder", "double"): DOUBLE}
    wrapped: list[Objecting] = []

    def around(sandbox: Sandbox) -> Sandbox:
        wrapped.append(Objecting(sandbox, "sums/double.py", "n * 2"))
        return wrapped[0]

    async with staged(TableModel(answers), sandbox=around) as stage:
        result = await build(stage, proposals=0)
        nodes = {node.path: node for node in await stage.store.nodes(PROJECT)}
        assert (result.exit_code, result.message) == (0, "")
        assert wrapped[0].objections == 1
        (barred,) = nodes[double].rework.barred
        assert nodes[double].rework.barred[barred] is LayerName.TYPES
        assert "n * 2" in await stage.store.candidate(PROJECT, double, barred)
        assert nodes[double].candidate not in (None, barred)
        told = {verdict.layer: verdict for verdict in (await stage.store.verdicts(PROJECT, double))[barred]}
        assert told[LayerName.TYPES].findings[0].code == "whole-types"
        assert (nodes[double].rework.reopenings, nodes[quadruple].rework.reopenings) == (1, 0)
        assert Counter(stage.model.calls)["coder", "quadruple"] == nodes[quadruple].samples


async def test_a_child_that_was_specified_too_weakly_gains_the_failing_case_and_is_elected_again() -> None:
    """Its stored answers are verified again first; its sibling keeps its work, and no glue is drawn anew."""
    async with staged(TableModel(WEAK_CHILD)) as stage:
        result = await build(stage, specification=SIX, max_attempts=12, proposals=0)
        child = await stage.store.node(PROJECT, TWICE)
        assert (result.exit_code, child.status) == (0, TaskStatus.WON)
        assert (child.rework.reopenings, child.rework.edition) == (1, "")
        assert child.candidate is not None
        source = await stage.store.candidate(PROJECT, TWICE, child.candidate)
        assert "n * 2" in source or "n + n" in source
        cases = [
            (case.inputs["n"], case.expected_output) for case in await stage.store.further_examples(PROJECT, TWICE)
        ]
        assert cases
        assert all(isinstance(n, int) and expected == 2 * n for n, expected in cases)
        assert (await stage.store.node(PROJECT, THRICE)).rework.reopenings == 0
        written = [item for item in await stage.store.all_completions(PROJECT) if item.path == THRICE]
        assert len(written) == (await stage.store.node(PROJECT, THRICE)).samples
        assert len(stage.model.calls) == len(await stage.store.all_completions(PROJECT))


async def test_a_part_that_nobody_can_do_gets_its_parent_another_plan() -> None:
    """The finished sibling is in the new plan to the letter and keeps its work: no call is made for it again."""
    async with staged(TableModel(INFEASIBLE)) as stage:
        result = await build(stage, specification=SIX, max_attempts=3, proposals=0)
        nodes = {node.path: node for node in await stage.store.nodes(PROJECT)}
        assert result.exit_code == 0
        assert set(nodes) == {"root", SIX_PATH, TWICE, "root.six.treble"}
        assert nodes[SIX_PATH].rework.replans == 1
        assert Counter(stage.model.calls)["coder", "twice"] == nodes[TWICE].samples == 2
        assert nodes[NodePath("root.six.treble")].rework.edition
        built = stage.client.get_workflow_handle(node_workflow_id(PROJECT, TWICE))
        starts = [
            event
            async for event in built.fetch_history_events()
            if event.HasField("activity_task_scheduled_event_attributes")
        ]
        assert sum("plan" in str(event.user_metadata.summary.data) for event in starts) == 1


async def test_after_the_last_plan_a_person_is_asked_and_told_what_was_tried() -> None:
    """Two more plans come to the same child; then it waits for a person, and its sibling was drawn once."""
    async with staged(TableModel(HOPELESS_PLANS)) as stage:
        handle = await start(stage, specification=SIX, max_attempts=3, proposals=0)
        await until_waiting(stage, THRICE)
        (question,) = await stage.store.questions(PROJECT)
        assert "root.six was planned anew (1 of 2)" in question.text
        assert "root.six was planned anew (2 of 2)" in question.text
        assert (await stage.store.node(PROJECT, SIX_PATH)).rework.replans == 2
        assert Counter(stage.model.calls)["coder", "twice"] == 2
        node = stage.client.get_workflow_handle(node_workflow_id(PROJECT, THRICE))
        answer = {"question": question.id, "decision_id": "1", "value": "give_up", "by": "ann"}
        await node.execute_update("answer", answer)
        assert (await handle.result()).exit_code == 1
