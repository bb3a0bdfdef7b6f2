"""The gate at which a project waits: put as a question, told of, waited at, decided and recorded; one at a time.

What follows from a decision is for ``workflows.gates`` to say. Decisions are idempotent by their ids.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.consenting import Consenting
from activities.records import Records
from millwright.core.estimation import duration
from millwright.core.messages import read_approval
from schemas.identity import ROOT_PATH, Gate, ProjectId
from schemas.people import Decision, Door, Question, QuestionKind, Waiting
from schemas.project import Approval, ApprovalDecision
from workflows import policies
from workflows.identifiers import WAITS_FOR_ATTRIBUTE
from workflows.petition import waits_no_more
from workflows.presentation import answer_command, approval_details
from workflows.waiting import DEADLINE, MOST_NOTES, Vigil, due_at

GATE_QUESTIONS = "gates-are-questions"
"""The mark in histories since which a gate is a question, has a deadline, and takes a rejection as guidance."""

_OPTIONS = (ApprovalDecision.APPROVE.value, ApprovalDecision.REJECT.value)


@dataclass(frozen=True)
class Taken:
    """A decision that was taken, and when."""

    approval: Approval
    at: datetime

    def __str__(self) -> str:
        given = self.approval
        by = given.by or "an unnamed person"
        return f"the {given.gate.value} was decided by {by} on {self.at:%Y-%m-%d at %H:%M} UTC: {given.decision.value}"


class Keeper:
    """The gate that is open, if one is, and every decision so far.

    ``open`` is the gate that waits for a decision now, ``question`` its question until the decision is settled; there
    is none in histories from before gates were questions.
    """

    def __init__(self, waiting: Waiting) -> None:
        self.project = ProjectId("")
        self.open: Gate | None = None
        self.question: Question | None = None
        self._waiting = waiting
        self._vigil: Vigil | None = None
        self._openings: Counter[Gate] = Counter()
        self._approvals: dict[str, Approval] = {}
        self._effects: dict[str, str] = {}
        self._latest: dict[Gate, Taken] = {}
        self._approval: Approval | None = None
        self._shown, self._notes = "", list[str]()
        self._handing_on = asyncio.Lock()
        self._opening: Gate | None = None

    @property
    def next_decision(self) -> str:
        """An id for the next decision that was not used before."""
        number = len(self._approvals) + 1
        while str(number) in self._approvals:
            number += 1
        return str(number)

    def begin(self, project: ProjectId, put: Mapping[Gate, int]) -> None:
        """Begin with a project at whose gates earlier runs ``put`` so many questions."""
        self.project, self._openings = project, Counter(put)

    async def put(self, gate: Gate, shown: str) -> None:
        """Put a gate's question, if it is one; ``shown`` is what there is to know of it."""
        self._openings[gate] += 1
        self._shown = shown
        self._notes.clear()
        if not workflow.patched(GATE_QUESTIONS):
            self.open = gate
            return
        question = Question(
            id=f"gate/{gate.value}/{self._openings[gate]}",
            project=self.project,
            path=ROOT_PATH,
            text=shown,
            options=_OPTIONS,
            kind=QuestionKind.APPROVAL,
            gate=gate,
            assignee=self._waiting.assignee,
            asked_at=workflow.now(),
            due_at=due_at(self._waiting),
        )
        self.question, self._opening = question, gate
        await workflow.execute_activity_method(
            Consenting.open_gate, question, summary=f"opens: {question.id}", **policies.RECORD
        )

    async def decided(self, gate: Gate) -> Approval:
        """Wait for the decision at a gate that was put; after the deadline that of the policy."""
        if self.question is not None:
            self._vigil = Vigil(self.question, self._waiting, self._note)
        self.open, self._opening = gate, None
        workflow.upsert_search_attributes([WAITS_FOR_ATTRIBUTE.value_set(gate.value)])
        self.show()
        if self._vigil is None:
            await workflow.wait_condition(self._is_decided)
        else:
            try:
                if not await self._vigil.kept(self._is_decided):
                    self._take(self._of_deadline(gate))
            finally:
                self._vigil.end()
                self._vigil = None
            async with self._handing_on:  # who is asked is noted before the question is closed, and not after it
                pass
        approval, self._approval, self.open = self._approval, None, None
        if approval is None:
            raise ApplicationError("an approval vanished", type="InternalError", non_retryable=True)
        return approval

    def _is_decided(self) -> bool:
        return self._approval is not None

    def _of_deadline(self, gate: Gate) -> Approval:
        """Return what is decided where nobody did in time: no gate is passed without consent."""
        within = duration(self._waiting.deadline_seconds or 0)
        return Approval(
            gate=gate,
            decision_id=f"{DEADLINE} {self._openings[gate]}",
            decision=ApprovalDecision.REJECT,
            by=DEADLINE,
            note=f"nobody decided within {within}",
            through=Door.DEADLINE,
        )

    async def record(self, approval: Approval, effect: str) -> None:
        """Record a decision and what follows from it; one that settles its gate closes the question."""
        question, assigns = self.question, approval.decision is ApprovalDecision.ASSIGN
        decision = Decision(
            id=approval.decision_id,
            project=self.project,
            question=question.id if question else None,
            gate=approval.gate,
            value=f"{approval.decision.value} to {approval.to}" if assigns else approval.decision.value,
            by=approval.by,
            note=approval.note,
            decided_at=workflow.now(),
            path=ROOT_PATH,
            through=approval.through,
            effect=effect,
        )
        await workflow.execute_activity_method(
            Records.record_approval,
            decision,
            summary=f"{approval.decision.value} by {approval.by or 'unknown'}",
            **policies.RECORD,
        )
        if question is not None and not assigns:
            await self._close(question)

    async def _close(self, question: Question) -> None:
        await workflow.execute_activity_method(
            Consenting.close_gate, question, summary=f"closes: {question.id}", **policies.RECORD
        )
        self.question = None

    def leave(self, approval: Approval, effect: str) -> None:
        """Show that nothing is waited for any more, and tell whoever decided what follows."""
        self._effects[approval.decision_id] = effect
        self._clear()

    def _clear(self) -> None:
        self.open = None
        waits_no_more()

    async def abandon(self, why: str) -> None:
        """Close what waits, since nothing follows from a decision any more; whoever gave one is told why."""
        self._approval, self._opening = None, None
        if self.open is not None:
            self._clear()
        if self.question is not None:
            await self._close(self.question)
        for decision in self._approvals:
            self._effects.setdefault(decision, why)

    def refusal(self, *raw: object) -> str | None:
        """Say why a message cannot be taken; None when it can, or was already."""
        given = read_approval(*raw)
        if isinstance(given, str):
            return given
        return None if self._is_early(given) else self._unfit(given)

    def _is_early(self, given: Approval) -> bool:
        """Say whether a decision is for a gate whose question can be read already, and waits in a moment."""
        return given.gate is self._opening and given.decision_id not in self._approvals

    def _unfit(self, given: Approval) -> str | None:
        if given.decision_id in self._approvals:
            return None
        earlier = str(self._latest[given.gate]) if given.gate in self._latest else ""
        if self.open is None or self._approval is not None:
            return earlier or "nothing waits for an approval"
        if given.gate is not self.open:
            return f"the open gate is {self.open.value}, not {given.gate.value}" + (f": {earlier}" if earlier else "")
        if given.budget is not None and (
            given.gate is not Gate.BUDGET or given.decision is not ApprovalDecision.APPROVE
        ):
            return f"caps are given with an approval of the {Gate.BUDGET.value} alone"
        if given.decision is ApprovalDecision.ASSIGN and self._vigil is None:
            return "this build began before gates could be handed on: approve or reject"
        return None

    async def taken(self, door: Door, *raw: object) -> str:
        """Take a decision, and return what follows once it has taken effect.

        Raises:
            ApplicationError: it cannot be taken; the message says why.
        """
        given = read_approval(*raw)
        problem = given if isinstance(given, str) else await self._fitting(given)
        if problem or isinstance(given, str):
            raise ApplicationError(problem or "", type="ApprovalRefused", non_retryable=True)
        return await self._followed(door, given)

    async def noted(self, *raw: object) -> None:
        """Take a decision that came by signal; one that cannot be taken is shown beside what waits, and ignored."""
        given = read_approval(*raw)
        problem = given if isinstance(given, str) else await self._fitting(given)
        if problem or isinstance(given, str):
            self._note(f"**Not understood**: {problem}")
        else:
            await self._followed(Door.SIGNAL, given)

    async def _fitting(self, given: Approval) -> str | None:
        """Say why a decision cannot be taken, once its gate waits where it is being put; None when it can."""
        if self._is_early(given):
            await workflow.wait_condition(lambda: self._opening is None)
        return self._unfit(given)

    async def _followed(self, door: Door, given: Approval) -> str:
        """Take a decision that fits, wait until it has taken effect, and return what follows."""
        known = given.decision_id in self._approvals
        if not known:
            self._take(given if given.through else given.model_copy(update={"through": door}))
            if given.decision is ApprovalDecision.ASSIGN:
                await self._hand_on(self._approvals[given.decision_id])
        if given.decision_id not in self._effects:
            await workflow.wait_condition(lambda: given.decision_id in self._effects)
        said = self._effects[given.decision_id]
        return f"this decision was already taken: {said}" if known else said

    def _take(self, given: Approval) -> None:
        self._approvals[given.decision_id] = given
        if self.question is None:  # in histories from before gates were questions nobody waits for what follows
            self._effects[given.decision_id] = f"{given.decision.value}: {given.gate.value}"
        if given.decision is not ApprovalDecision.ASSIGN:
            self._approval = given
            self._latest[given.gate] = Taken(given, workflow.now())

    async def _hand_on(self, given: Approval) -> None:
        """Ask somebody else; the gate stays open."""
        async with self._handing_on:
            if self._vigil is None or self.question is None:
                self._effects[given.decision_id] = "nothing: the gate was decided meanwhile"
                return
            self._vigil.hand_on(given.to)
            self.question = self._vigil.question
            self.show()
            await workflow.execute_activity_method(
                Consenting.open_gate, self.question, summary=f"handed on: {self.question.id}", **policies.RECORD
            )
            effect = f"{given.to} is asked now, and the {given.gate.value} still waits"
            await self.record(given, effect)
            self._effects[given.decision_id] = effect

    def show(self, shown: str | None = None) -> None:
        """Show what is awaited, with what there is to know of it if that has changed."""
        self._shown = self._shown if shown is None else shown
        told = "".join(f"{note}\n\n" for note in self._notes)
        if self.open is None:
            workflow.set_current_details(told.rstrip())
            return
        question = self.question
        asked = f"Asked: {question.assignee}.\n\n" if question is not None and question.assignee else ""
        due = f"Until {question.due_at:%Y-%m-%d %H:%M} UTC.\n\n" if question is not None and question.due_at else ""
        details = approval_details(
            self.open,
            workflow.info().workflow_id,
            f"{asked}{due}{self._shown}",
            decision=self.next_decision,
            own="" if question is None else answer_command(question),
        )
        workflow.set_current_details(f"{told}{details}")

    def _note(self, line: str) -> None:
        """Show a line above what is awaited, the latest ones."""
        self._notes = [*self._notes, line][-MOST_NOTES:]
        self.show()
