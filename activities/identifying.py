"""Finds out which node a node is: its identity, from the specifications of what it sees.

It is no activity of its own, and looks for nothing under the identity.
"""

from millwright.core.node_identity import identity
from millwright.ports import ProjectStore
from schemas.evidence import NodeRecord
from schemas.identity import Digest, NodePath
from schemas.specification import TaskSpecification


async def identity_of(projects: ProjectStore, node: NodeRecord, *, parts: bool = True) -> Digest:
    """Compute a node's identity; without its ``parts`` it is that of the task which a plan is made for."""
    task = await projects.specification(node.specification)
    outside = [path for path in node.dependencies if path not in node.children]
    seen = [await _task(projects, node, path) for path in outside]
    return identity(task, seen, [await _task(projects, node, path) for path in node.children] if parts else ())


async def _task(projects: ProjectStore, node: NodeRecord, path: NodePath) -> TaskSpecification:
    return await projects.specification((await projects.node(node.project, path)).specification)
