"""What the root does once its plan is known: it tells the project, and builds it, makes another one or ends as told.

It shows nothing and asks nobody: the project's gate does (``workflows.gates``).
"""

from collections.abc import Awaitable, Callable

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

from schemas.identity import Gate
from schemas.planning import NodePlan
from schemas.project import NodeInput, NodeResult, PlanDecision, PlanReport
from workflows.endings import failed
from workflows.identifiers import WAITS_FOR_ATTRIBUTE
from workflows.rework import Rework

PLAN_KNOWN = "plan_known"
"""The signal by which a node tells its project that its plan is known."""

NO_OTHER = "a person rejected the plan, and agents agreed on no other one"

Replan = Callable[[str], Awaitable[NodePlan | None]]
"""Makes another plan for the reason given; None where nobody won it."""


class Consent:
    """A node's waits for consent to its plan, one at a time; each plan needs it once."""

    def __init__(self, given: NodeInput) -> None:
        self._given = given
        self._waiting = False
        self._decision: PlanDecision | None = None
        self._consented: int | None = None

    def take(self, decision: PlanDecision) -> None:
        """Take what was decided; where nothing waits, it was meant for an earlier run of this node."""
        if self._waiting:
            self._decision = decision

    async def to(self, plan: NodePlan, rework: Rework, replan: Replan) -> NodePlan | NodeResult:
        """Wait for consent to a plan where a person is asked, and make others as long as one is wanted.

        Returns the plan that may be built, or how the node ended.
        """
        while self._given.consenter and self._consented != rework.replans:
            decision = await self._answered(rework.replans)
            if decision.refused is not None:
                return await failed(self._given, decision.refused)
            if not decision.guidance:
                self._consented = rework.replans
                break
            rework.demanded = True
            another = await replan(decision.guidance)
            if another is None:
                return await failed(self._given, NO_OTHER)
            plan = another
        return plan

    async def _answered(self, replans: int) -> PlanDecision:
        """Tell the project, show that the node waits, and return what was decided."""
        self._waiting, self._decision = True, None
        if not await self._told(replans):
            return PlanDecision(replans=replans, refused="the project that would consent to the plan is gone")
        workflow.upsert_search_attributes([WAITS_FOR_ATTRIBUTE.value_set(Gate.PLAN.value)])
        workflow.set_current_details(
            f"**Waits with its plan**\n\nThe workflow {self._given.consenter} asks for approval of the plan."
        )
        decision = await self._decided()
        self._waiting = False
        workflow.upsert_search_attributes([WAITS_FOR_ATTRIBUTE.value_unset()])
        workflow.set_current_details("")
        return decision

    async def _told(self, replans: int) -> bool:
        """Tell the project; False where it is gone, so that nobody would ever answer."""
        report = PlanReport(path=self._given.path, replans=replans)
        try:
            await workflow.get_external_workflow_handle(self._given.consenter).signal(PLAN_KNOWN, report)
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
            return False
        return True

    async def _decided(self) -> PlanDecision:
        await workflow.wait_condition(lambda: self._decision is not None)
        if self._decision is None:
            raise ApplicationError("a decision vanished", type="InternalError", non_retryable=True)
        return self._decision
