"""Finds what a person names: a project as it stands (``shop``), or an earlier revision of it (``shop@2``).

It reads over the port alone, and compares nothing.
"""

from millwright.core.project_input import checked_project_id
from millwright.errors import BadInput, NotFound
from millwright.ports import ProjectStore
from schemas.difference import Planned
from schemas.identity import NodePath
from schemas.reuse import Revision

MARK = "@"


async def revision_named(projects: ProjectStore, name: str) -> Revision:
    """Read a project by its id, or by its id and the number of a revision.

    Raises:
        BadInput: ``name`` is neither.
        NotFound: there is no such project, or no such revision of it.
    """
    base, mark, number = name.partition(MARK)
    project = checked_project_id(base)
    if mark and not (number.isascii() and number.isdigit()):
        raise BadInput(f"{name!r} names no revision: write it as {base}{MARK}1")
    record = await projects.project(project)
    if not mark or int(number) == record.revision:
        return Revision(project=record, nodes=await projects.nodes(project))
    for earlier in await projects.revisions(project):
        if earlier.project.revision == int(number):
            return earlier
    raise NotFound(f"{project} has no revision {number}: its newest is {record.revision}")


async def tree_of(projects: ProjectStore, name: str) -> dict[NodePath, Planned]:
    """Read the tree of a project or revision. Raises as ``revision_named`` does, and NotFound before it is planned."""
    found = await revision_named(projects, name)
    if not found.nodes:
        raise NotFound(f"{name} was not planned: there is nothing to compare with")
    return {
        node.path: Planned(
            path=node.path,
            task=await projects.specification(node.specification),
            dependencies=node.dependencies,
            children=node.children,
            status=node.status,
        )
        for node in found.nodes
    }
