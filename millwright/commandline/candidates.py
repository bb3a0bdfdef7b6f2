"""Where candidates come from: source files, or JSON lines read as they arrive.

It verifies nothing. A line is read only once there is room for its candidate, so that a stream of any length fits.
"""

import asyncio
import json
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from millwright.commandline.requests import STDIN, read_bytes
from millwright.errors import BadInput
from schemas.identity import TaskId
from schemas.specification import TaskSpecification

LONGEST_LINE = 16 * 1024 * 1024
"""Bytes of one JSON line: more is no candidate."""

_AHEAD = 128
_BOM = "\ufeff"


@dataclass(frozen=True)
class Candidate:
    """A source to verify against one task."""

    id: str
    task: TaskSpecification
    source: str


class Feed(Protocol):
    """Gives candidates as they are asked for."""

    async def take(self, most: int) -> Sequence[Candidate]:
        """Wait for candidates and return those that are there, at most so many; none at the end. Raises BadInput."""
        ...


class Listed:
    """A feed of candidates that are all there."""

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self._rest = iter(candidates)

    async def take(self, most: int) -> Sequence[Candidate]:
        """Return the next ones."""
        return [candidate for _, candidate in zip(range(most), self._rest, strict=False)]


class Streamed:
    """A feed of what an iterator gives, which may block: it is read in a thread of its own, a little ahead."""

    def __init__(self, candidates: Iterator[Candidate]) -> None:
        self._candidates = candidates
        self._arrived: asyncio.Queue[Candidate | BaseException | None] = asyncio.Queue()
        self._room = threading.Semaphore(_AHEAD)
        self._loop = asyncio.get_running_loop()
        self._fault: BaseException | None = None
        self._ended = False
        # A daemon: one that waits for a terminal must not keep an interrupted process from ending.
        threading.Thread(target=self._read, name="candidates", daemon=True).start()

    def _read(self) -> None:
        end: BaseException | None = None
        try:
            for candidate in self._candidates:
                self._room.acquire()
                self._put(candidate)
        except BaseException as error:  # noqa: BLE001 - handed over to whoever takes
            end = error
        self._put(end)

    def _put(self, item: Candidate | BaseException | None) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody takes any more
            self._loop.call_soon_threadsafe(self._arrived.put_nowait, item)

    async def take(self, most: int) -> Sequence[Candidate]:
        """Return what has arrived; a line that is no candidate is told once all before it are taken."""
        taken: list[Candidate] = []
        while not self._ended and len(taken) < most and (not taken or not self._arrived.empty()):
            item = await self._arrived.get()
            if isinstance(item, Candidate):
                self._room.release()
                taken.append(item)
            else:
                self._ended, self._fault = True, item
        if not taken and self._fault is not None:
            raise self._fault
        return taken


def from_file(tasks: Mapping[TaskId, TaskSpecification], file: Path, task: str | None) -> Candidate:
    """Read a source file: of the task that is named, else of the one with the file's stem, else of the only one.

    Raises:
        BadInput: it cannot be read as UTF-8 text, or there is no such task.
    """
    name = task or (file.stem if len(tasks) > 1 else next(iter(tasks), ""))
    if file.is_dir():
        raise BadInput(f"{str(file)!r} is a folder: give the source files in it")
    try:
        source = read_bytes(str(file)).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{str(file)!r} is not UTF-8 text: give a source file") from error
    return Candidate(id=str(file), task=_named(tasks, name, str(file), "choose one with --task"), source=_text(source))


def from_lines(tasks: Mapping[TaskId, TaskSpecification], origin: str) -> Iterator[Candidate]:
    """Read JSON lines of a file, or of stdin for ``-``, one by one.

    Raises:
        BadInput: the file cannot be read, a line is no candidate, or there is none at all.
    """
    found = 0
    with opened(origin) as stream:
        number = 0
        while line := stream.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise BadInput(f"{origin}, line {number}: longer than {LONGEST_LINE} bytes; give one candidate a line")
            if line.strip():
                found += 1
                yield _from_line(tasks, line, f"{origin}, line {number}")
    if not found:
        raise BadInput(f"{origin} holds no candidates: give one JSON object a line")


@contextmanager
def opened(origin: str) -> Iterator[BinaryIO]:
    if origin == STDIN:
        yield sys.stdin.buffer
        return
    try:
        if Path(origin).is_dir():
            raise BadInput(f"{origin!r} is a folder: give a file of JSON lines")
        stream = Path(origin).open("rb")  # noqa: SIM115 - closed below, where what fails is no longer the opening
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInput(f"cannot read {origin!r}: {reason}; give a readable file of JSON lines") from error
    with stream:
        yield stream


def _from_line(tasks: Mapping[TaskId, TaskSpecification], line: bytes, place: str) -> Candidate:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{place}: not JSON ({error}); give one object a line") from error
    names = ("id", "task", "source")
    if not isinstance(fields, dict) or not all(isinstance(fields.get(name), str) for name in names):
        raise BadInput(f'{place}: give an object with the texts "id", "task" and "source"')
    task = _named(tasks, fields["task"], place, 'name one in "task"')
    return Candidate(fields["id"], task, _text(fields["source"]))


def _text(source: str) -> str:
    """Leave a byte order mark off, as Python does when it reads a file."""
    return source.removeprefix(_BOM)


def _named(tasks: Mapping[TaskId, TaskSpecification], name: str, place: str, remedy: str) -> TaskSpecification:
    task = tasks.get(TaskId(name))
    if task is None:
        known = ", ".join(list(tasks)[:5]) + (", …" if len(tasks) > 5 else "")
        raise BadInput(f"{place}: no task {name[:80]!r} in the specification (it has {known}); {remedy}")
    return task
