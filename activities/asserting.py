"""Finds the asserts that a node keeps of its verifiers' answers, and evaluates them where they are claims about calls.

It is no activity of its own, asks no agent and stores nothing: the answers are stored, and the same follows from them.
"""

from collections.abc import Awaitable, Callable, Sequence

from millwright.core.asserts import (
    Call,
    Kept,
    Tally,
    agreed_asserts,
    calls_request,
    example_request,
    keep,
    tallies,
)
from millwright.core.proposals import unstored
from millwright.core.settling import with_examples
from millwright.core.verification.reports import conditions
from millwright.ports import ProjectStore
from schemas.claims import Assertion
from schemas.execution import ConditionReport, ConditionRequest
from schemas.requests import ElectionRef, Purpose
from schemas.specification import TaskSpecification

Evaluate = Callable[[ConditionRequest], Awaitable[ConditionReport]]
"""Evaluates expressions in a sandbox."""


class Asserting:
    """Reads asserts from the store, over an evaluator."""

    def __init__(self, projects: ProjectStore, evaluate: Evaluate) -> None:
        self._projects = projects
        self._evaluate = evaluate

    async def kept(self, election: ElectionRef) -> Kept:
        """Return what the node of an election over code keeps of its verifiers' asserts.

        Raises:
            SandboxUnavailable: nothing is known of them.
        """
        project, path = election.project, election.path
        about = ElectionRef(
            project=project,
            path=path,
            purpose=Purpose.INPUTS,
            edition=election.edition,
            revision=election.revision,
        )
        drawn = await self._projects.completions(project, path, about.key, 0, about.revision)
        texts = [await self._projects.candidate(project, path, item.candidate) for item in drawn if item.candidate]
        answers = [unstored(text).asserts for text in texts]
        stated = agreed_asserts(answers)
        if not stated:
            return Kept()
        node = await self._projects.node(project, path)
        own = await self._projects.further_examples(project, path)
        task = with_examples(await self._projects.specification(node.specification), own)
        return keep(stated, len(answers), await self._asked(example_request(task, stated)))

    async def counted(
        self, task: TaskSpecification, assertions: Sequence[Assertion], calls: Sequence[Call]
    ) -> tuple[Tally, ...]:
        """Count on how many of a candidate's calls each assert holds."""
        return tallies(assertions, await self._asked(calls_request(task, assertions, calls)))

    async def _asked(self, request: ConditionRequest | None) -> ConditionReport | None:
        return None if request is None else conditions(await self._evaluate(request), request)
