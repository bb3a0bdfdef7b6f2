"""What an election over code needs before its first draw: inputs, more of them from agents, and examples.

It elects nothing. What agents have no answer for is left out; the election goes on with less.
"""

from temporalio import workflow

from activities.planning import Planning
from activities.proposing import Proposing
from activities.verification import Verification
from schemas.election import Rule
from schemas.planning import NodePlan
from schemas.project import NodeInput
from schemas.requests import (
    ElectionRef,
    NodeRef,
    PlannedMargin,
    ProposeRequest,
    Purpose,
    SettleExamplesRequest,
)
from workflows import policies
from workflows.asking import asked
from workflows.caps import AtCap, ended
from workflows.identifiers import VERIFY_QUEUE

MARGIN = "plan-margins"
"""The mark in histories since which the margin of each vote on code is planned for its node."""

PROPOSE = "propose-inputs"
"""The mark in histories since which verifier agents propose inputs before the vote."""

SETTLE = "settle-examples"
"""The mark in histories since which agents state examples where the specification has none."""


async def planned_rule(given: NodeInput, plan: NodePlan) -> Rule:
    """Return the rule of a node's election over code, with the margin that is planned for it where none is fixed."""
    if not given.policy.planned or not workflow.patched(MARGIN):
        return given.policy.rule
    margin: PlannedMargin = await workflow.execute_activity_method(
        Planning.choose_margin,
        NodeRef(project=given.project, path=given.path),
        summary=f"margin for {plan.name}",
        **policies.RECORD,
    )
    return given.policy.rule.model_copy(update={"k": margin.k})


async def prepared(given: NodeInput, plan: NodePlan, at_cap: AtCap = ended) -> bool:
    """Prepare a node's election over code; returns whether any example speaks of it.

    Where a cap is reached, ``at_cap`` waits for consent to ask for the rest.
    """
    await workflow.execute_activity_method(
        Verification.prepare_inputs,
        NodeRef(project=given.project, path=given.path),
        task_queue=VERIFY_QUEUE,
        summary=f"inputs for {plan.name}",
        **policies.VERIFY,
    )
    if given.policy.proposals and workflow.patched(PROPOSE):
        await _propose(given, plan, at_cap)
    if plan.testable or not workflow.patched(SETTLE):
        return plan.testable
    return await _settle(given, plan, at_cap)


async def _propose(given: NodeInput, plan: NodePlan, at_cap: AtCap) -> None:
    request = ProposeRequest(
        election=_about(given, Purpose.INPUTS, plan.edition), count=given.policy.proposals, seed=given.policy.seed
    )
    proposed = await asked(
        Proposing.propose_inputs,
        request,
        given.project,
        Purpose.INPUTS,
        f"verifier: inputs for {plan.name}",
        at_cap,
    )
    if proposed is not None:
        workflow.upsert_memo({"proposed_inputs": proposed.kept})


async def _settle(given: NodeInput, plan: NodePlan, at_cap: AtCap) -> bool:
    rule = given.policy.rule
    request = SettleExamplesRequest(
        election=_about(given, Purpose.EXAMPLES, plan.edition), k=rule.k, cap=rule.max_attempts, seed=given.policy.seed
    )
    settled = await asked(
        Proposing.settle_examples,
        request,
        given.project,
        Purpose.EXAMPLES,
        f"specifier: examples for {plan.name}",
        at_cap,
    )
    return settled is not None and settled.enough


def _about(given: NodeInput, purpose: Purpose, edition: str) -> ElectionRef:
    return ElectionRef(
        project=given.project, path=given.path, purpose=purpose, edition=edition, revision=given.policy.revision
    )
