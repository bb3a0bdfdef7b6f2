"""The root's specification where it is made from prose: its election, its gate, and elections after rejections.

What follows where none was agreed on is the project's to decide.
"""

from dataclasses import dataclass

from temporalio import workflow

from activities.consenting import Consenting
from activities.specification import Specification
from millwright.core.voting import ungated
from schemas.attribution import RespecifyRequest
from schemas.identity import ROOT_PATH, Digest, Gate
from schemas.project import Policy
from schemas.requests import ElectionRef, NodeRef, Purpose, SettleRequest
from workflows import policies
from workflows.election import Booth
from workflows.explaining import told_why
from workflows.gates import Gates
from workflows.presentation import election_details

SHOW_QUESTIONS = "show-what-requirements-leave-open"
"""Marks builds that show what is open at the specification's gate; older ones wait there without it."""


@dataclass(frozen=True)
class Specified:
    """How a specification ended: ``message`` says why there is none to build, and None that there is one."""

    message: str | None = None
    budget_reached: bool = False


class Specifying:
    """Specifies one project."""

    def __init__(self, gates: Gates) -> None:
        self._gates = gates
        self._because: Digest | None = None

    async def elected(self, policy: Policy) -> Specified:
        """Elect the root's specification from the prose."""
        booth = Booth(
            ref=ElectionRef(
                project=self._gates.project,
                path=ROOT_PATH,
                purpose=Purpose.SPECIFY,
                replan=len(self._gates.notes(Gate.SPECIFICATION)),
                because=self._because,
                revision=policy.revision,
            ),
            policy=policy,
            rule=ungated(policy.rule),
            at_cap=self._gates.at_cap,
        )
        outcome = await booth.hold()
        if outcome.election.winner is None:
            counted = election_details(outcome.election, booth.rule.k)
            if outcome.budget_reached is not None:
                return Specified(outcome.budget_reached, budget_reached=True)
            counted += await told_why(booth.ref)
            return Specified(
                f"the specification was not agreed on ({counted}): make the requirements more precise, or give --spec"
            )
        await workflow.execute_activity_method(
            Specification.settle_root,
            SettleRequest(election=booth.ref, winner=outcome.election.winner, policy=policy),
            summary="the root's specification",
            **policies.RECORD,
        )
        return Specified()

    async def consented(self, policy: Policy, *, given: bool) -> Specified:
        """Have a person consent to the specification; one that was elected is elected again, by the notes of people."""
        while True:
            again = None if given else self._again
            consent = await self._gates.passed(Gate.SPECIFICATION, await self._left_open(), again)
            if consent.refused is not None or not consent.guidance:
                return Specified(consent.refused)
            specified = await self.elected(policy)
            if specified.message is not None:
                return specified

    async def _again(self, note: str) -> str:
        """Note that the specification is elected again, and why."""
        notes = (*self._gates.notes(Gate.SPECIFICATION), note)
        self._because = await workflow.execute_activity_method(
            Consenting.note_respecified,
            RespecifyRequest(project=self._gates.project, notes=notes),
            summary=f"specify anew ({len(notes)})",
            **policies.RECORD,
        )
        return "it is specified anew with the note"

    async def _left_open(self) -> str:
        """Say what is shown to whoever approves the specification: with it, what the requirements leave open."""
        if Gate.SPECIFICATION not in self._gates.asked or not workflow.patched(SHOW_QUESTIONS):
            return "the specification"
        return await workflow.execute_activity_method(
            Specification.left_open,
            NodeRef(project=self._gates.project, path=ROOT_PATH),
            summary="what the requirements leave open",
            **policies.RECORD,
        )
