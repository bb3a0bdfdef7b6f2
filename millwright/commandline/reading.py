"""The commands that only read: `status`, `list`, `tree`, `results`, `report`, `fetch`.

They need no Temporal, and no stack: with nothing running they start the home's Postgres alone, and stop it.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from millwright.commandline.composition import Composition
from millwright.commandline.options import ForceOption, JsonOption, ProjectArgument, RevisionArgument
from millwright.commandline.output import console, emit, moment, note, say, table

if TYPE_CHECKING:
    from millwright.records import ProjectView, Records, TaskLine

_T = TypeVar("_T")
_NEWEST = Annotated[
    str | None, typer.Argument(metavar="[PROJECT]", help="The project's id; else the newest.", show_default=False)
]


def _read(context: typer.Context, reading: "Callable[[Records], Awaitable[_T]]") -> _T:
    async def over_stores() -> _T:
        from millwright.records import Records

        composition: Composition = context.obj
        async with composition.stores(note) as stores:
            return await reading(Records(stores.projects, stores.artifacts))

    return asyncio.run(over_stores())


def status(context: typer.Context, project: _NEWEST = None, as_json: JsonOption = False) -> None:
    """Show where a project stands.

    Its counts, spend, and open questions with the command that shows each.

    Example: millwright status order-pricing

    Exit codes: 0 shown, 2 no such project, 5 the database is not reachable.
    """
    view = _read(context, lambda records: _view(records, project))
    record = view.project
    if as_json:
        emit(
            {
                "project": record.id,
                "status": record.status.value,
                "exit_code": record.exit_code,
                "counts": view.counts.model_dump(),
                "spend": view.spend.model_dump(),
                "message": record.message,
                "questions": [{"address": item.address, **item.model_dump(mode="json")} for item in view.questions],
                "requirements": view.requirements.model_dump(mode="json") if view.requirements else None,
            }
        )
        return
    from millwright.commandline.asking import listed
    from millwright.commandline.display import headline
    from millwright.commandline.following import shown_requirements

    say(headline(view))
    for label, value in (
        ("shown", shown_requirements(view.requirements) if view.requirements else ""),
        ("started", moment(record.started_at) if record.started_at else ""),
        ("ended", moment(record.finished_at) if record.finished_at else ""),
        ("revision", str(record.revision) if record.revision > 1 else ""),
        ("workflow", record.workflow_id),
        ("note", record.message),
    ):
        if value:
            say(f"  {label:<9}{value}")
    for line in listed(view.questions):
        say(f"  asks     {line}")


async def _view(records: "Records", project: str | None) -> "ProjectView":
    from millwright.core.project_input import checked_project_id
    from millwright.errors import NotFound

    if project is not None:
        return await records.view(checked_project_id(project))
    newest = await records.projects()
    if not newest:
        raise NotFound("nothing was built here yet: `millwright demo` builds the bundled example")
    return await records.view(newest[0].id)


def list_(context: typer.Context, as_json: JsonOption = False) -> None:
    """List all projects, newest first.

    Example: millwright list

    Exit codes: 0 listed, 5 the database is not reachable.
    """
    found = _read(context, lambda records: records.projects())
    if as_json:
        fields = {"id", "status", "exit_code", "target_language", "started_at", "finished_at", "message"}
        emit({"projects": [record.model_dump(mode="json", include=fields) for record in found]})
        return
    if not found:
        say("nothing was built here yet: `millwright demo` builds the bundled example")
        return
    shown = table("project", "status", "started", "message")
    for record in found:
        started = moment(record.started_at) if record.started_at else ""
        shown.add_row(record.id, record.status.value, started, record.message)
    console().print(shown, markup=False)


def tree(context: typer.Context, project: ProjectArgument, as_json: JsonOption = False) -> None:
    """Show a project's decomposition and its votes.

    Example: millwright tree order-pricing

    Exit codes: 0 shown, 2 no such project, 5 the database is not reachable.
    """
    view = _read(context, lambda records: _view(records, project))
    if as_json:
        emit({"project": view.project.id, "tree": view.tree.model_dump(mode="json") if view.tree else None})
    elif view.tree is None:
        say(f"{view.project.id} is not planned yet")
    else:
        from millwright.commandline.display import render_tree

        console().print(render_tree(view.tree))


def results(
    context: typer.Context,
    project: ProjectArgument,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Print a JSON object a line, with the sources.")] = False,
) -> None:
    """Show how each task was won.

    Votes, margin, samples, and what rejected the others. Tasks that are still undecided are left out, and counted
    on stderr.

    Example: millwright results order-pricing --jsonl

    Exit codes: 0 shown, 2 no such project, 5 the database is not reachable.
    """
    lines, undecided = _read(context, lambda records: _results(records, project))
    if undecided:
        note(f"{undecided} more are not decided yet")
    if jsonl:
        for line in lines:
            emit(line.model_dump(mode="json"))
        return
    shown = table(
        "task",
        "status",
        "votes",
        "margin",
        "samples",
        "flagged",
        "rejected by",
        "digest",
        right=("votes", "margin", "samples", "flagged"),
    )
    for line in lines:
        rejected = ", ".join(f"{layer.value} {number}" for layer, number in line.rejected_by_layer.items())
        figures = (str(number) for number in (line.votes, line.margin, line.samples, line.red_flags))
        shown.add_row(line.node, line.status.value, *figures, rejected, (line.digest or "")[:12])
    console().print(shown, markup=False)


async def _results(records: "Records", project: str) -> "tuple[tuple[TaskLine, ...], int]":
    from millwright.core.project_input import checked_project_id

    view = await records.view(checked_project_id(project))
    lines = await records.task_results(view.project.id)
    return lines, 0 if view.project.exit_code is not None else view.undecided


def report(context: typer.Context, project: RevisionArgument) -> None:
    """Print a project's report, in Markdown.

    Example: millwright report order-pricing > report.md

    Exit codes: 0 printed, 2 no such project or no report yet, 5 the database is not reachable.
    """
    say(_read(context, lambda records: records.report(project)).rstrip("\n"))


def fetch(
    context: typer.Context,
    project: RevisionArgument,
    into: Annotated[Path, typer.Option("--into", metavar="DIR", help="Where to write; made when missing.")],
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write a deliverable into a directory.

    The report lies beside it, and every file is checked against its digest. Files that Millwright did not write, or
    that were changed since, are never overwritten unless forced, and never removed.

    Example: millwright fetch order-pricing --into result

    Exit codes: 0 written, 1 stored bytes do not match their digest, 2 no such project, nothing delivered yet, or
    files in the way, 5 the database is not reachable.
    """
    from millwright.delivery import deliver

    found = _read(context, lambda records: records.deliverable(project))
    written = deliver(found, into, force=force)
    for path in written.left:
        note(f"left {path}: it is no longer part of the deliverable, but was changed since it was written")
    if as_json:
        emit(json.loads(written.model_dump_json()))
    else:
        say(f"{len(written.files)} files of {written.project} are in {into}, every digest checked")
