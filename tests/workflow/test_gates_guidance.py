"""Rejections with a note: what agents made is made again by the note, within bounds, and the gate opens again."""

from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from millwright.core.prompts.planner import specifier_task
from schemas.identity import ROOT_PATH, Gate, LayerName, NodePath, TaskStatus
from schemas.models import REJECTED_LINE
from schemas.people import OnDeadline
from schemas.project import ProjectResult
from tests.workflow import prose
from tests.workflow.builds import PROJECT, start
from tests.workflow.deciding import decision, details, question, until_gate
from tests.workflow.environment import Stage, TableModel, staged
from tests.workflow.samples import ANSWERS, DOUBLE, fenced
from workflows.planned import NO_OTHER

pytestmark = [pytest.mark.slow, pytest.mark.temporal, pytest.mark.sandbox]

FROM_PROSE: dict[str, Any] = {"specification": "", "requirements": prose.PROSE}
SPECIFIER = specifier_task(prose.PROSE)
APART = prose.SPLIT.replace('"dependencies": ["double"]', '"dependencies": []')
"""A split that is sound, and whose second part has no code written down."""

QUADRUPLE, DOUBLED = NodePath("root.quadruple"), NodePath("root.double")
NOTE = "double is clever; write a plain sum."


async def rejected(handle: WorkflowHandle[Any, ProjectResult], gate: str, number: int, note: str = "") -> str:
    """Reject at a gate; returns what follows."""
    said: str = await handle.execute_update("approve", decision(gate, number, "reject", note=note))
    return said


async def decisions(stage: Stage) -> list[tuple[str | None, str, str]]:
    """Read the audit: question, value, effect."""
    return [(row.question, row.value, row.effect) for row in await stage.store.decisions(PROJECT)]


async def test_a_specification_is_elected_again_by_the_note_and_at_most_so_often() -> None:
    """Specifiers are told the notes and what was rejected, by calls of their own; the gate opens again."""
    answers = {
        **prose.ANSWERS,
        ("specifier again", SPECIFIER): (prose.specified(prose.READ, description="Zero first, then eight times."),),
    }
    async with staged(TableModel(answers)) as stage:
        handle = await start(stage, approve=(Gate.SPECIFICATION,), max_rejections=1, **FROM_PROSE)
        await until_gate(handle, "gate/specification/1")
        assert "- octuple(n=2) returns 16" in (await question(stage, "gate/specification/1")).text
        said = await rejected(handle, "specification", 1, "Say first what zero gives.")
        assert said == "it is specified anew with the note (1 of 1)"
        await until_gate(handle, "gate/specification/2")
        told = [text for text in stage.model.told if REJECTED_LINE in text]
        assert told
        assert "> Say first what zero gives." in told[0]
        assert '"name": "octuple"' in told[0].partition(REJECTED_LINE)[2]
        purposes = {item.purpose for item in await stage.store.all_completions(PROJECT)}
        assert {"specify", "specify-again-1"} <= purposes
        root = await stage.store.node(PROJECT, ROOT_PATH)
        task = await stage.store.specification(root.specification)
        assert task.description == "Zero first, then eight times."
        assert root.rework.respecified == ("Say first what zero gives.",)
        assert await rejected(handle, "specification", 2, "Still not.") == "the project ends"
        result = await handle.result()
        assert result.message == (
            "the specification was rejected by ann: Still not.; notes are followed at most 1 times a gate"
        )
        assert await decisions(stage) == [
            ("gate/specification/1", "reject", said),
            ("gate/specification/2", "reject", "the project ends"),
        ]
        assert not [call for call in stage.model.calls if call[0] == "decomposer"]


async def test_a_plan_made_from_prose_is_shown_before_it_is_built_and_made_again_by_the_note() -> None:
    """The gate has the elected tree; decomposers are told why it was rejected, and only what is approved is built."""
    answers = {
        **prose.ANSWERS,
        ("decomposer", "root"): (APART,),
        ("decomposer again", "root"): (prose.SPLIT,),
    }
    async with staged(TableModel(answers)) as stage:
        handle = await start(stage, approve=(Gate.PLAN,), **FROM_PROSE)
        await until_gate(handle, "gate/plan/1")
        shown = (await question(stage, "gate/plan/1")).text
        assert "  - root.quadruple: quadruple: Multiply a number by 4.; about 2 lines\n" in shown
        assert "No part is split further." in shown
        assert "Margins: k = " in shown
        assert (await stage.store.project(PROJECT)).status is TaskStatus.WAITING
        assert not [call for call in stage.model.calls if call[0] in ("coder", "verifier")]
        said = await rejected(handle, "plan", 1, "Build quadruple on double.")
        assert said == "another plan is made with the note as its reason (1 of 2)"
        await until_gate(handle, "gate/plan/2")
        assert "quadruple: Multiply a number by 4.; about 2 lines; uses root.double" in (
            (await question(stage, "gate/plan/2")).text
        )
        assert any("> a person rejected it: Build quadruple on double." in text for text in stage.model.told)
        await handle.execute_update("approve", decision("plan", 2))
        result = await handle.result()
        assert result.exit_code == 0
        root = await stage.store.node(PROJECT, ROOT_PATH)
        assert root.rework.given_up == ("a person rejected it: Build quadruple on double.",)
        assert result.report is not None
        report = (await stage.store.get(result.report)).decode()
        assert "planned anew once (a person rejected it: Build quadruple on double.)" in report


async def test_a_plan_that_is_rejected_without_a_note_is_not_built() -> None:
    """The project ends with what a person said, and no code was drawn."""
    async with staged(TableModel(prose.ANSWERS)) as stage:
        handle = await start(stage, approve=(Gate.PLAN,), **FROM_PROSE)
        await until_gate(handle, "gate/plan/1")
        assert await rejected(handle, "plan", 1) == "the project ends"
        result = await handle.result()
        assert (result.exit_code, result.message) == (1, "the plan was rejected by ann: no reason given")
        assert not [call for call in stage.model.calls if call[0] == "coder"]


async def test_where_agents_agree_on_no_other_plan_the_project_ends() -> None:
    """What was rejected is not built for want of another plan."""
    async with staged(TableModel(prose.ANSWERS)) as stage:
        stage.model.answers = {**prose.ANSWERS, ("decomposer again", "root"): ("no plan",)}
        handle = await start(stage, approve=(Gate.PLAN,), max_attempts=4, **FROM_PROSE)
        await until_gate(handle, "gate/plan/1")
        await rejected(handle, "plan", 1, "Another one.")
        result = await handle.result()
        assert (result.exit_code, result.message) == (1, NO_OTHER)
        assert not [call for call in stage.model.calls if call[0] == "coder"]


async def test_a_plan_that_nobody_looks_at_is_not_built() -> None:
    """The deadline of a gate that is held at the root rejects like that of any other."""
    async with staged(TableModel(prose.ANSWERS)) as stage:
        patience = {"deadline_seconds": 7 * 86_400, "on_deadline": OnDeadline.PARTIAL}
        handle = await start(stage, approve=(Gate.PLAN,), waiting=patience, **FROM_PROSE)
        result = await handle.result()
        assert result.message == "the plan was rejected by the deadline: nobody decided within 7 days"
        assert not [call for call in stage.model.calls if call[0] == "coder"]


async def test_a_worker_that_dies_while_a_plan_waits_at_the_root_loses_nothing() -> None:
    """Project and root are taken up where they wait, and the decision reaches the root."""
    async with staged(TableModel(prose.ANSWERS), cached_workflows=0) as stage:
        handle = await start(stage, approve=(Gate.PLAN,), **FROM_PROSE)
        await until_gate(handle, "gate/plan/1")
        await stage.restart()
        await stage.environment.sleep(3 * 86_400)
        await handle.execute_update("approve", decision("plan", 1))
        assert (await handle.result()).exit_code == 0


async def test_a_delivery_that_is_rejected_opens_what_the_note_names_and_is_delivered_again() -> None:
    """The part that is named is elected by other calls, which are told; its answer has no vote; the rest is kept."""
    answers = {**ANSWERS, ("coder", "double"): DOUBLE, ("coder again", "double"): (DOUBLE[1],)}
    async with staged(TableModel(answers)) as stage:
        handle = await start(stage, approve=(Gate.DELIVERY,), proposals=0)
        await until_gate(handle, "gate/delivery/1")
        first = await stage.store.node(PROJECT, DOUBLED)
        before = len(stage.model.calls)
        said = await rejected(handle, "delivery", 1, NOTE)
        assert said == "done again with the note: root.double (1 of 2)"
        await until_gate(handle, "gate/delivery/2")
        again = await stage.store.node(PROJECT, DOUBLED)
        assert again.status is TaskStatus.WON
        assert again.rework.guidance == (NOTE,)
        assert first.candidate is not None
        assert again.rework.barred == {first.candidate: LayerName.CONTRACTS}
        assert again.candidate != first.candidate
        assert {call for call in stage.model.calls[before:] if call[0].startswith("coder")} == {
            ("coder again", "double")
        }
        assert any(f"> {NOTE}" in text for text in stage.model.told)
        assert (await stage.store.node(PROJECT, QUADRUPLE)).rework.guidance == ()
        await handle.execute_update("approve", decision("delivery", 2))
        result = await handle.result()
        assert (result.exit_code, result.message) == (0, "")
        assert result.report is not None
        assert f"done again, since a person said: {NOTE}" in (await stage.store.get(result.report)).decode()


async def test_a_delivery_whose_note_names_nothing_opens_the_roots_own_code() -> None:
    """The glue is elected again, its parts keep their work; and without a note the project ends with nothing."""
    eight = fenced("def octuple(n: int) -> int:\n    return quadruple(n) * 2\n")
    answers = {**prose.ANSWERS, ("integrator again", "root"): (eight,)}
    async with staged(TableModel(answers)) as stage:
        handle = await start(stage, approve=(Gate.DELIVERY, Gate.PLAN), proposals=0, reviews=0, **FROM_PROSE)
        await until_gate(handle, "gate/plan/1")
        await handle.execute_update("approve", decision("plan", 1))
        await until_gate(handle, "gate/delivery/1")
        before = len(stage.model.calls)
        assert await rejected(handle, "delivery", 2, "This is not what I meant.") == (
            "done again with the note: root (1 of 2)"
        )
        await until_gate(handle, "gate/delivery/2")
        assert {call[0] for call in stage.model.calls[before:]} == {"integrator again"}
        assert [item.id for item in await stage.store.questions(PROJECT) if item.gate is Gate.PLAN] == ["gate/plan/1"]
        assert "Waits for approval of the delivery" in await details(handle)
        assert await rejected(handle, "delivery", 3) == "the project ends"
        result = await handle.result()
        assert (result.exit_code, result.manifest) == (1, None)
