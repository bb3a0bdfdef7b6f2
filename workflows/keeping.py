"""What a node keeps of an earlier build instead of electing it: its part, verified again where need be, or its plan.

It draws no answer from a model. What does not hold any more is left to the elections.
"""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.decomposition import Decomposition
from activities.reuse import Reuse
from activities.verification import Verification
from millwright.core.basis import LEAST_MARGIN
from schemas.election import Rule, Slot
from schemas.identity import Digest
from schemas.planning import NodeKind, NodePlan
from schemas.project import NodeInput
from schemas.requests import BatchRequest, ElectionRef, NodeRef, Purpose, SettleRequest
from schemas.reuse import Kept, Reusable, ReuseRequest, Taken, TakeRequest
from schemas.verification import VerdictStatus
from workflows import policies
from workflows.identifiers import VERIFY_QUEUE
from workflows.presentation import holds_no_more

REUSE = "reuse-what-was-accepted"
"""The mark in histories since which a node looks for what an earlier build accepted."""


async def kept_from_before(given: NodeInput, plan: NodePlan) -> Kept:
    """Take the node's part from an earlier build, or its plan; neither where nothing of the kind holds."""
    if not given.policy.reuse or not workflow.patched(REUSE):
        return Kept()
    ref = NodeRef(project=given.project, path=given.path)
    # A margin that was planned before goes on to hold, and no plan is content with less than this one; a margin that
    # was asked for is asked of what is used again, too.
    least = given.policy.rule.model_copy(update={"k": LEAST_MARGIN})
    rule = least if given.policy.planned else given.policy.rule
    found: Reusable = await workflow.execute_activity_method(
        Reuse.find_accepted,
        ReuseRequest(ref=ref, rule=rule),
        summary=f"look for an accepted {plan.name}",
        **policies.RECORD,
    )
    if found.candidate is not None and (found.verified or await _holds(given, plan, found.candidate)):
        return Kept(taken=await _taken(ref, found.identity, rule))
    return Kept(plan=await _plan(given, found.proposal)) if found.proposal is not None else Kept()


async def _taken(ref: NodeRef, identity: Digest, rule: Rule) -> Taken | None:
    """Take the part; None where another task of the same identity was elected anew in the meantime."""
    try:
        return await workflow.execute_activity_method(
            Reuse.take_accepted,
            TakeRequest(ref=ref, identity=identity, rule=rule),
            summary=f"reused: {ref.path}",
            **policies.RECORD,
        )
    except ActivityError as error:
        if not holds_no_more(error):
            raise
        return None


async def _holds(given: NodeInput, plan: NodePlan, candidate: Digest) -> bool:
    """Verify a part again, as a candidate and as a winner: the code that it meets has changed."""
    purpose = Purpose.INTEGRATE if plan.kind is NodeKind.COMPOSED else Purpose.CODE
    batch = BatchRequest(election=_election(given, purpose), slots=(Slot(round=0, index=0),), candidates=(candidate,))
    climbed = await workflow.execute_activity_method(
        Verification.climb,
        batch,
        task_queue=VERIFY_QUEUE,
        summary=f"ladder: {plan.name} as it was accepted",
        **policies.VERIFY,
    )
    if any(item.status is VerdictStatus.REJECTED for item in climbed.verdicts):
        return False
    looked = await workflow.execute_activity_method(
        Verification.confirm,
        batch,
        task_queue=VERIFY_QUEUE,
        summary=f"a further look at {plan.name} as it was accepted",
        **policies.CONFIRM,
    )
    return not looked.verdicts


async def _plan(given: NodeInput, proposal: Digest) -> NodePlan | None:
    """Settle the plan that was accepted before; None where it is not sound by the rules of today."""
    try:
        return await workflow.execute_activity_method(
            Decomposition.settle_proposal,
            SettleRequest(election=_election(given, Purpose.DECOMPOSE), winner=proposal, policy=given.policy),
            summary=f"children of {given.path}, as they were accepted",
            **policies.RECORD,
        )
    except ActivityError as error:
        if not holds_no_more(error):
            raise
        return None


def _election(given: NodeInput, purpose: Purpose) -> ElectionRef:
    return ElectionRef(project=given.project, path=given.path, purpose=purpose, revision=given.policy.revision)
