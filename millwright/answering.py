"""Brings a person's decision to the workflow that waits for it, so that it is never lost and never counts twice.

What a decision means, and whether it can be taken, the workflow says.
"""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

from pydantic import ValidationError
from temporalio.client import Client as TemporalClient
from temporalio.client import (
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateHandle,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from temporalio.exceptions import ApplicationError

from millwright.core.audit import acted_on, of_gate, settled_line, settling
from millwright.errors import BadInput, NotFound
from millwright.ports import ProjectStore
from millwright.temporal import speaking_of
from schemas.carrying import json_length
from schemas.identity import Gate, ProjectId
from schemas.people import Decision, Question
from schemas.project import Answer, Approval, ApprovalDecision
from workflows.identifiers import node_workflow_id, project_workflow_id

ACCEPT_SECONDS = 10.0
"""How long a worker is waited for before the decision goes by signal. Below the 20 s of the server's own patience."""

EFFECT_SECONDS = 600.0
"""How long what follows from an accepted decision is waited for: code of a person's is verified meanwhile."""

_POLL_SECONDS = 15.0

_Message = TypeVar("_Message", Answer, Approval)


class Answering:
    """Sends decisions, and tells from the store what had become of a question before."""

    def __init__(self, temporal: TemporalClient, projects: ProjectStore) -> None:
        self._temporal, self._projects = temporal, projects

    async def answer(self, question: Question, given: Answer) -> str:
        """Answer a node's question; returns what followed. Raises as ``millwright.client.Client.answer`` does."""
        handle = self._handle(node_workflow_id(question.project, question.path))
        try:
            return await _sent(handle, "answer", given, question.project)
        except BadInput as error:
            taken = _taken(given.decision_id, await self._decisions(question))
            if taken is not None:
                return taken
            raise await self._explained(question, error) from error

    async def approve(self, project: ProjectId, given: Approval) -> str:
        """Decide at a gate; returns what followed. Raises as ``millwright.client.Client.approve`` does."""
        try:
            return await _sent(self._handle(project_workflow_id(project)), "approve", given, project)
        except BadInput as error:
            taken = _taken(given.decision_id, of_gate(given.gate, await self._projects.decisions(project)))
            if taken is not None:
                return taken
            question = await self._newest(project, given.gate)
            if question is None:
                await self._demand_going_on(project)
                raise
            raise await self._explained(question, error) from error

    async def open_gate(self, project: ProjectId) -> Gate | None:
        """Return the gate that waits for consent, by the record; None: the record has none.

        Raises:
            BadInput: several do, which are named; or the project has ended.
            NotFound: there is no such project.
        """
        await self._demand_going_on(project)
        waiting = [item for item in await self._projects.questions(project) if item.open and item.gate is not None]
        if len(waiting) > 1:
            raise BadInput(
                f"project {project!r} waits at several gates: give --gate "
                + " or ".join(item.gate.value for item in waiting if item.gate is not None)
            )
        return waiting[0].gate if waiting else None

    async def taken(self, project: ProjectId, decision_id: str) -> str | None:
        """Say what became of a decision at a gate that was taken before under this id; None where none was."""
        decisions = [item for item in await self._projects.decisions(project) if item.gate is not None]
        return _taken(decision_id, decisions)

    async def _explained(self, question: Question, error: BadInput) -> BadInput:
        """Make the error that tells of a question that was settled, or of a project that has ended, if that is why."""
        decisions = await self._decisions(question)
        stored = next(
            (item for item in await self._projects.questions(question.project) if item.id == question.id), None
        )
        if stored is not None and not stored.open:
            return BadInput(settled_line(stored, settling(stored.id, decisions)))
        try:
            await self._demand_going_on(question.project)
        except BadInput as ended:
            return ended
        if isinstance(error, NotFound):
            return NotFound(f"nothing that runs waits for {question.address}: `millwright inbox` shows what does")
        return BadInput(f"{question.address} did not take it: {error}")

    async def _demand_going_on(self, project: ProjectId) -> None:
        record = await self._projects.project(project)
        if record.exit_code is not None:
            raise BadInput(
                f"project {project!r} has ended ({record.status.value}), and nothing in it waits any more: "
                f"`millwright history {project}` shows what was decided"
            )

    async def _newest(self, project: ProjectId, gate: Gate) -> Question | None:
        asked = [item for item in await self._projects.questions(project) if item.gate is gate]
        return asked[-1] if asked else None

    async def _decisions(self, question: Question) -> tuple[Decision, ...]:
        decisions = await self._projects.decisions(question.project)
        return tuple(item for item in decisions if item.question == question.id)

    def _handle(self, workflow_id: str) -> WorkflowHandle[Any, Any]:
        return self._temporal.get_workflow_handle(workflow_id)


def message(kind: type[_Message], fields: Mapping[str, object]) -> _Message:
    """Make a message. Raises BadInput, in one line, where a field cannot be, or cannot be sent."""
    try:
        made = kind.model_validate(fields)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise BadInput(f"the decision cannot be sent: {problems}") from error
    if json_length(made) is None:
        raise BadInput("the decision cannot be sent as JSON: it has half of a surrogate pair, or is nested too deep")
    return made


def decision_at_gate(question: Question, value: str | Mapping[str, object]) -> dict[str, object]:
    """Read an answer to a gate's question into the fields of a decision there. Raises BadInput."""
    if isinstance(value, str) and value in (ApprovalDecision.APPROVE, ApprovalDecision.REJECT):
        return {"decision": ApprovalDecision(value)}
    if not isinstance(value, str) and set(value) == {"assign"}:
        return {"decision": ApprovalDecision.ASSIGN, "to": value["assign"]}
    raise BadInput(f"{question.address} is a gate: approve it, reject it with a note, or assign it to somebody")


async def _sent(handle: WorkflowHandle[Any, Any], name: str, given: Answer | Approval, project: ProjectId) -> str:
    """Send a decision as an update, whose reply says what followed; where no worker takes it in time, as a signal.

    An update is stored once a worker has accepted it, and not before; a signal at once. Both can arrive, since the
    server may still hand out an update that was given up here: they are one decision by their id.

    Raises:
        BadInput: the workflow refuses it; NotFound: none runs; TemporalUnavailable: nothing answers.
    """
    async with speaking_of(project):
        try:
            update = await handle.start_update(
                name,
                given,
                wait_for_stage=WorkflowUpdateStage.ACCEPTED,
                result_type=str,
                rpc_timeout=timedelta(seconds=ACCEPT_SECONDS),
            )
        except WorkflowUpdateRPCTimeoutOrCancelledError as error:
            _go_on_unless_cancelled(error)
            await handle.signal(name, given)
            return (
                f"stored: no worker took it within {ACCEPT_SECONDS:g} seconds, and it is acted on when one runs "
                f"(`millwright up`); `millwright history {project}` then shows what followed"
            )
        except WorkflowUpdateFailedError as error:
            raise BadInput(_reason(error)) from error
        return await _effect(update, project)


async def _effect(update: WorkflowUpdateHandle[str], project: ProjectId) -> str:
    clock = asyncio.get_running_loop().time
    until = clock() + EFFECT_SECONDS
    while True:
        try:
            return await update.result(rpc_timeout=timedelta(seconds=_POLL_SECONDS))
        except WorkflowUpdateFailedError as error:
            raise BadInput(_reason(error)) from error
        except WorkflowUpdateRPCTimeoutOrCancelledError as error:
            _go_on_unless_cancelled(error)
            if clock() >= until:
                return f"taken; what follows is still being worked out: `millwright history {project}` will show it"


def _go_on_unless_cancelled(error: WorkflowUpdateRPCTimeoutOrCancelledError) -> None:
    """Restore a cancellation, such as by Ctrl-C, which the SDK turns into the error of a timeout."""
    if isinstance(error.__cause__, asyncio.CancelledError):
        raise error.__cause__


def _reason(error: WorkflowUpdateFailedError) -> str:
    cause = error.cause
    return cause.message if isinstance(cause, ApplicationError) else str(cause)


def _taken(decision_id: str, decisions: Iterable[Decision]) -> str | None:
    before = next((item for item in decisions if item.id == decision_id and acted_on(item)), None)
    if before is None:
        return None
    return f"this decision was taken before: {before.value}" + (f"; {before.effect}" if before.effect else "")
