"""What a node does where a cap was reached: it tells the project, shows that it waits, and goes on or ends as told.

It raises no cap and asks nobody: the project's gate does (``workflows.gates``).
"""

from collections.abc import Awaitable, Callable

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

from activities.records import Records
from millwright.core.progress import AT_CAP
from schemas.identity import Gate, TaskStatus
from schemas.project import CapDecision, CapReport, NodeInput
from schemas.requests import NodeState
from workflows import policies
from workflows.endings import show
from workflows.identifiers import WAITS_FOR_ATTRIBUTE

AtCap = Callable[[str], Awaitable[str | None]]
"""Waits for consent to go on past the cap that a message names; None: go on, else why to end."""

REPORT = "cap_reached"
"""The signal by which a node tells its project of a reached cap."""


async def ended(reached: str) -> str | None:
    """End at a reached cap, where nobody is asked."""
    return reached


class Till:
    """A node's waits at caps, one at a time."""

    def __init__(self, given: NodeInput) -> None:
        self._given = given
        self._raises = 0
        self._waiting = False
        self._decision: CapDecision | None = None

    def take(self, decision: CapDecision) -> None:
        """Take what the project decided; where nothing waits, it was meant for an earlier run of this node."""
        if self._waiting:
            self._decision = decision

    async def passed(self, reached: str) -> str | None:
        """Wait for consent to go on past a reached cap; returns None with it, else why what is under way ends."""
        if not self._given.gatekeeper:
            return reached
        self._waiting, self._decision = True, None
        if not await self._told(reached):
            return reached
        await self._state(TaskStatus.WAITING, f"{AT_CAP}{reached}")
        workflow.upsert_search_attributes([WAITS_FOR_ATTRIBUTE.value_set(Gate.BUDGET.value)])
        workflow.set_current_details(
            f"**Waits at a cap**: {reached}\n\nThe workflow {self._given.gatekeeper} asks for approval of the budget."
        )
        decision = await self._decided()
        self._waiting, self._raises = False, decision.raises
        await self._state(TaskStatus.RUNNING)
        workflow.upsert_search_attributes([WAITS_FOR_ATTRIBUTE.value_unset()])
        workflow.set_current_details("")
        return None if decision.refused is None else f"{reached}; {decision.refused}"

    async def _told(self, reached: str) -> bool:
        """Tell the project; False where it is gone, so that nobody would ever answer."""
        report = CapReport(path=self._given.path, reached=reached, raises=self._raises)
        try:
            await workflow.get_external_workflow_handle(self._given.gatekeeper).signal(REPORT, report)
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
            return False
        return True

    async def _decided(self) -> CapDecision:
        await workflow.wait_condition(lambda: self._decision is not None)
        if self._decision is None:
            raise ApplicationError("a decision vanished", type="InternalError", non_retryable=True)
        return self._decision

    async def _state(self, status: TaskStatus, note: str = "") -> None:
        await workflow.execute_activity_method(
            Records.set_state,
            NodeState(project=self._given.project, path=self._given.path, status=status, note=note),
            summary=note or "goes on",
            **policies.RECORD,
        )
        show(status)
