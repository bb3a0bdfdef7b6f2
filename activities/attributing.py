"""Attributes a failed integration: gathers what glues and parts did, and keeps the failing cases of who is at fault.

The decision is ``millwright.core.attribution``'s. No result is invented: a failing case is an input alone, or has a
result that the parent's examples or a vote of agents confirm.
"""

from collections.abc import Sequence

from temporalio import activity

from activities.boundary import heartbeating, translated
from activities.climbing import Climber
from activities.examining import sound
from activities.integrated import MOST_GLUES, Called, Integrated, Substitute
from activities.setting import Dependency, Setting, Settings
from millwright.core.attribution import ChildFacts, GlueFacts, attribute
from millwright.core.recording import failing_case, same_outcome
from millwright.core.verification.evidence import Arguments
from millwright.ports import ArtifactStore, ProjectStore, Sandbox
from schemas.attribution import AttributeRequest, Attribution
from schemas.claims import digest_of_values
from schemas.execution import Outcome
from schemas.identity import Digest, LayerName
from schemas.specification import TestCase
from schemas.verification import InputOrigin, InputVector, Verdict, VerdictStatus

_PASSED = (VerdictStatus.PASSED, VerdictStatus.NOT_APPLICABLE)
_COMPOSED = "What the parent's examples demand of it, confirmed by a composition that satisfies all of them."


class Attributing:
    """Activities that say whose fault a failed integration is."""

    def __init__(self, climber: Climber, sandbox: Sandbox, projects: ProjectStore, artifacts: ArtifactStore) -> None:
        self._sandbox = sandbox
        self._projects = projects
        self._settings = Settings(projects, artifacts)
        self._integrated = Integrated(climber, sandbox, projects, self._settings)

    @activity.defn
    @translated
    async def attribute(self, request: AttributeRequest) -> Attribution:
        """Say whose fault a failed integration is; a retry finds what it kept before, and says the same."""
        election = request.election
        async with heartbeating():
            parent = await self._settings.load(election.project, election.path)
            glue, runnable = await self._glues(request)
            seen = await self._facts(parent, runnable) if not glue.working else []
            found = attribute(
                glue,
                [facts for facts, _ in seen],
                k=request.k,
                max_reopenings=request.max_reopenings,
                examples=len(parent.task.test_cases),
            )
            for facts, cases in seen:
                if facts.path == found.child:  # what speaks against another is too little to hold it to
                    await self._projects.add_further_examples(election.project, facts.path, cases)
        return found

    async def _glues(self, request: AttributeRequest) -> tuple[GlueFacts, list[str]]:
        """Count what became of the glues of this plan; return the texts of some that can be run."""
        election = request.election
        keys = {election.model_copy(update={"simplification": times}).key for times in range(3)}
        written = await self._projects.all_completions(election.project)
        drawn = [
            item.candidate
            for item in written
            if (item.path, item.revision) == (election.path, election.revision) and item.purpose in keys
        ]
        every = await self._projects.verdicts(election.project, election.path)
        distinct = [digest for digest in dict.fromkeys(drawn) if digest is not None and digest in every]
        typed = [digest for digest in distinct if _passed(every[digest], LayerName.SYNTAX, LayerName.TYPES)]
        working = [digest for digest in typed if _passed(every[digest], LayerName.CONTRACTS, LayerName.UNIT_TESTS)]
        texts = [
            await self._projects.candidate(election.project, election.path, digest) for digest in typed[:MOST_GLUES]
        ]
        return GlueFacts(len(distinct), len(typed), len(working)), texts

    async def _facts(self, parent: Setting, glues: Sequence[str]) -> list[tuple[ChildFacts, list[TestCase]]]:
        parts = [item for item in parent.direct if item.node.path in parent.node.children]
        called = await self._integrated.called(parent, glues, _callees_first(parts))
        return [await self._child(parent, glues, part) for part in called]

    async def _child(self, parent: Setting, glues: Sequence[str], part: Called) -> tuple[ChildFacts, list[TestCase]]:
        """Find what is held against one part, with the cases that show it, and keep the calls at its node."""
        node = part.setting.node
        vectors = [InputVector(arguments=call, origin=InputOrigin.INTEGRATION) for call in part.calls]
        await self._projects.add_further_inputs(node.project, node.path, vectors)
        breach = await self._integrated.breach(part)
        cases: list[TestCase] = []
        if not breach and part.calls:
            cases = await self._agreed(part, await self._integrated.substitutes(parent, glues, part))
        facts = ChildFacts(
            path=node.path,
            breach=breach,
            substitutes=len(cases),
            called=len(part.calls),
            reopenings=node.rework.reopenings,
        )
        return facts, cases

    async def _agreed(self, part: Called, substitutes: Sequence[Substitute]) -> list[TestCase]:
        """Make failing cases of what every composition that works gives alike, and the part does not."""
        task = part.dependency.task
        given: dict[Digest, list[tuple[Arguments, Outcome]]] = {}
        for item in substitutes:
            for arguments, outcome in zip(item.calls, item.outcomes, strict=True):
                given.setdefault(digest_of_values(arguments), []).append((arguments, outcome))
        known = dict(zip(map(digest_of_values, part.calls), part.outcomes, strict=True))
        cases = []
        for digest, told in given.items():
            arguments, outcome = told[0]
            agreed = all(same_outcome(task, outcome, other) for _, other in told)
            if digest in known and agreed and not same_outcome(task, known[digest], outcome):
                cases.append(failing_case(task, arguments, outcome, _COMPOSED))
        return await sound(self._sandbox, task, cases)


def _callees_first(parts: Sequence[Dependency]) -> list[Dependency]:
    """Order parts so that one comes after those that it calls itself; of independent ones the order stays."""
    left, ordered = list(parts), list[Dependency]()
    while left:
        waiting = {item.node.path for item in left}
        ready = [item for item in left if not waiting & {*item.node.dependencies}] or left[:1]
        ordered += ready
        left = [item for item in left if item not in ready]
    return ordered


def _passed(verdicts: Sequence[Verdict], *layers: LayerName) -> bool:
    status = {verdict.layer: verdict.status for verdict in verdicts}
    return all(status.get(layer) in _PASSED for layer in layers)
