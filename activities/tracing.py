"""Reads what was asked for, keeps what specifiers settled of it, and follows it to parts and tests.

It is no activity of its own, and judges nothing: the rules are in ``millwright.core.requirements`` and ``tracing``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from millwright.core.classification import constraints
from millwright.core.requirements import statements
from millwright.core.tracing import PROVEN, TracedNode, covered_by, passed_layers, proven, trace
from millwright.ports import ArtifactStore, ProjectStore
from schemas.digests import canonical_json
from schemas.evidence import NodeRecord, ProjectRecord
from schemas.identity import DELIVERED, Digest, ProjectId, RequirementId
from schemas.requirements import FrontMatter, OpenQuestion, Requirement, Requirements, Statement, Trace
from schemas.verification import Verdict

_REQUIREMENTS = "requirements"
_CONSTRAINTS = "constraints"
_FRONT_MATTER = "front_matter"


@dataclass(frozen=True)
class Asked:
    """What a project was asked for: the prose, its numbered statements, and what its head fixes."""

    prose: str
    statements: tuple[Statement, ...]
    front: FrontMatter


class Tracing:
    """Reads and keeps a project's requirements."""

    def __init__(self, projects: ProjectStore, artifacts: ArtifactStore) -> None:
        self._projects = projects
        self._artifacts = artifacts

    async def asked(self, project: ProjectRecord) -> Asked:
        """Read what a project was asked for; nothing where only a specification was given."""
        prose = ""
        if project.requirements is not None:
            prose = (await self._artifacts.get(project.requirements)).decode("utf-8")
        front = FrontMatter.model_validate(project.options.get(_FRONT_MATTER, {}))
        return Asked(prose, statements(prose), front)

    async def keep(self, project: ProjectRecord, requirements: Requirements) -> None:
        """Record what was settled; a retry settles the same and records it again."""
        digest = await self._artifacts.put(canonical_json(requirements), "application/json")
        options = {**project.options, _REQUIREMENTS: digest, _CONSTRAINTS: list[JsonValue](constraints(requirements))}
        await self._projects.save_project(project.model_copy(update={"options": options}))

    async def settled(self, project: ProjectRecord) -> Requirements:
        """Read what was settled.

        Where a specification was given nobody was asked: then the statements are those of the prose, without a kind.
        """
        digest = project.options.get(_REQUIREMENTS)
        if isinstance(digest, str):
            return Requirements.model_validate_json(await self._artifacts.get(Digest(digest)))
        asked = await self.asked(project)
        return Requirements(items=tuple(Requirement(statement=item) for item in asked.statements))

    async def traces(self, project: ProjectId) -> tuple[Trace, ...]:
        """Follow every requirement; none where a given specification names none."""
        record = await self._projects.project(project)
        requirements = await self.settled(record)
        nodes = [await self._traced(node) for node in await self._projects.nodes(project)]
        if all(item.kind is None for item in requirements.items) and not any(covered_by(node.task) for node in nodes):
            return ()
        return trace(requirements, nodes)

    async def counted(self, project: ProjectRecord) -> ProjectRecord:
        """Return the row with the count of what was shown, for those who read it without the report."""
        found = proven(await self.traces(project.id))
        if found is None:
            return project
        return project.model_copy(update={"options": {**project.options, PROVEN: found.model_dump(mode="json")}})

    async def questions(self, project: ProjectId) -> tuple[OpenQuestion, ...]:
        """List what the prose leaves open."""
        return (await self.settled(await self._projects.project(project))).questions

    async def _traced(self, node: NodeRecord) -> TracedNode:
        return TracedNode(
            path=node.path,
            task=await self._projects.specification(node.specification),
            delivered=node.status in DELIVERED,
            passed=passed_layers(await self._verdicts(node)),
        )

    async def _verdicts(self, node: NodeRecord) -> Sequence[Verdict]:
        if node.candidate is None:
            return ()
        return (await self._projects.verdicts(node.project, node.path)).get(node.candidate, ())


def constraints_of(project: ProjectRecord) -> tuple[RequirementId, ...]:
    """Return the requirements that were settled to hold for the whole, and not for a part."""
    kept = project.options.get(_CONSTRAINTS)
    return tuple(RequirementId(str(name)) for name in kept) if isinstance(kept, list) else ()


def front_matter_option(front: FrontMatter) -> dict[str, JsonValue]:
    """Return the option under which a project keeps what the head of its requirements fixes."""
    return {_FRONT_MATTER: front.model_dump(mode="json", exclude_none=True)}
