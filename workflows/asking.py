"""Executes an activity that waits on agents beside an election: refused it is left out, and at a cap it may go on.

It decides nothing of what agents say; elections draw their answers by ``drawing``.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError

from schemas.identity import ProjectId
from schemas.requests import Purpose
from workflows import policies
from workflows.caps import AtCap
from workflows.identifiers import MODEL_QUEUE
from workflows.presentation import model_refused


class Capped(Protocol):
    """What such an activity returns: ``budget_reached`` names the cap that stopped some of its calls."""

    @property
    def budget_reached(self) -> str | None: ...


Asked = TypeVar("Asked")
Said = TypeVar("Said", bound=Capped)


async def asked(
    method: Callable[[Any, Asked], Awaitable[Said]],
    request: Asked,
    project: ProjectId,
    purpose: Purpose,
    summary: str,
    at_cap: AtCap,
) -> Said | None:
    """Ask agents, and once more after each consent to go on past a cap; None where the model has no answer to it.

    An activity that is asked again says what it said before, with what it could not ask for then. What was said before
    the model refused to go on stays said.
    """
    before: Said | None = None
    while True:
        try:
            said: Said = await workflow.execute_activity_method(
                method,
                request,
                task_queue=MODEL_QUEUE,
                summary=summary,
                priority=policies.urgency(project, purpose),
                **policies.GENERATE,
            )
        except ActivityError as error:
            if not model_refused(error):
                raise
            return before
        if said.budget_reached is None or await at_cap(said.budget_reached) is not None:
            return said
        before = said
