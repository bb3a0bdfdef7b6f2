"""Puts a node's question to people, waits for the answer however long that takes, and has it acted on.

What becomes of the node is the node's to decide.
"""

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

from activities.escalating import Escalating
from millwright.core.escalation import question_id
from millwright.core.messages import read_answer
from millwright.core.resolution import ACCEPT_PARTIAL, GIVE_UP, assignee_of, spoken
from schemas.identity import TaskStatus
from schemas.people import Door, Effect, OnDeadline, Question
from schemas.project import Answer, NodeInput
from schemas.requests import AnswerRecord, AskRequest
from workflows import policies
from workflows.endings import stated
from workflows.identifiers import VERIFY_QUEUE, WAITS_FOR_ATTRIBUTE
from workflows.inbox import Inbox, decision
from workflows.petition import waits_no_more
from workflows.presentation import failure_note, waiting_details
from workflows.waiting import DEADLINE, MOST_NOTES, Vigil, due_at

EFFECT = "answers-take-effect"
"""The mark in histories since which an answer by update is told what followed, and not only that it was understood."""

EARLY = "answers-may-be-early"
"""The mark in histories since which an answer by signal is kept that comes while its question is being put."""


class Desk:
    """Where a node's questions wait for people: fed by the node's message handlers, one question at a time."""

    def __init__(self, given: NodeInput) -> None:
        self._given = given
        self._inbox = Inbox()
        self._notes: list[str] = []
        self._asking = ""
        self._early: list[Answer] = []

    @property
    def question(self) -> Question | None:
        """The question that waits for an answer, if there is one."""
        return self._inbox.question

    async def asked(self, request: AskRequest) -> tuple[Answer, Effect]:
        """Ask people, wait for an answer that can be acted on, and have it acted on; returns both."""
        waiting, inbox = self._given.policy.waiting, self._inbox
        request = request.model_copy(
            update={"assignee": waiting.assignee, "asked_at": workflow.now(), "due_at": due_at(waiting)}
        )
        question = await self._put(request)
        inbox.open(question)
        self._notes.clear()
        for early in self._early:
            self._arrived(early)
        self._early.clear()
        await stated(self._given, TaskStatus.WAITING, f"question {question.id}")
        workflow.upsert_search_attributes([WAITS_FOR_ATTRIBUTE.value_set(question.id)])
        self._show()
        vigil = Vigil(question, waiting, self._note)
        try:
            answer, effect = await self._answered(vigil)
        except FailureError as error:
            inbox.abandon(f"nothing follows from it: {failure_note(error)}")
            raise
        finally:
            vigil.end()
        waits_no_more()
        return answer, effect

    async def _put(self, request: AskRequest) -> Question:
        """Have the question put; it can be read, and answered, before this returns."""
        self._asking = question_id(self._given.path, request.number)
        try:
            return await workflow.execute_activity_method(
                Escalating.ask,
                request,
                task_queue=VERIFY_QUEUE,
                summary=f"a question about {self._given.path}",
                **policies.VERIFY,
            )
        finally:
            self._asking = ""

    async def _answered(self, vigil: Vigil) -> tuple[Answer, Effect]:
        inbox = self._inbox
        while True:
            if not await vigil.kept(inbox.has_answer):
                answer = self._at_deadline(vigil.question)
                inbox.close(answer, workflow.now())
                return answer, await self._acted(vigil.question, answer)
            if inbox.taken is None:
                raise ApplicationError("an answer vanished", type="InternalError", non_retryable=True)
            answer = inbox.taken
            effect = await self._acted(vigil.question, answer)
            if effect.refused:
                inbox.refuse(effect.refused)
                self._note(f"Not acted on ({spoken(answer.value)} by {answer.by or 'unknown'}): {effect.refused}")
                continue
            assignee = assignee_of(answer)
            inbox.acted(effect.says, at=workflow.now(), settles=assignee is None)
            if assignee is None:
                return answer, effect
            vigil.hand_on(assignee)
            inbox.question = vigil.question
            self._show()

    def _at_deadline(self, question: Question) -> Answer:
        """Return what the policy decides where nobody did in time."""
        partial = self._given.policy.waiting.on_deadline is OnDeadline.PARTIAL and ACCEPT_PARTIAL in question.options
        return Answer(
            question=question.id,
            decision_id="deadline",
            value=ACCEPT_PARTIAL if partial else GIVE_UP,
            by=DEADLINE,
            through=Door.DEADLINE,
        )

    async def _acted(self, question: Question, answer: Answer) -> Effect:
        """Have an answer acted on and recorded."""
        record = AnswerRecord(
            question=question,
            decision=decision(self._given, question, answer, workflow.now()),
            answer=answer,
        )
        effect: Effect | None = await workflow.execute_activity_method(
            Escalating.record_answer,
            record,
            task_queue=VERIFY_QUEUE,
            summary=f"{spoken(answer.value)} by {answer.by or 'unknown'}",
            **policies.VERIFY,
        )
        return effect or Effect()  # builds from before answers had effects

    def refusal(self, *raw: object) -> str | None:
        """Say why a message is no answer that can be taken; None where it is one."""
        given = read_answer(*raw)
        if isinstance(given, str):
            return given
        return None if given.question == self._asking else self._inbox.refusal(given)

    async def taken(self, door: Door, *raw: object) -> str:
        """Take an answer, and return what came of it once it was acted on.

        Raises:
            ApplicationError: it cannot be taken, or could not be acted on; the message says why.
        """
        given = read_answer(*raw)
        if isinstance(given, Answer) and given.question == self._asking:
            await workflow.wait_condition(lambda: not self._asking)
        problem = given if isinstance(given, str) else self._inbox.refusal(given)
        if problem or isinstance(given, str):
            raise ApplicationError(problem or "", type="AnswerRefused", non_retryable=True)
        known = self._inbox.said((given.question, given.decision_id))
        key = self._inbox.take(given if given.through else given.model_copy(update={"through": door}))
        if not workflow.patched(EFFECT):
            return f"understood: {spoken(given.value)}"
        await workflow.wait_condition(lambda: self._inbox.said(key) is not None)
        said = self._inbox.said(key)
        if said is None or said.refused:
            raise ApplicationError(said.text if said else "", type="AnswerRefused", non_retryable=True)
        if known is not None and not known.refused:
            return f"this decision was already taken: {said.text}"
        return f"understood: {spoken(given.value)}; {said.text}" if said.text else f"understood: {spoken(given.value)}"

    def noted(self, *raw: object) -> None:
        """Take an answer that came by signal; one that cannot be taken is shown beside the question, and ignored."""
        given = read_answer(*raw)
        if isinstance(given, Answer) and given.question == self._asking and workflow.patched(EARLY):
            self._early.append(given)
            return
        self._arrived(given)

    def _arrived(self, given: Answer | str) -> None:
        """Take what came by signal, or show why not: a text is the refusal of what was no answer."""
        problem = given if isinstance(given, str) else self._inbox.refusal(given)
        if problem is None and isinstance(given, Answer):
            self._inbox.take(given if given.through else given.model_copy(update={"through": Door.SIGNAL}))
        else:
            self._note(f"Not understood: {problem}")

    def _note(self, line: str) -> None:
        """Show a line beside what is awaited, the latest ones."""
        self._notes = [*self._notes, line][-MOST_NOTES:]
        self._show()

    def _show(self) -> None:
        question = self._inbox.question
        if question is None:
            workflow.set_current_details("\n\n".join(self._notes))
        else:
            workflow.set_current_details(waiting_details(question, workflow.info().workflow_id, self._notes))
