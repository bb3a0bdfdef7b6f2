"""What gates need: their questions, what they show, and what is to be done again where a person rejects with a note.

Decisions are kept by ``records``. It decides nothing, holds no election and makes no plan; a retry changes nothing
more.
"""

import json

from temporalio import activity

from activities.accepting import refute_part
from activities.boundary import translated
from activities.integration import read_manifest
from activities.planning import Planning
from activities.standing import record_standing
from millwright.core.gate_words import delivery_shown, plan_shown
from millwright.core.guiding import guided, is_guided, meant
from millwright.core.progress import counts
from millwright.core.reopening import standing_on
from millwright.ports import ArtifactStore, ProjectStore
from schemas.attribution import GuideRequest, Reopened, RespecifyRequest
from schemas.evidence import NodeRecord
from schemas.identity import ROOT_PATH, Digest, NodePath, ProjectId, TaskStatus
from schemas.people import Question
from schemas.project import Policy
from schemas.requests import FinishRequest, NodeRef
from schemas.specification import TaskSpecification

_AGAIN = "to be verified again: a person had something that it depends on done again"


class Consenting:
    """Activities around gates."""

    def __init__(self, projects: ProjectStore, artifacts: ArtifactStore, planning: Planning | None = None) -> None:
        self._projects = projects
        self._artifacts = artifacts
        self._planning = planning or Planning(projects)

    @activity.defn
    @translated
    async def open_gate(self, question: Question) -> None:
        """Put a gate's question, or note to whom it was handed on."""
        await self._projects.save_question(question)

    @activity.defn
    @translated
    async def close_gate(self, question: Question) -> None:
        """Note that a gate waits no more."""
        await self._projects.save_question(question.model_copy(update={"open": False}))

    @activity.defn
    @translated
    async def show_plan(self, ref: NodeRef) -> str:
        """Write what is shown of a plan: the tree as far as it is known, with a forecast of it."""
        project = await self._projects.project(ref.project)
        nodes, tasks = await self._tree(ref.project)
        policy = Policy.model_validate(project.options.get("policy", {}))
        return plan_shown(nodes, tasks, await self._planning.of_tree(project), k=policy.rule.k)

    @activity.defn
    @translated
    async def show_delivery(self, request: FinishRequest) -> str:
        """Write what is shown of an outcome before it is delivered."""
        nodes, tasks = await self._tree(request.project)
        manifest = request.integration.manifest
        files = (await read_manifest(self._artifacts, manifest)).files if manifest else ()
        counted = counts(nodes, {node.path: _has_code(node, tasks) for node in nodes})
        return delivery_shown(nodes, counted, request.integration, files, message=request.message)

    @activity.defn
    @translated
    async def note_respecified(self, request: RespecifyRequest) -> Digest:
        """Record that the whole is specified anew, and why; returns what specifiers are told of it."""
        node = await self._projects.node(request.project, ROOT_PATH)
        task = await self._projects.specification(node.specification)
        rework = node.rework.model_copy(update={"respecified": request.notes})
        await self._projects.save_nodes([node.model_copy(update={"rework": rework, "note": "it is specified anew"})])
        outline = task.model_dump(mode="json", exclude={"requirements", "task_type"}, exclude_defaults=True)
        told = json.dumps({"notes": request.notes, "specification": outline}, ensure_ascii=True)
        return await self._artifacts.put(told.encode(), "application/json")

    @activity.defn
    @translated
    async def reopen_rejected(self, request: GuideRequest) -> Reopened:
        """Open the parts that a person's note is about for another election, and what stands on them for a check."""
        nodes, tasks = await self._tree(request.project)
        by_path = {node.path: node for node in nodes}
        targets = meant(request.note, nodes, [node.path for node in nodes if _has_code(node, tasks)])
        changed = []
        for path in standing_on(targets, nodes, ROOT_PATH):
            node = by_path[path]
            if path in targets and not is_guided(node, request.note):
                await refute_part(self._projects, node)
                changed.append(guided(node, request.note))
            elif path not in targets and node.status is not TaskStatus.PENDING:
                changed.append(node.model_copy(update={"status": TaskStatus.PENDING, "note": _AGAIN}))
        await self._projects.save_nodes(changed)
        await record_standing(self._projects, request.project)
        return Reopened(paths=targets)

    async def _tree(self, project: ProjectId) -> tuple[tuple[NodeRecord, ...], dict[NodePath, TaskSpecification]]:
        nodes = await self._projects.nodes(project)
        return nodes, {node.path: await self._projects.specification(node.specification) for node in nodes}


def _has_code(node: NodeRecord, tasks: dict[NodePath, TaskSpecification]) -> bool:
    return tasks[node.path].has_interface or not node.children
