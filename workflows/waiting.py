"""Waits for people, however long it takes: tells them, reminds them, and says when the deadline has passed.

What is asked, and what follows from an answer or from the deadline, is for others to decide. A notifier that fails
delays nobody: it is tried beside the waiting, and given up with it.
"""

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from activities.notification import Notification
from millwright.core.reminding import next_reminder
from schemas.people import Notice, NoticeEvent, OnDeadline, Question, Told, Waiting
from workflows import policies
from workflows.presentation import answer_command, failure_note

REMIND = "remind-people"
"""The mark in histories since which people are reminded, and deadlines hold."""

DEADLINE = "the deadline"
"""Who decides where nobody did in time."""

MOST_NOTES = 3
"""Lines that are shown beside what is awaited, the latest ones."""

Say = Callable[[str], None]
"""Shows a line beside what is awaited; empty: nothing more."""


class Vigil:
    """One wait for people about one question; ``question`` may be handed on to somebody else meanwhile."""

    def __init__(self, question: Question, waiting: Waiting, say: Say) -> None:
        self.question = question
        self._waiting, self._say = waiting, say
        self._since = workflow.now()
        self._reminded = self._notices = 0
        self._overdue = False
        self._telling: set[asyncio.Future[None]] = set()
        self._ending: asyncio.Future[None] | None = None

    async def kept(self, ready: Callable[[], bool]) -> bool:
        """Tell people and wait until ``ready``; False where the deadline passed, and its policy is to decide.

        It can be called again where what came was not enough; ``end`` must be called at last.
        """
        if not self._notices:
            self._tell(NoticeEvent.OPENED)
        timed = workflow.patched(REMIND)
        while not ready():
            if self._overdue and self._waiting.on_deadline is not OnDeadline.WAIT:
                return False  # what came after the deadline was not enough
            wake = self._next() if timed else None
            if await _until(ready, wake):
                break
            due = self.question.due_at
            if due is not None and not self._overdue and workflow.now() >= due:
                self._overdue = True
                self._tell(NoticeEvent.DEADLINE)
                if self._waiting.on_deadline is not OnDeadline.WAIT:
                    await self._told()
                    return ready()
            else:
                self._reminded += 1
                self._tell(NoticeEvent.REMINDER)
        return True

    def end(self) -> None:
        """Tell nobody any more, once those that are being told just now have been."""
        if self._telling:
            self._ending = asyncio.ensure_future(self._given_up(tuple(self._telling)))

    async def _given_up(self, telling: Collection[asyncio.Future[None]]) -> None:
        """Give up telling, in a while: what is cancelled as it ends has both outcomes, and one of them is lost."""
        await workflow.wait(telling, timeout=policies.LAST_NEWS.total_seconds())
        for task in telling:
            task.cancel()

    def hand_on(self, assignee: str) -> None:
        """Ask somebody else from now on."""
        self.question = self.question.model_copy(update={"assignee": assignee})
        self._tell(NoticeEvent.ASSIGNED)

    def _next(self) -> datetime | None:
        """Return when to wake: at the next reminder or at the deadline; None: never."""
        after = next_reminder(self._waiting.remind_after_seconds, self._reminded)
        moments = [] if after is None else [self._since + timedelta(seconds=after)]
        if self.question.due_at is not None and not self._overdue:
            moments.append(self.question.due_at)
        return min(moments, default=None)

    def _tell(self, event: NoticeEvent) -> None:
        self._notices += 1
        question = self.question
        notice = Notice(
            # The end of a run's id: servers begin it with the time, which two runs within a minute share.
            id=f"{question.project}/{question.id}/{workflow.info().run_id[-8:]}/{self._notices}",
            event=event,
            question=question,
            waited_seconds=(workflow.now() - self._since).total_seconds(),
            workflow_id=workflow.info().workflow_id,
            command=answer_command(question),
        )
        task = asyncio.ensure_future(self._notified(notice))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _notified(self, notice: Notice) -> None:
        about = f"{notice.event.value}: {notice.question.id}"
        try:
            told: Told | int = await workflow.execute_activity_method(
                Notification.notify, notice, summary=f"tell people: {about}", **policies.NOTIFY
            )
        except ActivityError as error:
            if not is_cancelled_exception(error):
                self._say(f"Nobody could be told ({about}): {failure_note(error)}")
            return
        if isinstance(told, Told) and told.refused:
            self._say("; ".join(f"{name} told nobody: {why}" for name, why in told.refused.items()))

    async def _told(self) -> None:
        """Let those who are being told of the deadline hear of it before the policy decides, but not for long."""
        if self._telling:
            await workflow.wait(self._telling, timeout=policies.LAST_NEWS.total_seconds())


async def _until(ready: Callable[[], bool], wake: datetime | None) -> bool:
    """Wait until ``ready``, or until a moment; False where the moment came first."""
    if wake is None:
        await workflow.wait_condition(ready)
        return True
    left = wake - workflow.now()
    if left <= timedelta():
        return ready()
    try:
        await workflow.wait_condition(ready, timeout=left, timeout_summary="a reminder, or the deadline")
    except TimeoutError:
        return False
    return True


def due_at(waiting: Waiting) -> datetime | None:
    """Return when the deadline of a question that is asked now passes; None: never."""
    if waiting.deadline_seconds is None:
        return None
    return workflow.now() + timedelta(seconds=waiting.deadline_seconds)
