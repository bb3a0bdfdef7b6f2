"""Reads what was accepted before the requirements changed, as the starting point of those who specify and decompose.

It decides nothing: what is kept is decided by votes and identities, whatever was shown.
"""

import json

from millwright.core.node_identity import identity
from millwright.ports import ProjectStore
from schemas.evidence import NodeRecord, ProjectRecord
from schemas.identity import ROOT_PATH, NodePath, ProjectId
from schemas.project import Policy


class Accepted:
    """Reads the newest earlier tree of a project, or that of the project which it is based on."""

    def __init__(self, projects: ProjectStore) -> None:
        self._projects = projects

    async def root(self, project: ProjectRecord) -> str:
        """Return the specification of the whole that was accepted, as JSON; empty where there is none."""
        _, nodes = await self._earlier(project)
        if ROOT_PATH not in nodes:
            return ""
        task = await self._projects.specification(nodes[ROOT_PATH].specification)
        if not task.has_interface:
            return ""
        return json.dumps({"specification": task.model_dump(mode="json", exclude_defaults=True)}, ensure_ascii=False)

    async def plan(self, project: ProjectRecord, path: NodePath) -> str:
        """Return the proposal that was accepted for a node, as JSON; empty where there is none."""
        source, nodes = await self._earlier(project)
        node = nodes.get(path)
        if node is None:
            return ""
        outside = [nodes[other] for other in node.dependencies if other in nodes and other not in node.children]
        seen = [await self._projects.specification(other.specification) for other in outside]
        task = await self._projects.specification(node.specification)
        plan = await self._projects.accepted_plan(source, identity(task, seen))
        return plan.text if plan is not None else ""

    async def _earlier(self, project: ProjectRecord) -> tuple[ProjectId, dict[NodePath, NodeRecord]]:
        if not Policy.model_validate(project.options.get("policy", {})).reuse:
            return project.id, {}
        for revision in reversed(await self._projects.revisions(project.id)):
            if revision.nodes:
                return project.id, {node.path: node for node in revision.nodes}
        base = project.options.get("based_on")
        if not isinstance(base, str):
            return project.id, {}
        return ProjectId(base), {node.path: node for node in await self._projects.nodes(ProjectId(base))}
