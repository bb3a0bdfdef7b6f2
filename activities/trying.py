"""Tries candidates beside all other runs of this process: on all of their task's promised inputs, or on some others.

It compares nothing, and judges nobody.
"""

from collections.abc import Sequence

from activities.observing import tried
from activities.quiet import Quiet
from activities.recall import Recall
from millwright.core.verification.evidence import MOST_LOST, Arguments, program
from millwright.core.verification.layer import Subject
from millwright.core.verification.reports import calls
from millwright.core.verification.trial import Trial
from millwright.ports import Sandbox
from schemas.execution import CallRequest, Outcome

Outcomes = tuple[Outcome, ...]


class Trying:
    """Runs candidates through a sandbox; all raise SandboxUnavailable where nothing is known of one."""

    def __init__(self, sandbox: Sandbox, recall: Recall, quiet: Quiet) -> None:
        self._sandbox, self._recall, self._quiet = sandbox, recall, quiet

    async def trial(self, subject: Subject, laid_out: Trial) -> Outcomes:
        """Make a candidate's trial, or recall it; returns an outcome per call."""
        async with self._quiet.shared():
            return (await tried(self._sandbox, self._recall, subject, laid_out)).outcomes

    async def outcomes(self, subject: Subject, vectors: Sequence[Arguments]) -> Outcomes:
        """Run a candidate on some inputs; returns an outcome for each."""
        request = CallRequest(program=program(subject, len(vectors)), calls=tuple(vectors), lost_limit=MOST_LOST)
        async with self._quiet.shared():
            report = await self._sandbox.call(request)
        return calls(report, len(vectors)).outcomes
