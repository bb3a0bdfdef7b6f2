"""A node's request to its project, which a person answers at a gate: told by signal, answered by signal, one at a time.

It decides nothing; what is requested, and what follows from the answer, is its owner's.
"""

from typing import Generic, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

from schemas.base import Schema
from schemas.identity import Gate
from workflows.identifiers import WAITS_FOR_ATTRIBUTE

Decided = TypeVar("Decided", bound=Schema)


class Petition(Generic[Decided]):
    """Requests of one kind to the workflow ``project``; what they wait at is shown."""

    def __init__(self, project: str) -> None:
        self.project = project
        self._waiting = False
        self._decision: Decided | None = None

    def take(self, decision: Decided) -> None:
        """Take what was decided; where nothing waits, it was meant for an earlier run of this node."""
        if self._waiting:
            self._decision = decision

    async def told(self, signal: str, report: Schema) -> bool:
        """Tell the project; False where it is gone, so that nobody would ever answer."""
        self._waiting, self._decision = True, None
        try:
            await workflow.get_external_workflow_handle(self.project).signal(signal, report)
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
            return False
        return True

    async def decided(self, gate: Gate, shown: str) -> Decided:
        """Show what is waited for, and wait for the decision, however long that takes."""
        workflow.upsert_search_attributes([WAITS_FOR_ATTRIBUTE.value_set(gate.value)])
        workflow.set_current_details(shown)
        await workflow.wait_condition(lambda: self._decision is not None)
        if self._decision is None:
            raise ApplicationError("a decision vanished", type="InternalError", non_retryable=True)
        self._waiting = False
        return self._decision


def waits_no_more() -> None:
    """Show that nothing is waited for any more."""
    workflow.upsert_search_attributes([WAITS_FOR_ATTRIBUTE.value_unset()])
    workflow.set_current_details("")
