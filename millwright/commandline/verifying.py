"""The command `verify`: the ladder alone, over files or JSON lines, without Temporal or Postgres."""

import asyncio
import os
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from millwright.commandline.composition import Composition
from millwright.commandline.options import JsonOption
from millwright.commandline.output import console, emit, note, table

if TYPE_CHECKING:
    from millwright.commandline.candidates import Candidate
    from millwright.commandline.checking import Verified
    from schemas.identity import TaskId
    from schemas.specification import TaskSpecification

_PROGRESS_EVERY = 50
_PASSED, _REJECTED, _FAILED = "passed", "rejected", "could not verify"
_T = TypeVar("_T")


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
    from millwright.commandline.candidates import from_file
    from millwright.errors import BadInput

    composition: Composition = context.obj
    tasks = _tasks(composition, spec)
    if bool(candidates) == (jsonl is not None):
        raise BadInput("give candidates as files, or as JSON lines with --jsonl FILE|-, and not both")
    files = [from_file(tasks, file, task) for file in candidates or []]
    asked = _Asked(jobs or os.cpu_count() or 1, all_layers=all_layers, confirm=confirm)
    if jsonl is not None:
        raise typer.Exit(asyncio.run(_interruptible(_stream(composition, tasks, jsonl, asked))))
    answers = asyncio.run(_interruptible(_verify(composition, files, asked)))
    code = _code(Counter(map(_outcome, answers)))
    if as_json:
        emit({"candidates": [answer.model_dump(mode="json") for answer in answers], "exit_code": code})
    else:
        _show(answers)
    raise typer.Exit(code)


@dataclass(frozen=True)
class _Asked:
    """How candidates are to be verified."""

    jobs: int
    all_layers: bool
    confirm: bool


async def _interruptible(work: Coroutine[Any, Any, _T]) -> _T:
    """Do the work; SIGTERM ends it as Ctrl-C does, so that nothing is left behind."""
    import signal

    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


async def _verify(composition: Composition, files: "list[Candidate]", asked: _Asked) -> "list[Verified]":
    from millwright.commandline.checking import Checking

    answers: list[Verified] = []
    async with composition.ladder(asked.jobs) as tools:
        checking = Checking(tools, all_layers=asked.all_layers, confirm=asked.confirm)
        async for answer in checking.verify(files):
            answers.append(answer)
            if len(answers) % _PROGRESS_EVERY == 0:
                note(f"{len(answers)} of {len(files)} verified")
    order = {candidate.id: place for place, candidate in enumerate(files)}
    return sorted(answers, key=lambda answer: order[answer.id])


async def _stream(
    composition: Composition, tasks: "dict[TaskId, TaskSpecification]", origin: str, asked: _Asked
) -> int:
    """Answer each JSON line as its candidate is decided; keeps no more than counts."""
    from millwright.commandline.candidates import Streamed, from_lines
    from millwright.commandline.checking import Checking

    outcomes: Counter[str] = Counter()
    async with composition.ladder(asked.jobs) as tools:
        checking = Checking(tools, all_layers=asked.all_layers, confirm=asked.confirm)
        async for answer in checking.verify(Streamed(from_lines(tasks, origin))):
            emit(answer.model_dump(mode="json"))
            outcomes[_outcome(answer)] += 1
            if outcomes.total() % _PROGRESS_EVERY == 0:
                note(f"{outcomes.total()} verified")
    return _code(outcomes)


def _outcome(answer: "Verified") -> str:
    if answer.error is not None:
        return _FAILED
    return _PASSED if answer.passed else _REJECTED


def _code(outcomes: "Counter[str]") -> int:
    if outcomes[_FAILED]:
        return 5
    return 1 if outcomes[_REJECTED] else 0


def _tasks(composition: Composition, spec: Path) -> "dict[TaskId, TaskSpecification]":
    from millwright.commandline.requests import read_bytes, read_tasks

    return {found.id: found for found in read_tasks(composition, read_bytes(str(spec)), str(spec))}


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
