"""Runs a static tool over a batch of candidates in a bounded process, and divides a batch that went wrong.

It knows no tool: ``mypy_types`` and ``ruff_lint`` say what to run and how to read the answer.
"""

import ast
import asyncio
import os
import resource
import signal
import tempfile
import warnings
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol, TypeVar

from millwright.errors import AnalyserUnavailable
from schemas.verification import AnalysisReport, AnalysisRequest, Finding

Check = Callable[[Sequence[AnalysisRequest]], Awaitable[list[AnalysisReport]]]
"""Checks a batch with one run of a tool; raises BatchFailed when its answer cannot be trusted."""

_T = TypeVar("_T")

_LIMITS_FROM_OUTSIDE = hasattr(resource, "prlimit")
_IN_MEMORY = "/dev/shm"  # noqa: S108 - the folders made there are this user's alone
MOST_RUNS = 3
"""How often a run is made in all, where it is killed from outside each time."""
_CONTROL = "control.py"
_CONTROL_TEXT = "def control(number: int) -> int:\n    return number\n"


class Checker(Protocol):
    """One tool over a batch."""

    async def check(self, requests: Sequence[AnalysisRequest]) -> list[AnalysisReport]:
        """Return a report per request, in order.

        Raises:
            AnalyserUnavailable: the tool is missing, died, or gave an answer that cannot be trusted.
        """
        ...


class BatchFailed(Exception):
    """One run of a tool gave no answer that can be trusted; smaller batches may fare better.

    ``late``: it ran out of wall-clock, for which a busy machine may be to blame. ``killed``: somebody outside killed
    it, which says nothing of what it was given.
    """

    def __init__(self, because: str, late: bool = False, killed: bool = False) -> None:
        super().__init__(because)
        self.late = late
        self.killed = killed


@dataclass(frozen=True)
class Bounds:
    """What one run of a tool may use: seconds of wall-clock and of CPU, bytes of address space."""

    wall_seconds: float = 180.0
    cpu_seconds: int = 60
    memory_bytes: int = 4 * 1024**3


@dataclass(frozen=True)
class Ended:
    """How a run ended: exit status (negative: the signal), and what it wrote."""

    status: int
    stdout: str
    stderr: str

    @property
    def last_words(self) -> str:
        """The end of what it wrote, on one line."""
        return " ".join((self.stderr or self.stdout)[-400:].split()) or "it wrote nothing"


async def run_bounded(command: Sequence[str], folder: Path, bounds: Bounds) -> Ended:
    """Run a command in ``folder`` under limits, with an environment of its own; leave none of its processes behind.

    Raises:
        BatchFailed: it did not end in time, or somebody else killed it.
        AnalyserUnavailable: it could not be started.
    """
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"}
    try:
        process = await asyncio.create_subprocess_exec(
            *_launched(command, bounds),
            cwd=folder,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise AnalyserUnavailable(f"{command[0]} cannot be started ({error}): run `millwright doctor`") from error
    _limit(process.pid, bounds)
    try:
        out, err = await asyncio.wait_for(process.communicate(), bounds.wall_seconds)
    except TimeoutError as error:
        raise BatchFailed(f"it did not end within {bounds.wall_seconds:g} s", late=True) from error
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):  # it may end at this moment
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    # Nobody here killed it, and a run out of CPU ends by SIGXCPU.
    if process.returncode == -signal.SIGKILL:
        raise BatchFailed("it was killed from outside", killed=True)
    return Ended(process.returncode or 0, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))


def _launched(command: Sequence[str], bounds: Bounds) -> Sequence[str]:
    """Return what to start: other systems than Linux set no limits from outside, and macOS has none of memory."""
    if _LIMITS_FROM_OUTSIDE:
        return command
    return ("/bin/sh", "-c", 'ulimit -t "$0" && exec "$@"', str(bounds.cpu_seconds), *command)


def _limit(pid: int, bounds: Bounds) -> None:
    """Put a process that has just been started under limits.

    Set from outside: a function to run before its program would fork this process, which has threads.
    """
    if _LIMITS_FROM_OUTSIDE:
        with suppress(ProcessLookupError):  # it may have ended already
            resource.prlimit(pid, resource.RLIMIT_CPU, (bounds.cpu_seconds, bounds.cpu_seconds + 5))
            resource.prlimit(pid, resource.RLIMIT_AS, (bounds.memory_bytes, bounds.memory_bytes))
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))


def lay_out(folder: Path, files: Mapping[str, str]) -> None:
    """Write files under ``folder``, made if it is not there.

    Raises:
        AnalyserUnavailable: a path leads out of the folder.
    """
    folder.mkdir(exist_ok=True)
    whole = folder.resolve()
    made = {folder}
    for name, text in files.items():
        path = folder / name
        if (".." in name or path.is_absolute()) and not path.resolve().is_relative_to(whole):
            raise AnalyserUnavailable(f"the module path {name!r} leads out of its folder: report this as a fault")
        if path.parent not in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            made.add(path.parent)
        path.write_bytes(text.encode("utf-8", "surrogatepass"))


def scratch_folder(prefix: str) -> tempfile.TemporaryDirectory[str]:
    """Make a folder that goes with its context: in memory, where files cost a tenth, if the system has such a place."""
    memory = _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK | os.X_OK) else None
    return tempfile.TemporaryDirectory(prefix=prefix, dir=memory)


def syntax_error(source: str, code: str) -> Finding | None:
    """Return why a source cannot be parsed, under ``code``.

    It is asked before a run: there, such a file could hide all others' errors or overflow the tool's stack.
    """
    found = parsed(source)
    return None if isinstance(found, ast.Module) else Finding(code=code, message=found.message, line=found.line)


@dataclass(frozen=True)
class Unparsed:
    """Why a source cannot be parsed, and at which line where that is known."""

    message: str
    line: int | None = None


@lru_cache(maxsize=64)  # every tool asks about the same sources
def parsed(source: str) -> ast.Module | Unparsed:
    """Parse a source, whose tree is shared: nobody may change it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except SyntaxError as error:
        return Unparsed(error.msg, error.lineno)
    except (ValueError, RecursionError, MemoryError) as error:
        return Unparsed(f"it cannot be parsed ({type(error).__name__})")


async def again_if_killed(run: Callable[[], Awaitable[_T]]) -> _T:
    """Run something, and again where it was killed from outside, a few times at most.

    Raises:
        BatchFailed: it failed otherwise, or was killed each time.
    """
    for _ in range(MOST_RUNS - 1):
        try:
            return await run()
        except BatchFailed as failure:
            if not failure.killed:
                raise
    return await run()


async def divided(check: Check, requests: Sequence[AnalysisRequest], tool: str) -> list[AnalysisReport]:
    """Check a batch; when it fails, check its halves, so that one candidate cannot hide the others' findings.

    A candidate on which the tool fails even alone, while a control passes, has that as its finding. A run that was
    killed from outside is made again before anything is concluded from it.

    Raises:
        AnalyserUnavailable: the tool fails on the control too; or, on a single candidate, it ran out of wall-clock or
            was killed from outside each time.
    """
    try:
        return await again_if_killed(lambda: check(requests))
    except BatchFailed as failure:
        if len(requests) == 1:
            return [await _failing(check, requests[0], tool, failure)]
    middle = len(requests) // 2
    halves = (requests[:middle], requests[middle:])
    return [report for half in halves for report in await divided(check, half, tool)]


async def _failing(check: Check, request: AnalysisRequest, tool: str, failure: BatchFailed) -> AnalysisReport:
    if failure.late or failure.killed:
        raise AnalyserUnavailable(f"{tool} could not check {request.target}: {failure}") from failure
    control = AnalysisRequest(tool=request.tool, modules={_CONTROL: _CONTROL_TEXT}, target=_CONTROL)
    try:
        await again_if_killed(lambda: check([control]))
    except BatchFailed as error:
        raise AnalyserUnavailable(f"{tool} is not usable: {error}; run `millwright doctor`") from error
    return AnalysisReport(findings=(Finding(code="tool-failure", message=f"{tool} fails on it: {failure}"),))
