"""A project's gates: where it waits for a person's consent, between its phases and where a cap is reached.

It builds nothing, and what follows a refusal between phases is the project's to decide.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

from activities.records import Records
from millwright.core.caps import described, is_of_installation, raised
from schemas.identity import ROOT_PATH, Gate, ProjectId, TaskStatus
from schemas.people import Decision
from schemas.project import (
    Approval,
    ApprovalDecision,
    CapDecision,
    CapReport,
    NodeResult,
    ProjectInput,
    RaisedCaps,
)
from schemas.requests import NodeState
from workflows import policies
from workflows.identifiers import WAITS_FOR_ATTRIBUTE, node_workflow_id
from workflows.node import NodeWorkflow
from workflows.presentation import approval_details, cap_details, waiting_note


class Gates:
    """The gates that were asked for, the one that is open, and every decision so far; idempotent by decision.

    ``open`` is the gate that waits. Caps are those of the input until a person raises them.
    """

    def __init__(self, given: ProjectInput) -> None:
        self.asked = frozenset(given.approve)
        self.open: Gate | None = None
        self.project = ProjectId("")
        self._first = self._caps = given.budget
        self._approvals: dict[str, Approval] = {}
        self._approval: Approval | None = None
        self._reports: list[CapReport] = []
        self._raises = 0
        self._refused: str | None = None

    @property
    def next_decision(self) -> str:
        """An id for the next decision that was not used before."""
        number = len(self._approvals) + 1
        while str(number) in self._approvals:
            number += 1
        return str(number)

    @property
    def gatekeeper(self) -> str:
        """The workflow that nodes tell of reached caps; empty where these end the project."""
        return workflow.info().workflow_id if Gate.BUDGET in self.asked else ""

    async def passed(self, gate: Gate, shown: str) -> str | None:
        """Wait for consent at a gate where it was asked for; returns why it was refused, or None."""
        if gate not in self.asked:
            return None
        self.open = gate
        await self._mark(TaskStatus.WAITING, f"waits for approval of the {gate.value}", shown)
        workflow.upsert_search_attributes([WAITS_FOR_ATTRIBUTE.value_set(gate.value)])
        workflow.set_current_details(self._details(gate, shown))
        await workflow.wait_condition(lambda: self._approval is not None)
        approval = self._taken()
        await self._record(approval)
        await self._mark(TaskStatus.RUNNING, "")
        self._leave()
        return _refused(approval)

    async def at_cap(self, reached: str) -> str | None:
        """Wait for consent to go on past a cap that the project's own election reached; None with it, else why not."""
        if Gate.BUDGET not in self.asked:
            return reached
        if self._refused is None:
            self._reports = [CapReport(path=ROOT_PATH, reached=reached, raises=self._raises)]
            await self._mark(TaskStatus.WAITING, f"waits for approval of the {Gate.BUDGET.value}", reached)
            await self._decide()
            self._reports = []
        return None if self._refused is None else f"{reached}; {self._refused}"

    async def kept(self, building: Awaitable[NodeResult]) -> NodeResult:
        """Answer nodes that reach caps for as long as the tree is built; returns what it came to."""
        if Gate.BUDGET not in self.asked:
            return await building
        self._reports = []
        tree, keeper = asyncio.ensure_future(building), asyncio.ensure_future(self._keep())
        try:
            await workflow.wait((tree, keeper), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self._stop(tree, keeper)
            raise
        if keeper.done():  # it only ends by an error
            await self._stop(tree)
            keeper.result()
        await self._stop(keeper)
        return await tree

    async def _stop(self, *tasks: asyncio.Future[Any]) -> None:
        """End what is under way, and leave no gate open behind it."""
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.open is not None:
            self._leave()

    async def _keep(self) -> None:
        """Release nodes that wait at caps: one gate for all that wait at once, none for those that report late."""
        while True:
            await workflow.wait_condition(lambda: bool(self._reports))
            due = self._late()
            if not due:
                await self._decide()
                due = list(self._reports)
            self._reports = [report for report in self._reports if report not in due]
            for report in due:
                await self._release(report)

    def _late(self) -> list[CapReport]:
        """Return the nodes that had drawn before the caps were raised, or that nothing can be raised for any more."""
        refused = self._refused is not None
        return [report for report in self._reports if refused or report.raises < self._raises]

    async def _decide(self) -> None:
        """Have a person decide whether to go on past the caps that are reached, and raise them."""
        since = workflow.now()
        self.open = Gate.BUDGET
        workflow.upsert_search_attributes([WAITS_FOR_ATTRIBUTE.value_set(Gate.BUDGET.value)])
        approval = await self._consent()
        await self._record(approval)
        if approval.decision is ApprovalDecision.APPROVE:
            await self._raise(approval, since)
            self._raises += 1
        else:
            self._refused = _refused(approval)
        await self._mark(TaskStatus.RUNNING, "")
        self._leave()

    def _leave(self) -> None:
        """Show that nothing is waited for any more."""
        self.open = None
        workflow.upsert_search_attributes([WAITS_FOR_ATTRIBUTE.value_unset()])
        workflow.set_current_details("")

    async def _consent(self) -> Approval:
        """Wait for a decision, and show who waits for it, also those who come later."""
        while True:
            count = len(self._reports)
            kinds = list(dict.fromkeys(report.reached for report in self._reports))
            after = raised(self._caps, self._first) if self._raisable() else None
            waiting = [report.path for report in self._reports]
            workflow.set_current_details(self._details(Gate.BUDGET, cap_details(kinds, waiting, self._caps, after)))
            await workflow.wait_condition(_changed(lambda: self._approval, lambda: len(self._reports), count))
            if self._approval is not None:
                return self._taken()

    def _raisable(self) -> bool:
        """Say whether a cap of the project's own is reached, which approval alone raises."""
        return any(not is_of_installation(report.reached) for report in self._reports)

    async def _raise(self, approval: Approval, since: datetime) -> None:
        if approval.budget is None and not self._raisable():
            return
        waited = (workflow.now() - since).total_seconds()
        self._caps = raised(self._caps, self._first, approval.budget, waited_seconds=waited)
        await workflow.execute_activity_method(
            Records.raise_caps,
            RaisedCaps(project=self.project, budget=self._caps),
            summary=f"caps from now on: {described(self._caps)}",
            **policies.RECORD,
        )

    async def _release(self, report: CapReport) -> None:
        node = workflow.get_external_workflow_handle_for(NodeWorkflow.run, node_workflow_id(self.project, report.path))
        try:
            await node.signal(NodeWorkflow.caps_decided, CapDecision(raises=self._raises, refused=self._refused))
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
            # The node was ended from outside while it waited: nobody is left to be told.

    async def _record(self, approval: Approval) -> None:
        await workflow.execute_activity_method(
            Records.record_approval,
            Decision(
                id=approval.decision_id,
                project=self.project,
                gate=approval.gate,
                value=approval.decision.value,
                by=approval.by,
                note=approval.note,
            ),
            summary=f"{approval.decision.value} by {approval.by or 'unknown'}",
            **policies.RECORD,
        )

    async def _mark(self, status: TaskStatus, note: str, shown: str = "") -> None:
        await workflow.execute_activity_method(
            Records.mark_waiting,
            NodeState(project=self.project, path=ROOT_PATH, status=status, note=waiting_note(note, shown)),
            summary=note or "goes on",
            **policies.RECORD,
        )

    def _details(self, gate: Gate, shown: str) -> str:
        return approval_details(gate, workflow.info().workflow_id, shown, decision=self.next_decision)

    def _taken(self) -> Approval:
        approval, self._approval, self.open = self._approval, None, None
        if approval is None:
            raise ApplicationError("an approval vanished", type="InternalError", non_retryable=True)
        return approval

    def take(self, given: Approval) -> bool:
        """Take a decision that was not refused; False for one that was already taken."""
        if given.decision_id in self._approvals:
            return False
        self._approvals[given.decision_id] = given
        self._approval = given
        return True

    def take_or_explain(self, given: Approval) -> None:
        """Take a decision; one that cannot be taken is shown in the current details."""
        problem = self.refusal(given)
        if problem is None:
            self.take(given)
        elif self.open is not None:
            workflow.set_current_details(f"**Not understood**: {problem}\n\n{self._details(self.open, '')}")

    def report(self, given: CapReport) -> None:
        """Note that a node reached a cap and waits."""
        self._reports.append(given)

    def refusal(self, given: Approval) -> str | None:
        """Say why a decision cannot be taken; None when it can, or was already."""
        if given.decision_id in self._approvals:
            return None
        if self.open is None or self._approval is not None:
            return "nothing waits for an approval"
        if given.gate is not self.open:
            return f"the open gate is {self.open.value}, not {given.gate.value}"
        if given.budget is not None and (given.gate is not Gate.BUDGET or given.decision is ApprovalDecision.REJECT):
            return f"caps are given with an approval of the {Gate.BUDGET.value} alone"
        return None


def _refused(approval: Approval) -> str | None:
    if approval.decision is ApprovalDecision.APPROVE:
        return None
    by, why = approval.by or "a person", approval.note or "no reason given"
    return f"the {approval.gate.value} was rejected by {by}: {why}"


def _changed(approval: Callable[[], Approval | None], count: Callable[[], int], known: int) -> Callable[[], bool]:
    """Make the condition that there is a decision, or that more nodes wait."""
    return lambda: approval() is not None or count() != known
