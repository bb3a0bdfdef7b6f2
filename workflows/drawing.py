"""Draws the answers of one round from a model, and goes on with the same round where a cap is passed by consent.

It extracts and counts nothing.
"""

from temporalio import workflow

from activities.generation import Generation
from schemas.requests import ARCHETYPE_OF, DrawRequest, DrawResult
from workflows import policies
from workflows.caps import AtCap
from workflows.identifiers import MODEL_QUEUE


async def drawn(request: DrawRequest, at_cap: AtCap) -> DrawResult:
    """Draw the answers of a round; where a cap stops some of them and consent is given, draw these as well."""
    archetype = ARCHETYPE_OF[request.election.purpose].value
    while True:
        result: DrawResult = await workflow.execute_activity_method(
            Generation.draw,
            request,
            task_queue=MODEL_QUEUE,
            summary=f"{archetype}: round {request.round}, {request.count} answers",
            priority=policies.urgency(request.election.project, request.election.purpose, request.round),
            **policies.GENERATE,
        )
        if result.budget_reached is None:
            return result
        refused = await at_cap(result.budget_reached)
        if refused is not None:
            return result.model_copy(update={"budget_reached": refused})
