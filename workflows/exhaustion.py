"""What follows an election over code that nobody won: which steps are open, what a coordinator proposes, what is taken.

The rules are ``millwright.core.fallback``'s. It takes no step itself; the node does.
"""

from temporalio import workflow

from activities.coordinating import Coordinating
from millwright.core.coordination import outcome
from millwright.core.fallback import Step, checked, next_step, open_remedies
from schemas.coordination import Remedy
from schemas.election import Election
from schemas.planning import NodeKind, NodePlan
from schemas.project import NodeInput
from schemas.requests import CoordinateRequest, ElectionRef, Purpose
from workflows.asking import asked
from workflows.rework import Rework

COORDINATE = "ask-a-coordinator"
"""The mark in histories since which a coordinator proposes what follows an election that nobody won."""


async def step_after(
    given: NodeInput, plan: NodePlan, ref: ElectionRef, election: Election, *, k: int, done: int, rework: Rework
) -> tuple[Step, str]:
    """Return the step to take, after so many simplifications were ``done``, and what a coordinator said of it.

    A coordinator is asked where more than one step is open; what it proposes is taken only where it is one of these.
    """
    own = next_step(
        given.policy,
        simplifications_done=done,
        has_best=election.best is not None,
        splittable=(plan.kind is NodeKind.ATOMIC and done == 0) or done < plan.halvings,
    )
    open_ = open_remedies(own, replannable=given.replannable and plan.kind is NodeKind.ATOMIC)
    if not open_:
        return own, ""
    if len(open_) < 2 or not workflow.patched(COORDINATE):
        return Step(open_[0].value), ""
    request = CoordinateRequest(
        election=ref, outcome=election, open=open_, seed=given.policy.seed, k=k, tried=rework.told()
    )
    advice = await asked(
        Coordinating.advise, request, given.project, Purpose.COORDINATE, f"coordinator: {ref.path}", rework.at_cap
    )
    if advice is None or advice.proposed is None:
        return Step(open_[0].value), ""
    taken = checked(advice.proposed, open_)
    said = outcome(advice.proposed, taken, advice.reason)
    rework.note(said)
    return Step(taken.value), said if taken is Remedy.REPLAN else ""
