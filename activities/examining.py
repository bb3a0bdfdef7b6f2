"""What specifying and decomposing examine alike: whether examples keep their conditions, and proposals as ballots.

It is no activity of its own, and knows neither kind of proposal.
"""

from collections.abc import Awaitable, Callable, Sequence

from activities.boundary import heartbeating
from millwright.core.specification import condition_faults, examples_to_check
from millwright.ports import ProjectStore, Sandbox
from schemas.election import Attempt, Ballot, Flag, Merit
from schemas.identity import Digest
from schemas.requests import BatchAttempts, BatchRequest
from schemas.specification import Fault, SpecificationDocument, TaskSpecification, TestCase

_EQUAL_MERIT = Merit(code_lines=0, complexity=0, nesting=0, size_bytes=0)
"""Proposals that agree in structure are equals: the first of them stands."""

Examine = Callable[[Digest], Awaitable[tuple[Digest, Flag | None]]]
"""Reads the proposal stored under a digest: its signature, and the flag that keeps it from voting."""


async def broken_examples(sandbox: Sandbox, document: SpecificationDocument) -> tuple[Fault, ...]:
    """List the examples of a document that break its own conditions."""
    checks = examples_to_check(document)
    reports = [await sandbox.evaluate(check.request) for check in checks]
    return tuple(condition_faults(checks, reports))


async def label_unsound(projects: ProjectStore, request: BatchRequest, candidate: Digest, detail: str) -> None:
    """Write beside the draw of a proposal why it may not vote."""
    election, slot = request.election, request.slots[request.candidates.index(candidate)]
    stored = await projects.completions(election.project, election.path, election.key, slot.round, election.revision)
    for completion in stored:
        if completion.index == slot.index:
            labelled = completion.model_copy(update={"flag": Flag.UNSOUND, "detail": detail})
            await projects.label_completion(election.project, labelled)


def alone(task: TaskSpecification, case: TestCase) -> SpecificationDocument:
    """Make a document of a task with one example and nothing around it."""
    stripped = task.model_copy(update={"test_cases": (case,), "dependencies": (), "parent": None, "children": ()})
    return SpecificationDocument(tasks=(stripped,), records=task.records, errors=task.errors)


async def sound(sandbox: Sandbox, task: TaskSpecification, cases: Sequence[TestCase | None]) -> list[TestCase]:
    """Keep the examples that do not break their own task's conditions; None stands for one that could not be made."""
    made = [case for case in cases if case is not None]
    return [case for case in made if not await broken_examples(sandbox, alone(task, case))]


async def as_ballots(request: BatchRequest, examine: Examine) -> BatchAttempts:
    """Turn a batch of proposals into ballots, or red flags."""
    attempts = []
    async with heartbeating():
        for slot, candidate in zip(request.slots, request.candidates, strict=True):
            signature, flag = await examine(candidate)
            ballot = Ballot(slot=slot, candidate=candidate, signature=signature, merit=_EQUAL_MERIT)
            attempts.append(Attempt(slot=slot, candidate=candidate, flag=flag, ballot=None if flag else ballot))
    return BatchAttempts(attempts=tuple(attempts))
