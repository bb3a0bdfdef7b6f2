"""Puts a node's question to people, and waits for the answer, however long that takes.

What follows from the answer is the node's to decide.
"""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.notification import Notification
from activities.records import Records
from schemas.identity import TaskStatus
from schemas.people import Question
from schemas.project import Answer, NodeInput
from schemas.requests import AnswerRecord, AskRequest, NodeState
from workflows import policies
from workflows.endings import show
from workflows.identifiers import WAITS_FOR_ATTRIBUTE
from workflows.inbox import Inbox, decision
from workflows.presentation import waiting_details


async def answered(given: NodeInput, inbox: Inbox, request: AskRequest) -> Answer:
    """Ask people, wait for the answer, and record it."""
    question: Question = await workflow.execute_activity_method(
        Records.ask, request, summary=f"a question about {given.path}", **policies.RECORD
    )
    inbox.open(question)
    waiting = NodeState(
        project=given.project, path=given.path, status=TaskStatus.WAITING, note=f"question {question.id}"
    )
    await workflow.execute_activity_method(
        Records.set_state, waiting, summary=TaskStatus.WAITING.value, **policies.RECORD
    )
    show(TaskStatus.WAITING)
    workflow.upsert_search_attributes([WAITS_FOR_ATTRIBUTE.value_set(question.id)])
    workflow.set_current_details(waiting_details(question, workflow.info().workflow_id))
    await workflow.execute_activity_method(Notification.notify, question, summary="tell people", **policies.RECORD)
    await workflow.wait_condition(inbox.answered)
    answer = inbox.close()
    if answer is None:
        raise ApplicationError("an answer vanished", type="InternalError", non_retryable=True)
    await workflow.execute_activity_method(
        Records.record_answer,
        AnswerRecord(question=question, decision=decision(given, question, answer)),
        summary=f"{answer.value} by {answer.by or 'unknown'}",
        **policies.RECORD,
    )
    workflow.upsert_search_attributes([WAITS_FOR_ATTRIBUTE.value_unset()])
    return answer
