"""Reads a decomposer's answer in its place: where the node stands, what it may use, how large it is and may become.

It decides nothing: the rules are in ``millwright.core.decomposition``.
"""

from pydantic import JsonValue

from activities.tracing import constraints_of
from millwright.core.decomposition import Size, read_proposal
from millwright.core.room import Fork, room_below
from millwright.ports import ProjectStore
from schemas.election import RedFlag
from schemas.evidence import NodeRecord
from schemas.identity import NodePath, TaskId, parent_path
from schemas.planning import Proposal
from schemas.project import Policy
from schemas.specification import TaskSpecification, TaskType


class Plans:
    """Reads proposals for the nodes of a store."""

    def __init__(self, projects: ProjectStore) -> None:
        self._projects = projects

    async def read(self, answer: JsonValue, node: NodeRecord, task: TaskSpecification) -> Proposal | RedFlag:
        """Read a proposal for a node, whose specification is ``task``."""
        project = await self._projects.project(node.project)
        policy = Policy.model_validate(project.options.get("policy", {}))
        return read_proposal(
            answer,
            task,
            await available_to(self._projects, node),
            node.path.count("."),
            policy,
            size=_size(node, task),
            room=room_below(policy.max_nodes, await self._way(node)),
            constraints=constraints_of(project),
        )

    async def policy(self, node: NodeRecord) -> Policy:
        """Return the policy of a node's project."""
        project = await self._projects.project(node.project)
        return Policy.model_validate(project.options.get("policy", {}))

    async def _way(self, node: NodeRecord) -> list[Fork]:
        """Return the splits above a node, from the root down."""
        known = {item.path: item for item in await self._projects.nodes(node.project)}
        way: list[Fork] = []
        path: NodePath | None = node.path
        while path is not None and (above := parent_path(path)) is not None:
            siblings = known[above].children if above in known else ()
            if path in siblings:
                weights = tuple(max(1, known[item].estimated_lines) if item in known else 1 for item in siblings)
                way.append(Fork(weights, siblings.index(path)))
            path = above
        return way[::-1]


def _size(node: NodeRecord, task: TaskSpecification) -> Size | None:
    """Return a node's own size: by estimate, else by the limits of a task that is to be written in one piece."""
    if node.estimated_lines and node.estimated_complexity:
        return Size(node.estimated_lines, node.estimated_complexity)
    if task.task_type is TaskType.DECOMPOSITION:
        return None
    return Size(task.max_lines, task.max_complexity)


async def available_to(projects: ProjectStore, node: NodeRecord) -> tuple[TaskId, ...]:
    """List the ids of the nodes that a node itself depends on: its children may depend on them as well.

    Children that an earlier attempt already gave it are left out: the proposal brings them itself.
    """
    outside = [path for path in node.dependencies if path not in node.children]
    return tuple([(await projects.node(node.project, path)).task for path in outside])
