"""What a node does where a cap was reached: it tells the project, shows that it waits, and goes on or ends as told.

It raises no cap and asks nobody: the project's gate does (``workflows.gates``).
"""

from collections.abc import Awaitable, Callable

from millwright.core.progress import AT_CAP
from schemas.identity import Gate, TaskStatus
from schemas.project import CapDecision, CapReport, NodeInput
from workflows.endings import stated
from workflows.petition import Petition, waits_no_more

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
        self._petition: Petition[CapDecision] = Petition(given.gatekeeper)

    def take(self, decision: CapDecision) -> None:
        """Take what the project decided."""
        self._petition.take(decision)

    async def passed(self, reached: str) -> str | None:
        """Wait for consent to go on past a reached cap; returns None with it, else why what is under way ends."""
        if not self._given.gatekeeper:
            return reached
        if not await self._petition.told(
            REPORT, CapReport(path=self._given.path, reached=reached, raises=self._raises)
        ):
            return reached
        note = f"{AT_CAP}{reached}"
        await stated(self._given, TaskStatus.WAITING, note, summary=note)
        shown = (
            f"**Waits at a cap**: {reached}\n\nThe workflow {self._given.gatekeeper} asks for approval of the budget."
        )
        decision = await self._petition.decided(Gate.BUDGET, shown)
        self._raises = decision.raises
        await stated(self._given, TaskStatus.RUNNING, summary="goes on")
        waits_no_more()
        return None if decision.refused is None else f"{reached}; {decision.refused}"
