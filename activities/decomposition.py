"""Says what is to be done at a node, and turns the elected proposal into its children.

It calls no model and starts no workflow.
"""

import json

from temporalio import activity

from activities.accepting import accept_plan
from activities.boundary import translated
from activities.examining import as_ballots, broken_examples, label_unsound
from activities.identifying import plan_identity_of
from activities.plans import Plans
from millwright.core.assembly import file_path
from millwright.core.decomposition import (
    inherit,
    is_atomic,
    placed,
    promises_of,
    proposal_signature,
    refusal,
    waits_for,
)
from millwright.core.fallback import halvings
from millwright.core.replanning import below_fresh, dropped, replanned
from millwright.core.verification.languages import language_named
from millwright.errors import SpecificationInvalid
from millwright.ports import ProjectStore, Sandbox
from schemas.election import Flag, RedFlag
from schemas.evidence import NodeRecord
from schemas.identity import DELIVERED, Archetype, Digest, NodePath, child_path
from schemas.planning import ChildOutline, NodeKind, NodePlan, Proposal
from schemas.project import Policy
from schemas.requests import BatchAttempts, BatchRequest, ElectionRef, NodeRef, Purpose, SettleRequest
from schemas.specification import Fault, SpecificationDocument, TaskSpecification, TaskType


class Decomposition:
    """Activities about the shape of the tree."""

    def __init__(self, projects: ProjectStore, sandbox: Sandbox) -> None:
        self._projects = projects
        self._sandbox = sandbox
        self._plans = Plans(projects)

    @activity.defn
    @translated
    async def plan_node(self, ref: NodeRef) -> NodePlan:
        """Say what is to be done at a node."""
        node = await self._projects.node(ref.project, ref.path)
        task = await self._projects.specification(node.specification)
        missing = [
            path
            for path in node.dependencies
            if path not in node.children and (await self._projects.node(ref.project, path)).status not in DELIVERED
        ]
        plan = await self._plan(node, task)
        return plan.model_copy(update={"kind": NodeKind.BLOCKED, "missing": tuple(missing)}) if missing else plan

    @activity.defn
    @translated
    async def examine_proposals(self, request: BatchRequest) -> BatchAttempts:
        """Turn proposals into ballots; one whose examples break its conditions is unsound, and its draw says why."""
        node = await self._projects.node(request.election.project, request.election.path)
        policy = await self._plans.policy(node)

        async def examine(candidate: Digest) -> tuple[Digest, Flag | None]:
            proposal, parent = await self._proposal(request.election, candidate)
            broken = await broken_examples(self._sandbox, _standing_alone(proposal, parent, policy))
            if broken:
                culprits = [child.specification for child in proposal.children]
                detail = refusal([placed(str(fault), culprits) for fault in broken]).detail
                await label_unsound(self._projects, request, candidate, detail)
            return proposal_signature(proposal, policy), Flag.UNSOUND if broken else None

        return await as_ballots(request, examine)

    @activity.defn
    @translated
    async def settle_proposal(self, request: SettleRequest) -> NodePlan:
        """Make the elected proposal the node's children; returns the node's plan."""
        election = request.election
        proposal, parent = await self._proposal(election, request.winner)
        node = await self._projects.node(election.project, election.path)
        paths = {child.specification.id: child_path(node.path, child.specification.id) for child in proposal.children}
        outside = {
            (await self._projects.node(node.project, path)).task: path
            for path in node.dependencies
            if path not in node.children
        }
        project = await self._projects.project(election.project)
        policy = await self._plans.policy(node)
        await accept_plan(self._projects, node, request.winner, project.revision)
        language = language_named(project.target_language)
        tasks = [inherit(child, parent, policy) for child in proposal.children]
        children = []
        for child, task in zip(proposal.children, tasks, strict=True):
            record = NodeRecord(
                project=node.project,
                path=paths[task.id],
                task=task.id,
                name=task.name,
                parent=node.path,
                archetype=Archetype.CODER if is_atomic(child, policy) else Archetype.INTEGRATOR,
                specification=await self._projects.save_specification(task),
                dependencies=tuple({**outside, **paths}[name] for name in task.dependencies),
                estimated_lines=child.estimated_lines,
                estimated_complexity=child.estimated_complexity,
            )
            children.append(record.model_copy(update={"module": file_path(language, project.package, record)}))
        again: tuple[NodeRecord, ...] = ()
        if election.replan:
            known = await self._projects.nodes(node.project)
            children = list(replanned(children, known))
            again = below_fresh(children, known)
            await self._projects.drop_nodes(node.project, dropped(node.path, children, known))
        below = tuple(child.path for child in children)
        parent_node = node.model_copy(
            update={
                "archetype": Archetype.INTEGRATOR,
                "children": below,
                "promises": promises_of(proposal, parent, policy),
                "dependencies": (*below, *(path for path in node.dependencies if path not in node.children)),
            }
        )
        parent_node = parent_node.model_copy(update={"module": file_path(language, project.package, parent_node)})
        await self._projects.save_nodes([parent_node, *children, *again])
        return await self._plan(parent_node, parent)

    async def _plan(self, node: NodeRecord, task: TaskSpecification) -> NodePlan:
        return NodePlan(
            kind=_kind(node, task),
            specification=node.specification,
            children=await self._outlines(node),
            name=task.name,
            testable=bool(task.test_cases),
            halvings=halvings(task),
            elected=await self._elected(node),
            replans=node.rework.replans,
            asked=await self._asked(node),
            edition=node.rework.edition,
            barred=node.rework.barred,
        )

    async def _asked(self, node: NodeRecord) -> int:
        """Count the questions about a node itself that people were put; a gate's are about the project."""
        asked = await self._projects.questions(node.project)
        return sum(item.path == node.path and item.gate is None for item in asked)

    async def _elected(self, node: NodeRecord) -> bool:
        """Say whether the node's children are an election's, be it an earlier build's: a person's are the person's."""
        if not node.children:
            return False
        revision = (await self._projects.project(node.project)).revision
        kept = await self._projects.accepted_plan(node.project, await plan_identity_of(self._projects, node))
        if kept is not None and kept.entered == revision:
            return True
        about = ElectionRef(
            project=node.project, path=node.path, purpose=Purpose.DECOMPOSE, edition=node.rework.edition
        )
        for times in (0, 1):  # a task is split anew at its first simplification, and at none after it
            key = about.model_copy(update={"simplification": times}).key
            if await self._projects.completions(node.project, node.path, key, 0, revision):
                return True
        return False

    async def _outlines(self, node: NodeRecord) -> tuple[ChildOutline, ...]:
        if not node.children:
            return ()
        below = {
            item.path: item
            for item in await self._projects.nodes(node.project)
            if item.path.startswith(f"{node.path}.")
        }
        after = waits_for(node.children, {path: item.dependencies for path, item in below.items()})
        return tuple(_outline(below[path], after[path]) for path in node.children)

    async def _proposal(self, election: ElectionRef, candidate: Digest) -> tuple[Proposal, TaskSpecification]:
        text = await self._projects.candidate(election.project, election.path, candidate)
        node = await self._projects.node(election.project, election.path)
        parent = await self._projects.specification(node.specification)
        found = await self._plans.read(json.loads(text), node, parent)
        if isinstance(found, RedFlag):
            raise SpecificationInvalid([Fault(where=election.path, what=found.detail)])
        return found, parent


def _standing_alone(proposal: Proposal, parent: TaskSpecification, policy: Policy) -> SpecificationDocument:
    """Return a proposal's children as a document by themselves, without what they depend on."""
    tasks = [inherit(child, parent, policy).model_copy(update={"dependencies": ()}) for child in proposal.children]
    return SpecificationDocument(tasks=tuple(tasks), records=parent.records, errors=parent.errors)


def _outline(child: NodeRecord, after: tuple[NodePath, ...]) -> ChildOutline:
    if child.status not in DELIVERED:
        return ChildOutline(path=child.path, after=after)
    return ChildOutline(path=child.path, after=after, standing=child.status, artifact=child.artifact)


def _kind(node: NodeRecord, task: TaskSpecification) -> NodeKind:
    if node.children:
        return NodeKind.COMPOSED if task.has_interface else NodeKind.GROUP
    return NodeKind.UNDECIDED if task.task_type is TaskType.DECOMPOSITION else NodeKind.ATOMIC
