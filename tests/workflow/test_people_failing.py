"""What goes wrong while people are asked: too early an answer, one refused at the deadline, a store that breaks."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError

from millwright.adapters.storage.memory import MemoryStore
from millwright.errors import IntegrityError
from schemas.identity import TaskStatus
from schemas.people import Decision, Door, Notice, NoticeEvent, OnDeadline, Question
from tests.workflow.builds import PROJECT, start
from tests.workflow.deciding import HALF_PATH, OPTIONS, answer, asked, decision, node, refused, until_gate, waiting
from tests.workflow.environment import TableModel, staged
from tests.workflow.samples import ANSWERS, TWO_READINGS

pytestmark = [pytest.mark.slow, pytest.mark.temporal, pytest.mark.sandbox]


class SlowToTell:
    """A notifier that tells of the deadline only once it is let."""

    name = "slow"

    def __init__(self) -> None:
        self.reached, self.let = asyncio.Event(), asyncio.Event()

    async def notify(self, notice: Notice) -> None:
        """Hang at the deadline."""
        if notice.event is NoticeEvent.DEADLINE:
            self.reached.set()
            await self.let.wait()


async def test_an_answer_refused_after_the_deadline_leaves_the_decision_to_the_policy() -> None:
    """It came while people were told that the time is over, and nobody waits for a better one for ever."""
    slow = SlowToTell()
    async with staged(TableModel(TWO_READINGS), notifiers=(slow,)) as stage:
        handle = await start(stage, **OPTIONS, **waiting(OnDeadline.FAIL))
        question = await asked(stage)
        await stage.environment.sleep(timedelta(days=7))
        await slow.reached.wait()
        contradicting = {"example": {"inputs": {"n": 10}, "expected_output": 7}}
        sent = asyncio.create_task(refused(node(stage).execute_update("answer", answer(question, contradicting))))
        await asyncio.sleep(1)
        slow.let.set()
        assert "contradict" in await sent
        assert (await asyncio.wait_for(handle.result(), 60)).exit_code == 1
        assert [row.through for row in await stage.store.decisions(PROJECT)] == [Door.UPDATE, Door.DEADLINE]


class Breaking(MemoryStore):
    """A store that takes no decision."""

    async def save_decision(self, decision: Decision) -> None:
        """Fail for good."""
        raise IntegrityError("the decision does not fit")


async def test_an_answer_that_breaks_the_store_ends_the_part_and_hangs_nobody() -> None:
    """Whoever answered is told, the part fails, and its question does not stay in the inbox."""
    store = Breaking()
    async with staged(TableModel(TWO_READINGS), store=store) as stage:
        handle = await start(stage, **OPTIONS)
        question = await asked(stage)
        with pytest.raises(WorkflowUpdateFailedError) as caught:
            await asyncio.wait_for(node(stage).execute_update("answer", answer(question, "A")), 60)
        assert "the decision does not fit" in str(caught.value.cause)
        assert (await asyncio.wait_for(handle.result(), 60)).exit_code == 1
        assert (await store.node(PROJECT, HALF_PATH)).status is TaskStatus.FAILED
        assert [item.open for item in await store.questions(PROJECT)] == [False]


class Lingering(MemoryStore):
    """A store in which a question can be read before whoever put it goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.shown, self.let = asyncio.Event(), asyncio.Event()

    async def save_question(self, question: Question) -> None:
        """Save it, and linger."""
        await super().save_question(question)
        if not self.shown.is_set():
            self.shown.set()
            await self.let.wait()


@pytest.mark.parametrize("door", [Door.UPDATE, Door.SIGNAL])
async def test_an_answer_to_a_question_that_is_still_being_put_is_taken(door: Door) -> None:
    """It stands in the inbox already, so whoever sees it there may answer it."""
    store = Lingering()
    async with staged(TableModel(TWO_READINGS), store=store) as stage:
        handle = await start(stage, **OPTIONS)
        await store.shown.wait()
        (question,) = await store.questions(PROJECT)
        if door is Door.SIGNAL:
            await node(stage).signal("answer", answer(question, "A"))
            store.let.set()
        else:
            sent = asyncio.create_task(node(stage).execute_update("answer", answer(question, "A")))
            await asyncio.sleep(0.5)
            store.let.set()
            assert "the example answered_1 is added" in await sent
        assert (await asyncio.wait_for(handle.result(), 60)).exit_code == 0
        (row,) = await store.decisions(PROJECT)
        assert (row.value, row.through) == ("A", door)


@pytest.mark.parametrize("door", [Door.UPDATE, Door.SIGNAL])
async def test_a_decision_at_a_gate_that_is_still_being_put_is_taken(door: Door) -> None:
    """It stands in the inbox already as well."""
    store = Lingering()
    async with staged(TableModel(ANSWERS), store=store) as stage:
        handle = await start(stage, approve=("delivery",))
        await store.shown.wait()
        approval = decision("delivery", 1)
        if door is Door.SIGNAL:
            await handle.signal("approve", approval)
            store.let.set()
        else:
            sent = asyncio.create_task(handle.execute_update("approve", approval))
            await asyncio.sleep(0.5)
            store.let.set()
            assert "is approved" in await sent
        assert (await asyncio.wait_for(handle.result(), 60)).exit_code == 0
        (row,) = await store.decisions(PROJECT)
        assert (row.value, row.through) == ("approve", door)


async def test_a_cancelled_project_leaves_no_question_open() -> None:
    """Run once more, it would stand in the inbox, and nobody could answer it."""
    async with staged(TableModel(TWO_READINGS)) as stage:
        handle = await start(stage, **OPTIONS)
        await asked(stage)
        await handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await handle.result()
        assert [item.open for item in await stage.store.questions(PROJECT)] == [False]


async def test_a_gate_of_a_project_that_runs_once_more_is_another_question() -> None:
    """By the same decision id both are on record, and each says what was decided there."""
    async with staged(TableModel(ANSWERS)) as stage:
        for value, code in (("reject", 1), ("approve", 0)):
            handle = await start(stage, approve=("delivery",), max_rejections=0)
            question = f"gate/delivery/{1 + (value == 'approve')}"
            await until_gate(handle, question)
            await handle.execute_update("approve", decision("delivery", 1, value))
            assert (await handle.result()).exit_code == code
        rows = [(row.question, row.value) for row in await stage.store.decisions(PROJECT)]
        assert rows == [("gate/delivery/1", "reject"), ("gate/delivery/2", "approve")]
