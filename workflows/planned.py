"""What the root does once its plan is known: it tells the project, and builds it, makes another one or ends as told.

It shows nothing and asks nobody: the project's gate does (``workflows.gates``).
"""

from collections.abc import Awaitable, Callable

from schemas.identity import Gate
from schemas.planning import NodePlan
from schemas.project import NodeInput, NodeResult, PlanDecision, PlanReport
from workflows.endings import failed
from workflows.petition import Petition, waits_no_more
from workflows.rework import Rework

PLAN_KNOWN = "plan_known"
"""The signal by which a node tells its project that its plan is known."""

NO_OTHER = "a person rejected the plan, and agents agreed on no other one"

Replan = Callable[[str], Awaitable[NodePlan | None]]
"""Makes another plan for the reason given; None where nobody won it."""


class PlanConsent:
    """A node's waits for consent to its plan, one at a time; each plan needs it once."""

    def __init__(self, given: NodeInput) -> None:
        self._given = given
        self._petition: Petition[PlanDecision] = Petition(given.consenter)
        self._consented: int | None = None

    def take(self, decision: PlanDecision) -> None:
        """Take what the project decided."""
        self._petition.take(decision)

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
        if not await self._petition.told(PLAN_KNOWN, PlanReport(path=self._given.path, replans=replans)):
            return PlanDecision(replans=replans, refused="the project that would consent to the plan is gone")
        shown = f"**Waits with its plan**\n\nThe workflow {self._given.consenter} asks for approval of the plan."
        decision = await self._petition.decided(Gate.PLAN, shown)
        waits_no_more()
        return decision
