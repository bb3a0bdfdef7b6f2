"""Has reviewer agents read a winner, so that inputs which they propose may tell it from others that voted with it.

It counts no votes: what was proposed is compared by the election itself. Without an answer the election goes on.
"""

from activities.reviewing import Reviewing
from schemas.identity import Digest
from schemas.project import Policy
from schemas.requests import ElectionRef, Purpose, ReviewRequest
from workflows.asking import asked
from workflows.caps import AtCap, ended

REVIEW = "review-winners"
"""The mark in histories since which reviewers read what wins an election over code."""


async def new_inputs(ref: ElectionRef, policy: Policy, winner: Digest, at_cap: AtCap = ended) -> int:
    """Let reviewers read a winner; returns how many inputs the node has by their doing. None of this decides anything.

    Where a cap is reached, ``at_cap`` waits for consent to ask for the rest.
    """
    request = ReviewRequest(election=ref, winner=winner, count=policy.reviews, seed=policy.seed)
    reviewed = await asked(
        Reviewing.review_winner, request, ref.project, Purpose.REVIEW, f"reviewer: {winner[:12]}", at_cap
    )
    return reviewed.kept if reviewed is not None else 0
