"""Keeps a project's status in step with its nodes: whether it goes on, or waits for a person and nothing else.

It is no activity of its own: every activity that changes a node's status calls it afterwards.
"""

from millwright.core.progress import awaited, is_stalled
from millwright.ports import ProjectStore
from schemas.identity import ProjectId, TaskStatus


async def record_standing(projects: ProjectStore, project: ProjectId) -> None:
    """Record whether a project waits; one that has ended stays as it is."""
    nodes = await projects.nodes(project)
    stalled = is_stalled(nodes)
    status = TaskStatus.WAITING if stalled else TaskStatus.RUNNING
    await projects.mark_project(project, status, awaited(nodes) if stalled else "")
