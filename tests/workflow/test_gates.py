"""Gates as people meet them: a question that is put, told of, waited at for days, decided once, and recorded."""

import asyncio
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.common import RawValue

from schemas.identity import ROOT_PATH, Gate, TaskStatus
from schemas.people import Door, NoticeEvent, OnDeadline, QuestionKind
from tests.workflow.builds import PROJECT, start
from tests.workflow.deciding import DAY, Heard, decision, details, question, refused, until_gate, waiting
from tests.workflow.environment import TableModel, staged
from tests.workflow.samples import ANSWERS
from workflows.sandbox import GUARDED, runner

pytestmark = [pytest.mark.slow, pytest.mark.temporal, pytest.mark.sandbox]

PLAN: dict[str, Any] = {"approve": (Gate.PLAN,)}
BROKEN = RawValue(Payload(metadata={"encoding": b"json/plain"}, data=b"{no"))
MALFORMED: tuple[tuple[Any, ...], ...] = (
    (),
    (decision("plan", 1), decision("plan", 2)),
    (b"\x00\x01",),
    ("approve",),
    (decision("plan", 1, "aprove"),),
    ({**decision("plan", 1), "comment": "x"},),
    (decision("plan", 1, "assign"),),
)


async def test_a_gate_is_a_question_until_it_is_decided_and_the_decision_says_all() -> None:
    """It is among what waits, with the tree; the update returns what follows, and so says the record."""
    async with staged(TableModel(ANSWERS)) as stage:
        handle = await start(stage, approve=(Gate.PLAN, Gate.DELIVERY))
        await until_gate(handle, "gate/plan/1")
        (asked,) = await stage.store.questions(PROJECT)
        assert asked.open
        assert (asked.id, asked.kind, asked.gate, asked.path) == (
            "gate/plan/1",
            QuestionKind.APPROVAL,
            Gate.PLAN,
            ROOT_PATH,
        )
        assert asked.options == ("approve", "reject")
        assert "root.double: double: Double a number." in asked.text
        assert "Expected: 3 tasks" in asked.text or "Expected: 2 tasks" in asked.text
        assert asked.asked_at is not None
        assert stage.model.calls == []
        said = await handle.execute_update("approve", decision("plan", 1, through="command"))
        assert said == "the plan is approved, and the project goes on"
        assert not (await question(stage, "gate/plan/1")).open
        (row,) = await stage.store.decisions(PROJECT)
        assert (row.question, row.path, row.value, row.by) == ("gate/plan/1", ROOT_PATH, "approve", "ann")
        assert (row.through, row.effect) == (Door.COMMAND, said)
        assert row.decided_at is not None
        late = await refused(handle.execute_update("approve", decision("plan", 2, "reject", by="bo")))
        assert "the plan was decided by ann on 2" in late
        assert late.endswith("UTC: approve")
        again = await handle.execute_update("approve", decision("plan", 1))
        assert again == f"this decision was already taken: {said}"
        await until_gate(handle, "gate/delivery/1")
        shown = (await question(stage, "gate/delivery/1")).text
        assert "the deliverable of 2 tasks: 2 won" in shown
        assert "sums/double.py, " in shown
        await handle.signal("approve", decision("delivery", 3))
        assert (await handle.result()).exit_code == 0
        assert [item.through for item in await stage.store.decisions(PROJECT)] == [Door.COMMAND, Door.SIGNAL]
        assert [item.open for item in await stage.store.questions(PROJECT)] == [False, False]


@pytest.mark.parametrize("policy", [OnDeadline.FAIL, OnDeadline.PARTIAL])
async def test_no_gate_is_passed_without_consent_when_its_deadline_does(policy: OnDeadline) -> None:
    """After seven days the gate is rejected, recorded as the deadline's; people were told, and reminded twice."""
    heard = Heard()
    async with staged(TableModel(ANSWERS), notifiers=(heard,)) as stage:
        handle = await start(stage, **PLAN, **waiting(policy, remind_after_seconds=DAY, assignee="ann"))
        result = await handle.result()
        assert result.exit_code == 1
        assert result.message == "the plan was rejected by the deadline: nobody decided within 7 days"
        assert stage.model.calls == []
        (row,) = await stage.store.decisions(PROJECT)
        assert (row.value, row.by, row.through) == ("reject", "the deadline", Door.DEADLINE)
        asked = await question(stage, "gate/plan/1")
        assert (asked.open, asked.assignee) == (False, "ann")
        assert asked.asked_at is not None
        assert asked.due_at is not None
        assert (asked.due_at - asked.asked_at).total_seconds() == 7 * DAY
        reminders = [notice.waited_seconds // DAY for notice in heard.notices if notice.event is NoticeEvent.REMINDER]
        assert reminders == [1, 3]
        assert (heard.events[0], heard.events[-1]) == (NoticeEvent.OPENED, NoticeEvent.DEADLINE)


async def test_a_deadline_may_only_tell_and_a_gate_wait_on() -> None:
    """With ``wait`` people are told that the deadline passed, and decide after it all the same."""
    heard = Heard()
    async with staged(TableModel(ANSWERS), notifiers=(heard,)) as stage:
        handle = await start(stage, **PLAN, **waiting(OnDeadline.WAIT))
        await until_gate(handle, "gate/plan/1")
        await stage.environment.sleep(8 * DAY)
        await heard.until(lambda events: NoticeEvent.DEADLINE in events)
        assert (await question(stage, "gate/plan/1")).open
        assert await handle.execute_update("approve", decision("plan", 1, "reject")) == "the project ends"
        assert (await handle.result()).message == "the plan was rejected by ann: no reason given"


async def test_consent_that_comes_with_the_deadline_counts() -> None:
    """While people are still being told that the deadline passed, a decision is theirs."""
    heard = Heard(silent=frozenset({NoticeEvent.DEADLINE}))
    async with staged(TableModel(ANSWERS), notifiers=(heard,)) as stage:
        handle = await start(stage, approve=(Gate.PLAN, Gate.DELIVERY), **waiting(OnDeadline.FAIL))
        await until_gate(handle, "gate/plan/1")
        await stage.environment.sleep(7 * DAY + 1)
        said = await handle.execute_update("approve", decision("plan", 1))
        assert said == "the plan is approved, and the project goes on"
        assert [(row.by, row.value) for row in await stage.store.decisions(PROJECT)] == [("ann", "approve")]
        await handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await handle.result()


async def test_a_question_is_handed_on_and_stays_open() -> None:
    """Whoever is asked now is told; without a name nothing is handed on."""
    heard = Heard()
    async with staged(TableModel(ANSWERS), notifiers=(heard,)) as stage:
        handle = await start(stage, **PLAN)
        await until_gate(handle, "gate/plan/1")
        why = await refused(handle.execute_update("approve", decision("plan", 1, "assign")))
        assert why.startswith("to is missing")
        said = await handle.execute_update("approve", decision("plan", 1, "assign", to="bo"))
        assert said == "bo is asked now, and the plan still waits"
        asked = await question(stage, "gate/plan/1")
        assert (asked.open, asked.assignee) == (True, "bo")
        assert "Asked: bo." in await details(handle)
        await heard.until(lambda events: NoticeEvent.ASSIGNED in events)
        assert heard.notices[-1].question.assignee == "bo"
        await handle.execute_update("approve", decision("plan", 2, "reject", by="bo"))
        await handle.result()
        rows = [(row.value, row.by, row.effect) for row in await stage.store.decisions(PROJECT)]
        assert rows == [("assign to bo", "ann", said), ("reject", "bo", "the project ends")]


async def test_handing_on_while_another_decides_leaves_nothing_open() -> None:
    """Whatever comes first, the gate is decided once and its question stays closed."""
    # Telling is still tried when it is given up: the test server fails for ever where it has just ended instead.
    nobody = Heard(silent=frozenset(NoticeEvent))
    async with staged(TableModel(ANSWERS), notifiers=(nobody,)) as stage:
        handle = await start(stage, **PLAN)
        await until_gate(handle, "gate/plan/1")
        both = ({**decision("plan", 1, "assign"), "to": "bo"}, {**decision("plan", 2, "assign"), "to": "cy"})
        for message in (*both, decision("plan", 3, "reject")):
            await handle.signal("approve", message)
        assert (await handle.result()).exit_code == 1
        assert not (await question(stage, "gate/plan/1")).open
        assert (await stage.store.decisions(PROJECT))[-1].value == "reject"


async def test_what_is_malformed_is_refused_readably_and_changes_nothing() -> None:
    """By update it is refused, by signal it is shown above what is awaited; the gate waits on, and nothing hangs."""
    async with staged(TableModel(ANSWERS), workflow_runner=runner(*GUARDED)) as stage:
        handle = await start(stage, **PLAN)
        await until_gate(handle, "gate/plan/1")
        for arguments in MALFORMED:
            why = await refused(handle.execute_update("approve", args=list(arguments)))
            assert "For example: " in why
            await handle.signal("approve", args=list(arguments))
            shown = await details(handle)
            assert "Not understood" in shown
            assert shown.index("Not understood") < shown.index("Waits for approval of the plan")
        with pytest.raises(WorkflowUpdateFailedError):
            await handle.execute_update("approve", BROKEN)
        await handle.signal("approve", BROKEN)
        other = await refused(handle.execute_update("approve", decision("delivery", 1)))
        assert other == "the open gate is plan, not delivery"
        assert await stage.store.decisions(PROJECT) == ()
        await handle.execute_update("approve", decision("plan", 1, "reject"))
        assert (await handle.result()).exit_code == 1


async def test_of_two_decisions_at_once_one_counts_and_the_other_hears_of_it() -> None:
    """Who comes second is told who decided, and when."""
    async with staged(TableModel(ANSWERS)) as stage:
        handle = await start(stage, approve=(Gate.SPECIFICATION, Gate.PLAN))
        await until_gate(handle, "gate/specification/1")
        both = await asyncio.gather(
            *(
                handle.execute_update("approve", decision("specification", number, by=f"p{number}"))
                for number in (1, 2)
            ),
            return_exceptions=True,
        )
        (said,) = [item for item in both if isinstance(item, str)]
        assert said == "the specification is approved, and the project goes on"
        (late,) = [item for item in both if isinstance(item, WorkflowUpdateFailedError)]
        (row,) = await stage.store.decisions(PROJECT)
        assert f"the specification was decided by {row.by} on" in str(late.cause)
        await until_gate(handle, "gate/plan/1")
        await handle.execute_update("approve", decision("plan", 3, "reject"))
        assert (await handle.result()).exit_code == 1


async def test_a_worker_that_dies_while_a_gate_waits_loses_nothing() -> None:
    """Another one takes the project up where it waits, days later, with what was handed on."""
    # Without a cache: the test server never gives a dead worker's cached workflows to another one.
    async with staged(TableModel(ANSWERS), cached_workflows=0) as stage:
        handle = await start(stage, **PLAN, **waiting(OnDeadline.WAIT, remind_after_seconds=DAY))
        await until_gate(handle, "gate/plan/1")
        await handle.execute_update("approve", decision("plan", 1, "assign", to="bo"))
        await stage.restart()
        await stage.environment.sleep(5 * DAY)
        assert "Asked: bo." in await details(handle)
        assert await handle.execute_update("approve", decision("plan", 2, "reject", by="bo")) == "the project ends"
        result = await handle.result()
        assert (result.status, result.message) == (TaskStatus.FAILED, "the plan was rejected by bo: no reason given")


async def test_cancelling_at_a_gate_closes_its_question() -> None:
    """Nobody is asked about a project that is gone."""
    async with staged(TableModel(ANSWERS)) as stage:
        handle = await start(stage, **PLAN)
        await until_gate(handle, "gate/plan/1")
        await handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await handle.result()
        assert not (await question(stage, "gate/plan/1")).open
        assert (await stage.store.project(PROJECT)).status is TaskStatus.CANCELLED


async def test_the_budgets_gate_has_a_deadline_too() -> None:
    """What waits at the cap ends as if a person had refused, with exit code 4."""
    async with staged(TableModel(ANSWERS)) as stage:
        options = {"approve": (Gate.BUDGET,), "budget": {"max_calls": 1}, "proposals": 0, "reviews": 0}
        handle = await start(stage, **options, **waiting(OnDeadline.FAIL))
        result = await handle.result()
        assert result.exit_code == 4
        assert "the budget was rejected by the deadline: nobody decided within 7 days" in result.message
        asked = await question(stage, "gate/budget/1")
        assert not asked.open
        assert "Caps now: 1 calls" in asked.text
        assert [row.through for row in await stage.store.decisions(PROJECT)] == [Door.DEADLINE]
