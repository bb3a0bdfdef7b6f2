"""Adds to the note of an election over structures, which nobody won, why its answers were refused.

It decides nothing: the election has ended.
"""

from temporalio import workflow

from activities.specification import Specification
from schemas.requests import ElectionRef
from workflows import policies

TELL_WHY = "tell-why-answers-were-refused"
"""The mark in histories since which such a note has the reasons."""


async def told_why(election: ElectionRef) -> str:
    """Return the commonest reasons for red flags, to be put behind the counts; empty where there are none."""
    if not workflow.patched(TELL_WHY):
        return ""
    reasons = await workflow.execute_activity_method(
        Specification.why_refused, election, summary="why answers were refused", **policies.RECORD
    )
    return f"; answers were refused since {reasons}" if reasons else ""
