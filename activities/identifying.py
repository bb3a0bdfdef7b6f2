"""Finds out which node a node is: its identity, from the specifications of what it sees.

It is no activity of its own, and looks for nothing under the identity.
"""

from millwright.core.node_identity import identity, plan_identity
from millwright.ports import ProjectStore
from schemas.evidence import NodeRecord
from schemas.identity import Digest, NodePath
from schemas.specification import TaskSpecification


async def identity_of(projects: ProjectStore, node: NodeRecord) -> Digest:
    """Compute a node's identity."""
    task = await projects.specification(node.specification)
    children = [await _task(projects, node, path) for path in node.children]
    return identity(task, await _seen(projects, node), children)


async def plan_identity_of(projects: ProjectStore, node: NodeRecord) -> Digest:
    """Compute the identity of what a node's plan is made for, whether or not it has one."""
    return plan_identity(await projects.specification(node.specification), await _seen(projects, node))


async def _seen(projects: ProjectStore, node: NodeRecord) -> list[TaskSpecification]:
    return [await _task(projects, node, path) for path in node.dependencies if path not in node.children]


async def _task(projects: ProjectStore, node: NodeRecord, path: NodePath) -> TaskSpecification:
    return await projects.specification((await projects.node(node.project, path)).specification)
