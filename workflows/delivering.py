"""The whole: assembled and verified, shown at its gate, and opened again where checks or people complain of parts.

It builds no part: the project does, once some are open again.
"""

from temporalio import workflow

from activities.consenting import Consenting
from activities.integration import Integration
from activities.reworking import Reworking
from schemas.attribution import GuideRequest, ReopenRequest
from schemas.identity import ROOT_PATH, Gate
from schemas.project import NodeResult, OnExhausted, Policy
from schemas.requests import FinishRequest, IntegrationResult, NodeRef
from schemas.shortening import named
from workflows import policies
from workflows.consent import GATE_QUESTIONS
from workflows.gates import Consent, Gates
from workflows.identifiers import VERIFY_QUEUE
from workflows.presentation import MOST_NAMED


class Delivering:
    """Delivers one project."""

    def __init__(self, gates: Gates) -> None:
        self._gates = gates

    async def whole(self) -> IntegrationResult:
        """Assemble and verify the whole."""
        return await workflow.execute_activity_method(
            Integration.deliver,
            NodeRef(project=self._gates.project, path=ROOT_PATH),
            task_queue=VERIFY_QUEUE,
            summary="assemble and verify the whole",
            **policies.INTEGRATE,
        )

    async def reopened(self, policy: Policy, integration: IntegrationResult) -> bool:
        """Open again exactly the parts that the checks of the whole complain of; False where there are none to open."""
        if not integration.concerned or policy.on_exhausted is OnExhausted.FAIL:
            return False
        reopened = await workflow.execute_activity_method(
            Reworking.reopen,
            ReopenRequest(
                project=self._gates.project,
                top=ROOT_PATH,
                paths=integration.concerned,
                max_reopenings=policy.max_reopenings,
                evidence=integration.evidence,
            ),
            summary=f"open again: {', '.join(integration.concerned[:3])}",
            **policies.RECORD,
        )
        return bool(reopened.paths)

    async def consented(self, root: NodeResult, integration: IntegrationResult) -> Consent:
        """Have a person consent to the delivery; what a note of theirs is about is open again afterwards."""
        return await self._gates.passed(Gate.DELIVERY, await self._shown(root, integration), self._again)

    async def _shown(self, root: NodeResult, integration: IntegrationResult) -> str:
        """Write what is shown to whoever approves the delivery."""
        if Gate.DELIVERY not in self._gates.asked or not workflow.patched(GATE_QUESTIONS):
            return "the deliverable"
        return await workflow.execute_activity_method(
            Consenting.show_delivery,
            FinishRequest(
                project=self._gates.project, root_status=root.status, integration=integration, message=root.note
            ),
            summary="what is delivered",
            **policies.RECORD,
        )

    async def _again(self, note: str) -> str:
        """Open again what a person's note on the delivery is about."""
        reopened = await workflow.execute_activity_method(
            Consenting.reopen_rejected,
            GuideRequest(project=self._gates.project, note=note),
            summary="open again what was rejected",
            **policies.RECORD,
        )
        return f"done again with the note: {named(reopened.paths, MOST_NAMED)}" if reopened.paths else ""
