"""Has reviewer agents read a winner, so that inputs which they propose may tell it from others that voted with it.

It counts no votes: what was proposed is compared by the election itself. Without an answer the election goes on.
"""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.reviewing import Reviewing
from schemas.identity import Digest
from schemas.project import Policy
from schemas.requests import ElectionRef, Purpose, ReviewedWinner, ReviewRequest
from workflows import policies
from workflows.caps import AtCap, ended
from workflows.identifiers import MODEL_QUEUE
from workflows.presentation import model_refused

REVIEW = "review-winners"
"""The mark in histories since which reviewers read what wins an election over code."""


async def new_inputs(ref: ElectionRef, policy: Policy, winner: Digest, at_cap: AtCap = ended) -> int:
    """Let reviewers read a winner; returns how many inputs the node gained. None of this decides anything.

    Where a cap is reached, ``at_cap`` waits for consent to ask for the rest.
    """
    reviewed = await _reviewed(ref, policy, winner)
    kept = reviewed.kept
    while reviewed.budget_reached is not None and await at_cap(reviewed.budget_reached) is None:
        reviewed = await _reviewed(ref, policy, winner)
        kept += reviewed.kept
    return kept


async def _reviewed(ref: ElectionRef, policy: Policy, winner: Digest) -> ReviewedWinner:
    try:
        reviewed: ReviewedWinner = await workflow.execute_activity_method(
            Reviewing.review_winner,
            ReviewRequest(election=ref, winner=winner, count=policy.reviews, seed=policy.seed),
            task_queue=MODEL_QUEUE,
            summary=f"reviewer: {winner[:12]}",
            priority=policies.urgency(ref.project, Purpose.REVIEW),
            **policies.GENERATE,
        )
    except ActivityError as error:
        if not model_refused(error):
            raise
        return ReviewedWinner()
    return reviewed
