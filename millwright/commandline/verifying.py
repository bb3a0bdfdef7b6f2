"""The command `verify`: the ladder alone, over files or JSON lines, without Temporal or Postgres."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millwright.commandline.composition import Composition
from millwright.commandline.options import JsonOption
from millwright.commandline.output import console, emit, note, table

if TYPE_CHECKING:
    from millwright.commandline.checking import Candidate, Verified
    from schemas.identity import TaskId
    from schemas.specification import TaskSpecification

_PROGRESS_EVERY = 50


def verify(
    context: typer.Context,
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="Task specifications, YAML or JSON.")],
    candidates: Annotated[
        list[Path] | None,
        typer.Argument(metavar="CANDIDATE...", help="Source files, named by task id.", show_default=False),
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task", metavar="ID", help="The task of all the files.", show_default=False)
    ] = None,
    jsonl: Annotated[
        str | None,
        typer.Option("--jsonl", metavar="FILE|-", help="Candidates, JSON lines: id, task, source.", show_default=False),
    ] = None,
    all_layers: Annotated[bool, typer.Option("--all-layers", help="Go on after a rejection.")] = False,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Look further at what passes, as at the winner of an election.")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, max=256, help="Programs run at once; else one a core.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Verify candidates by the ladder alone.

    No stack is started. A file belongs to the task whose id is its stem, or to --task, or to the only task of SPEC.
    With --jsonl, each line {"id", "task", "source"} is answered by one JSON line as it is decided.

    Example: millwright verify tasks.yaml parse_money.py

    Exit codes: 0 all passed, 1 some rejected, 2 bad input, 5 some could not be verified.
    """
    import os

    composition: Composition = context.obj
    subjects = _subjects(composition, spec, candidates or [], task, jsonl)
    answers = asyncio.run(
        _verify(
            composition,
            subjects,
            jobs or os.cpu_count() or 1,
            all_layers=all_layers,
            confirm=confirm,
            stream=jsonl is not None,
        )
    )
    code = _code(answers)
    if as_json and jsonl is None:
        emit({"candidates": [answer.model_dump(mode="json") for answer in answers], "exit_code": code})
    elif jsonl is None:
        _show(answers)
    raise typer.Exit(code)


async def _verify(
    composition: Composition,
    candidates: "list[Candidate]",
    jobs: int,
    *,
    all_layers: bool,
    confirm: bool,
    stream: bool,
) -> "list[Verified]":
    from millwright.commandline.checking import Checking

    answers = []
    async with composition.ladder(jobs) as tools:
        checking = Checking(tools, all_layers=all_layers, confirm=confirm)
        async for answer in checking.verify(candidates):
            if stream:
                emit(answer.model_dump(mode="json"))
                answer = answer.model_copy(update={"layers": ()})
            answers.append(answer)
            if len(answers) % _PROGRESS_EVERY == 0:
                note(f"{len(answers)} of {len(candidates)} verified")
    order = {candidate.id: place for place, candidate in enumerate(candidates)}
    return sorted(answers, key=lambda answer: order[answer.id])


def _code(answers: "list[Verified]") -> int:
    if any(answer.error is not None for answer in answers):
        return 5
    return 0 if all(answer.passed for answer in answers) else 1


def _subjects(
    composition: Composition, spec: Path, files: list[Path], task: str | None, jsonl: str | None
) -> "list[Candidate]":
    from millwright.commandline.requests import read_bytes, read_tasks
    from millwright.errors import BadInput

    tasks = {found.id: found for found in read_tasks(composition, read_bytes(str(spec)), str(spec))}
    if bool(files) == (jsonl is not None):
        raise BadInput("give candidates as files, or as JSON lines with --jsonl FILE|-, and not both")
    if jsonl is not None:
        return _from_lines(tasks, read_bytes(jsonl), jsonl)
    return [_from_file(tasks, file, task) for file in files]


def _from_file(tasks: "dict[TaskId, TaskSpecification]", file: Path, task: str | None) -> "Candidate":
    from millwright.commandline.checking import Candidate
    from millwright.commandline.requests import read_bytes
    from millwright.errors import BadInput

    name = task or (file.stem if len(tasks) > 1 else next(iter(tasks), ""))
    try:
        source = read_bytes(str(file)).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{str(file)!r} is not UTF-8 text: give a source file") from error
    return Candidate(id=str(file), task=_named(tasks, name, str(file)), source=source)


def _from_lines(tasks: "dict[TaskId, TaskSpecification]", content: bytes, origin: str) -> "list[Candidate]":
    from millwright.commandline.checking import Candidate
    from millwright.errors import BadInput

    found = []
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise BadInput(f"{origin}, line {number}: not JSON ({error}); give one object a line") from error
        names = ("id", "task", "source")
        if not isinstance(fields, dict) or not all(isinstance(fields.get(name), str) for name in names):
            raise BadInput(f'{origin}, line {number}: give an object with the texts "id", "task" and "source"')
        place = f"{origin}, line {number}"
        found.append(Candidate(fields["id"], _named(tasks, fields["task"], place), fields["source"]))
    if not found:
        raise BadInput(f"{origin} holds no candidates: give one JSON object a line")
    return found


def _named(tasks: "dict[TaskId, TaskSpecification]", name: str, place: str) -> "TaskSpecification":
    from millwright.errors import BadInput
    from schemas.identity import TaskId

    task = tasks.get(TaskId(name))
    if task is None:
        known = ", ".join(list(tasks)[:5]) + (", …" if len(tasks) > 5 else "")
        raise BadInput(f"{place}: no task {name[:80]!r} in the specification (it has {known}); choose one with --task")
    return task


def _show(answers: "list[Verified]") -> None:
    shown = table("candidate", "task", "verdict", "layer", "why")
    for answer in answers:
        verdict = "could not verify" if answer.error else ("passed" if answer.passed else "rejected")
        shown.add_row(answer.id, answer.task, verdict, answer.rejected_by or "", answer.error or _why(answer))
    console().print(shown, markup=False)


def _why(answer: "Verified") -> str:
    for line in answer.layers:
        if line.layer is answer.rejected_by and line.findings:
            first = line.findings[0]
            where = f"line {first.line}: " if first.line else ""
            return f"{where}{first.message} [{first.code}]"
    return ""
