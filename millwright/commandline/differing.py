"""The command that says what would be rebuilt: `diff`.

It builds nothing; files are compared without any service, projects over the store alone.
"""

import asyncio
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millwright.commandline.composition import Composition
from millwright.commandline.options import JsonOption
from millwright.commandline.output import console, emit, note, say, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from millwright.ports import ProjectStore
    from schemas.difference import NodeDifference, Planned
    from schemas.identity import NodePath

_PROSE = frozenset({".md", ".markdown", ".txt", ".rst"})


def diff(
    context: typer.Context,
    before: Annotated[str, typer.Argument(metavar="A", help="A project, PROJECT@REVISION, or a specification file.")],
    after: Annotated[str, typer.Argument(metavar="B", help="The same; what is to be built.")],
    as_json: JsonOption = False,
) -> None:
    """Show what a build of B would rebuild where A was built, and why.

    A part that asks for the same and sees the same interfaces is used again; it is verified again where code that it
    calls is built anew. Prose is comparable once it was specified, so B is a project or a file of task specifications.

    Example: millwright diff order-pricing tasks.yaml

    Exit codes: 0 all would be used again, 1 something would be built, verified again or left out, 2 bad input or no
    such project, 5 the database is not reachable.
    """
    composition: Composition = context.obj
    files = {name: _read(composition, name) for name in (before, after) if Path(name).is_file()}
    found = asyncio.run(_compared(composition, before, after, files))
    if as_json:
        emit(
            {
                "before": before,
                "after": after,
                "counts": Counter(item.change.value for item in found),
                "nodes": [item.model_dump(mode="json") for item in found],
            }
        )
    else:
        _show(found)
    raise typer.Exit(1 if _differs(found) else 0)


async def _compared(
    composition: Composition, before: str, after: str, files: "Mapping[str, Mapping[NodePath, Planned]]"
) -> "Sequence[NodeDifference]":
    from millwright.core.difference import difference
    from millwright.revisions import tree_of

    if {before, after} <= files.keys():
        return difference(files[before], files[after])

    async def read(projects: "ProjectStore", name: str) -> "Mapping[NodePath, Planned]":
        return files[name] if name in files else await tree_of(projects, name)

    async with composition.stores(note) as stores:
        return difference(await read(stores.projects, before), await read(stores.projects, after))


def _read(composition: Composition, file: str) -> "dict[NodePath, Planned]":
    from millwright.commandline.requests import read_bytes, read_tasks
    from millwright.core.difference import planned
    from millwright.errors import BadInput

    if Path(file).suffix.lower() in _PROSE:
        raise BadInput(
            f"{file!r} is prose, and what it changes is known once it was specified: build it under its project's id, "
            "where only what changed is built, or give a file of task specifications"
        )
    return planned(read_tasks(composition, read_bytes(file), file), Path(file).stem)


def _show(found: "Sequence[NodeDifference]") -> None:
    from schemas.difference import Change

    shown = table("part", "becomes", "why")
    for item in found:
        if item.change is not Change.SAME:
            shown.add_row(item.path, item.change.value.replace("_", " "), ", ".join(item.why))
    if _differs(found):
        console().print(shown, markup=False)
    counted = Counter(item.change for item in found)
    built = counted[Change.CHANGED] + counted[Change.NEW] + counted[Change.NOT_ACCEPTED]
    say(
        f"{built} of {len(found) - counted[Change.GONE]} parts to be built, {counted[Change.VERIFIED_AGAIN]} verified "
        f"again, {counted[Change.SAME]} used again as they are, {counted[Change.GONE]} left out"
    )


def _differs(found: "Sequence[NodeDifference]") -> bool:
    from schemas.difference import Change

    return any(item.change is not Change.SAME for item in found)
