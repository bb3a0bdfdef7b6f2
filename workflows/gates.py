"""A project's gates: where it waits for a person's consent, between its phases, at its plan and where a cap is reached.

It builds nothing. A rejection with a note goes back to whoever can do the thing again, as often as the project allows;
what follows any other refusal between phases is the project's to decide.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.exceptions import FailureError, is_cancelled_exception

from activities.consenting import Consenting
from activities.records import Records
from millwright.core.caps import described, is_of_installation, raised
from schemas.identity import ROOT_PATH, Gate, NodePath, ProjectId, TaskStatus
from schemas.models import Budget
from schemas.people import Door
from schemas.project import (
    Approval,
    ApprovalDecision,
    CapDecision,
    CapReport,
    NodeResult,
    PlanDecision,
    PlanReport,
    ProjectInput,
    RaisedCaps,
)
from schemas.requests import NodeRef, NodeState
from workflows import policies
from workflows.consent import GATE_QUESTIONS, Keeper
from workflows.identifiers import node_workflow_id
from workflows.node import NodeWorkflow
from workflows.presentation import cap_details, waiting_note

Again = Callable[[str], Awaitable[str]]
"""Does what a person's note asks for, as far as it can be done before the decision is recorded; returns what follows in
words, empty where nothing can be done again."""


@dataclass(frozen=True)
class Consent:
    """What a gate came to: consent, a refusal that says why, or what is to be done again with ``guidance``."""

    refused: str | None = None
    guidance: str = ""


class Gates:
    """The gates that were asked for, what was rejected at them so far, and the project's caps.

    Caps are those of the input until a person raises them.
    """

    def __init__(self, given: ProjectInput) -> None:
        self.asked = frozenset(given.approve)
        self.keeper = Keeper(given.waiting)
        self.plan_refused: str | None = None
        self._max_rejections = given.max_rejections
        self._notes: dict[Gate, tuple[str, ...]] = {}
        self._first = self._caps = given.budget
        self._reports: list[CapReport] = []
        self._raises = 0
        self._refused: str | None = None
        self._holds_plan = False
        self._plan: PlanReport | None = None
        self._consented: set[int] = set()

    @property
    def project(self) -> ProjectId:
        """The project whose gates they are."""
        return self.keeper.project

    @property
    def gatekeeper(self) -> str:
        """The workflow that nodes tell of reached caps; empty where these end the project."""
        return workflow.info().workflow_id if Gate.BUDGET in self.asked else ""

    @property
    def consenter(self) -> str:
        """The workflow that the root tells of its plan; empty where nobody is asked there."""
        return workflow.info().workflow_id if self._holds_plan else ""

    def notes(self, gate: Gate) -> tuple[str, ...]:
        """Return what was said with the rejections that something was done again for, oldest first."""
        return self._notes.get(gate, ())

    def shows_tree(self) -> bool:
        """Say whether the plan's gate is asked for, and shows the tree; in older histories it does not."""
        return Gate.PLAN in self.asked and workflow.patched(GATE_QUESTIONS)

    def hold_plan(self) -> None:
        """Have the plan's gate held where the root's plan becomes known: agents make it, and can make another."""
        self._holds_plan = True

    async def passed(self, gate: Gate, shown: str, again: Again | None = None) -> Consent:
        """Wait for consent at a gate where it was asked for; ``again`` can do the thing again, by a person's note."""
        if gate not in self.asked:
            return Consent()
        await self.keeper.put(gate, shown)
        await self._mark(TaskStatus.WAITING, f"waits for approval of the {gate.value}", shown)
        approval = await self.keeper.decided(gate)
        consent, effect = await self._followed(approval, again)
        await self.keeper.record(approval, effect)
        await self._mark(TaskStatus.RUNNING, "")
        self.keeper.leave(approval, effect)
        return consent

    async def _followed(self, approval: Approval, again: Again | None) -> tuple[Consent, str]:
        """Find out what follows from a decision; returns that, and says it in words."""
        gate, note = approval.gate, approval.note.strip()
        if approval.decision is ApprovalDecision.APPROVE:
            return Consent(), f"the {gate.value} is approved, and the project goes on"
        refused = _refused(approval)
        if again is not None and note and approval.through is not Door.DEADLINE and self.keeper.question is not None:
            said = self.notes(gate)
            if len(said) < self._max_rejections:
                effect = await again(note)
                if effect:
                    self._notes[gate] = (*said, note)
                    return Consent(guidance=note), f"{effect} ({len(said) + 1} of {self._max_rejections})"
            else:
                refused += f"; notes are followed at most {self._max_rejections} times a gate"
        return Consent(refused=refused), "the project ends"

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
        """Answer nodes that wait at caps or with a plan while the tree is built; returns what it came to."""
        if Gate.BUDGET not in self.asked and not self._holds_plan:
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
        await self.keeper.abandon("the build ended meanwhile")

    async def _keep(self) -> None:
        """Release nodes that wait at caps: one gate for all that wait at once, none for those that report late."""
        while True:
            await workflow.wait_condition(lambda: bool(self._reports) or self._plan is not None)
            if self._plan is not None:
                await self._plan_decided(self._plan)
                continue
            due = self._late()
            if not due:
                await self._decide()
                due = list(self._reports)
            self._reports = [report for report in self._reports if report not in due]
            for report in due:
                await self._release(report)

    async def _plan_decided(self, known: PlanReport) -> None:
        """Have a person decide on the root's plan, once for each, and tell the root."""
        consent = Consent(refused=self.plan_refused)
        if consent.refused is None and known.replans not in self._consented:
            consent = await self.passed(Gate.PLAN, await self.plan_shown(), _another_plan)
            self.plan_refused = consent.refused
        if consent == Consent():
            self._consented.add(known.replans)
        said = "; ".join(self.notes(Gate.PLAN))
        guidance = f"a person rejected it: {said}" if consent.guidance else ""
        self._plan = None
        decision = PlanDecision(replans=known.replans, refused=consent.refused, guidance=guidance)
        await self._tell(known.path, "plan_decided", decision)

    async def plan_shown(self) -> str:
        """Write what is shown of the plan: the tree as far as it is known, and its forecast."""
        return await workflow.execute_activity_method(
            Consenting.show_plan,
            NodeRef(project=self.project, path=ROOT_PATH),
            summary="what is planned",
            **policies.RECORD,
        )

    def _late(self) -> list[CapReport]:
        """Return the nodes that had drawn before the caps were raised, or that nothing can be raised for any more."""
        refused = self._refused is not None
        return [report for report in self._reports if refused or report.raises < self._raises]

    async def _decide(self) -> None:
        """Have a person decide whether to go on past the caps that are reached, and raise them."""
        since = workflow.now()
        await self.keeper.put(Gate.BUDGET, self._caps_shown())
        approval = await self.keeper.decided(Gate.BUDGET)
        approved = approval.decision is ApprovalDecision.APPROVE
        caps = self._raised(approval, since) if approved else None
        if caps is not None:
            effect = f"caps from now on: {described(caps)}"
        else:
            effect = "the call is tried again" if approved else "what waits at the cap ends"
        await self.keeper.record(approval, effect)
        if caps is not None:
            self._caps = caps
            await workflow.execute_activity_method(
                Records.raise_caps, RaisedCaps(project=self.project, budget=caps), summary=effect, **policies.RECORD
            )
        if approved:
            self._raises += 1
        else:
            self._refused = _refused(approval)
        await self._mark(TaskStatus.RUNNING, "")
        self.keeper.leave(approval, effect)

    def _caps_shown(self) -> str:
        kinds = list(dict.fromkeys(report.reached for report in self._reports))
        after = raised(self._caps, self._first) if self._raisable() else None
        return cap_details(kinds, [report.path for report in self._reports], self._caps, after)

    def _raisable(self) -> bool:
        """Say whether a cap of the project's own is reached, which approval alone raises."""
        return any(not is_of_installation(report.reached) for report in self._reports)

    def _raised(self, approval: Approval, since: datetime) -> Budget | None:
        """Return the caps from now on; None where approval changes none."""
        if approval.budget is None and not self._raisable():
            return None
        waited = (workflow.now() - since).total_seconds()
        return raised(self._caps, self._first, approval.budget, waited_seconds=waited)

    async def _release(self, report: CapReport) -> None:
        await self._tell(report.path, "caps_decided", CapDecision(raises=self._raises, refused=self._refused))

    async def _tell(self, path: NodePath, signal: str, decision: CapDecision | PlanDecision) -> None:
        node = workflow.get_external_workflow_handle_for(NodeWorkflow.run, node_workflow_id(self.project, path))
        try:
            await node.signal(signal, decision)
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
            # The node was ended from outside while it waited: nobody is left to be told.

    async def _mark(self, status: TaskStatus, note: str, shown: str = "") -> None:
        await workflow.execute_activity_method(
            Records.mark_waiting,
            NodeState(project=self.project, path=ROOT_PATH, status=status, note=waiting_note(note, shown)),
            summary=note or "goes on",
            **policies.RECORD,
        )

    def report(self, given: CapReport) -> None:
        """Note that a node reached a cap and waits; where the gate is open, it is shown."""
        self._reports.append(given)
        if self.keeper.open is Gate.BUDGET:
            self.keeper.show(self._caps_shown())

    def plan_known(self, given: PlanReport) -> None:
        """Note that a node waits with its plan."""
        self._plan = given


def _refused(approval: Approval) -> str:
    by, why = approval.by or "a person", approval.note or "no reason given"
    return f"the {approval.gate.value} was rejected by {by}: {why}"


async def _another_plan(_note: str) -> str:
    return "another plan is made with the note as its reason"
