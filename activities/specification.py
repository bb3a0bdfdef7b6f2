"""From what was asked to the specifications that a build works from: given ones, or the root that was elected.

It calls no model: ``generation`` draws, the election decides, and the winner is settled here.
"""

import json
from collections.abc import Callable, Sequence

from temporalio import activity

from activities.boundary import heartbeating, translated
from activities.examining import as_ballots, broken_examples
from activities.tracing import Tracing
from millwright.core.assembly import file_path, import_clash, records_clash
from millwright.core.classification import behaviour, settled, shown_by
from millwright.core.composition import compose
from millwright.core.decomposition import read_root, root_signature
from millwright.core.escalation import refused_since
from millwright.core.kinds import as_called
from millwright.core.placing import ROOT, parent_of, paths_of, with_root
from millwright.core.report_requirements import shown_at_gate
from millwright.core.specification import resolve
from millwright.core.verification.languages import language_named
from millwright.errors import SpecificationInvalid
from millwright.ports import ArtifactStore, ProjectStore, Sandbox
from schemas.election import Flag, RedFlag
from schemas.evidence import NodeRecord, ProjectRecord, Rework
from schemas.identity import ROOT_PATH, Archetype, Digest, NodePath, ProjectId, TaskId
from schemas.planning import SpecifiedRoot
from schemas.requests import BatchAttempts, BatchRequest, ElectionRef, NodeRef, SettleRequest
from schemas.requirements import Requirements, Statement
from schemas.specification import Fault, SpecificationDocument, TaskKind, TaskSpecification, TaskType

Reader = Callable[[str, str], SpecificationDocument]
"""Reads the text of a specification file, named for messages; raises SpecificationInvalid."""


class Specification:
    """Activities that turn a request into the specifications of its nodes."""

    def __init__(self, projects: ProjectStore, artifacts: ArtifactStore, sandbox: Sandbox, read: Reader) -> None:
        self._projects = projects
        self._artifacts = artifacts
        self._sandbox = sandbox
        self._read = read
        self._tracing = Tracing(projects, artifacts)

    @activity.defn
    @translated
    async def accept_given(self, ref: NodeRef) -> int:
        """Check a given specification, store its tasks and lay out its tree; returns how many nodes there are."""
        project = await self._projects.project(ref.project)
        if project.specification is None:
            raise SpecificationInvalid([Fault(where="project", what="no specification was given")])
        text = (await self._artifacts.get(project.specification)).decode("utf-8")
        document = self._read(text, f"the specification of {project.id}")
        foreign = [
            Fault(
                where=task.id, what=f"its language is {task.target_language}, the project's {project.target_language}"
            )
            for task in document.tasks
            if task.target_language != project.target_language and task.kind is not TaskKind.FILE
        ]
        if foreign:
            raise SpecificationInvalid(foreign)
        unknown = _unknown_requirements(document.tasks, (await self._tracing.asked(project)).statements)
        if unknown:
            raise SpecificationInvalid(unknown)
        async with heartbeating():
            broken = await broken_examples(self._sandbox, document)
        if broken:
            raise SpecificationInvalid(broken)
        nodes = await self._lay_out(project, resolve(document))
        await self._projects.save_nodes(nodes)
        return len(nodes)

    @activity.defn
    @translated
    async def examine_roots(self, request: BatchRequest) -> BatchAttempts:
        """Turn proposed root specifications into ballots; one whose examples break its conditions is unsound."""

        async def examine(candidate: Digest) -> tuple[Digest, Flag | None]:
            root = await self._root(request.election.project, candidate)
            document = SpecificationDocument(tasks=(root.specification,))
            broken = await broken_examples(self._sandbox, document)
            return root_signature(root), Flag.UNSOUND if broken else None

        return await as_ballots(request, examine)

    @activity.defn
    @translated
    async def settle_root(self, request: SettleRequest) -> Digest:
        """Make the elected specification the root's, and settle what the requirements are; returns its digest."""
        election = request.election
        root = await self._root(election.project, request.winner)
        requirements = await self._requirements(election, root)
        task = as_called(root.specification).model_copy(
            update={"task_type": TaskType.DECOMPOSITION, "requirements": behaviour(requirements)}
        )
        digest = await self._projects.save_specification(task)
        project = await self._projects.project(election.project)
        await self._tracing.keep(project, requirements)
        node = NodeRecord(
            project=election.project,
            path=ROOT_PATH,
            task=task.id,
            name=task.name,
            archetype=Archetype.INTEGRATOR,
            specification=digest,
            rework=await self._rework(election),
        )
        language = language_named(project.target_language)
        await self._projects.save_nodes(
            [node.model_copy(update={"module": file_path(language, project.package, node)})]
        )
        return digest

    @activity.defn
    @translated
    async def why_refused(self, election: ElectionRef) -> str:
        """Say why answers to an election were red flags; counts and our own words only, for notes and history."""
        drawn = await self._projects.all_completions(election.project)
        asked = (election.path, election.key, election.revision)
        about = [item for item in drawn if (item.path, item.purpose, item.revision) == asked]
        return refused_since([item.detail for item in about if item.flag is not None])

    @activity.defn
    @translated
    async def left_open(self, ref: NodeRef) -> str:
        """Say in a few lines what the requirements leave open, for whoever approves the specification."""
        return shown_at_gate(await self._tracing.questions(ref.project))

    async def _rework(self, election: ElectionRef) -> Rework:
        """Return what people said of the specifications that were elected before this one."""
        if not election.replan:
            return Rework()
        before = await self._projects.node(election.project, ROOT_PATH)
        return Rework(respecified=before.rework.respecified)

    async def _requirements(self, election: ElectionRef, winner: SpecifiedRoot) -> Requirements:
        """Settle what each statement is among those who specified the same as the winner, and what all left open."""
        record = await self._projects.project(election.project)
        asked = await self._tracing.asked(record)
        everyone = [
            await self._root(election.project, completion.candidate)
            for completion in await self._projects.all_completions(election.project)
            if completion.candidate is not None
            and (completion.purpose, completion.revision) == (election.key, election.revision)
        ]
        same = [root for root in everyone if root_signature(root) == root_signature(winner)]
        return settled(asked.statements, same or [winner], everyone or [winner])

    async def _root(self, project: ProjectId, candidate: Digest) -> SpecifiedRoot:
        text = await self._projects.candidate(project, ROOT_PATH, candidate)
        record = await self._projects.project(project)
        asked = await self._tracing.asked(record)
        root = read_root(json.loads(text), record.target_language, asked.statements, asked.front)
        if isinstance(root, RedFlag):
            raise SpecificationInvalid([Fault(where="root", what=root.detail)])
        return root

    async def _lay_out(self, project: ProjectRecord, tasks: Sequence[TaskSpecification]) -> list[NodeRecord]:
        """Make the nodes of a given tree: tasks without a parent stand under the root, or are it."""
        tasks = with_root(tasks, project.package, f"The parts of {project.id}.")
        _demand_clear_names(tasks)
        paths = paths_of(tasks)
        children: dict[TaskId, list[NodePath]] = {task.id: [] for task in tasks}
        for task in tasks:
            if paths[task.id] != ROOT_PATH:
                children[parent_of(task)].append(paths[task.id])
        language = language_named(project.target_language)
        by_path = {paths[task.id]: task for task in tasks}
        nodes = []
        for task in tasks:
            below = tuple(children[task.id])
            parts = [by_path[path] for path in below]
            node = NodeRecord(
                project=project.id,
                path=paths[task.id],
                task=task.id,
                name=task.name,
                parent=None if paths[task.id] == ROOT_PATH else paths[parent_of(task)],
                archetype=Archetype.INTEGRATOR if below else Archetype.CODER,
                specification=await self._projects.save_specification(task),
                dependencies=(*below, *(paths[name] for name in task.dependencies)),
                children=below,
                promises=compose(task, parts).promises if parts and task.has_interface else None,
            )
            own = language_named(task.target_language) if task.kind is TaskKind.FILE else language
            nodes.append(node.model_copy(update={"module": file_path(own, project.package, node)}))
        return nodes


def _unknown_requirements(tasks: Sequence[TaskSpecification], numbered: Sequence[Statement]) -> list[Fault]:
    """List the requirements that given tasks name and the prose does not have."""
    known = {item.id for item in numbered}
    last = f"the last one is R{len(known)}" if known else "no requirements were given in prose"
    return [
        Fault(where=task.id, what=f"there is no requirement {name}: {last}")
        for task in tasks
        for name in dict.fromkeys((*task.requirements, *shown_by(task)))
        if name not in known
    ]


def _demand_clear_names(tasks: Sequence[TaskSpecification]) -> None:
    """Refuse names that would mean two things in one module of the deliverable. Raises SpecificationInvalid."""
    by_id = {task.id: task for task in tasks}
    top = [task.id for task in tasks if task.id != ROOT and parent_of(task) == ROOT]
    faults = []
    for task in tasks:
        below = [other for other in tasks if other.id != ROOT and parent_of(other) == task.id]
        used = [*below, *(by_id[name] for name in task.dependencies)]
        clash = import_clash(task, [other.name for other in used if other.has_interface])
        if clash and task.has_interface:
            faults.append(Fault(where=task.id, what=clash))
        shadowed = records_clash(top, task)
        if shadowed:
            faults.append(Fault(where="id", what=shadowed))
    if faults:
        raise SpecificationInvalid(list(dict.fromkeys(faults)))
