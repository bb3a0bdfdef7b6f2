"""Reads what `diff` compares from the store: the tree of a project, as it stands or as an earlier revision left it.

It compares nothing, and reads no files.
"""

from collections.abc import Sequence

from millwright.core.project_input import checked_project_id
from millwright.errors import BadInput, NotFound
from millwright.ports import ProjectStore
from schemas.difference import Planned
from schemas.evidence import NodeRecord
from schemas.identity import NodePath, ProjectId

REVISION_MARK = "@"


async def tree_of(projects: ProjectStore, name: str) -> dict[NodePath, Planned]:
    """Read the tree of ``shop``, or of ``shop@2``: the second revision of its input.

    Raises:
        BadInput: ``name`` is neither.
        NotFound: there is no such project or revision, or it was not planned.
    """
    base, mark, number = name.partition(REVISION_MARK)
    project = checked_project_id(base)
    if mark and not (number.isascii() and number.isdigit()):
        raise BadInput(f"{name!r} names no revision: write it as {base}{REVISION_MARK}1")
    nodes = await _nodes(projects, project, int(number) if mark else None)
    if not nodes:
        raise NotFound(f"{name} was not planned: there is nothing to compare with")
    return {
        node.path: Planned(
            path=node.path,
            task=await projects.specification(node.specification),
            dependencies=node.dependencies,
            children=node.children,
            status=node.status,
        )
        for node in nodes
    }


async def _nodes(projects: ProjectStore, project: ProjectId, revision: int | None) -> Sequence[NodeRecord]:
    record = await projects.project(project)
    if revision in (None, record.revision):
        return await projects.nodes(project)
    for earlier in await projects.revisions(project):
        if earlier.project.revision == revision:
            return earlier.nodes
    raise NotFound(f"{project} has no revision {revision}: its newest is {record.revision}")
