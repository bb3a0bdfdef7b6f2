"""Calls candidates: one process for all the calls, a fresh one for the rest after each call that is lost.

It compares no output with anything; it decides only what counts as an answer.
"""

import secrets
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from schemas.execution import CallReport, CallRequest, Ending, Limits, Outcome, OutcomeKind, Program
from schemas.specification import TaskKind
from schemas.values import Value

from .cell import Cancellation, Cell, Stopped
from .engine import Starter
from .process import Usage
from .protocol import Loaded, Malformed, frame, program_header, read_line, read_load, read_outcome

_RESTARTS: Final = 8
_LOAD_SECONDS: Final = 10.0
_BYE_SECONDS: Final = 5.0
_NEARLY: Final = 0.9  # the kernel's limit counts CPU time in ticks, its account does not


class Candidate:
    """A candidate's process, loaded once and called one frame at a time; use as a context manager."""

    def __init__(self, starter: Starter, program: Program, cancellation: Cancellation, most_output: int) -> None:
        self._program = program
        serves = program.kind is TaskKind.HTTP_HANDLER
        self._cell: Cell = starter.functions("calls", cancellation, most_output, program.files, serves)
        self._cell.send(program_header(program, starter.limits(program.limits)))
        self._answered = 0
        self._posted: deque[Sequence[Value]] = deque()

    def __enter__(self) -> "Candidate":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._cell.__exit__(kind)

    @property
    def usage(self) -> Usage:
        """What the process used; complete once it is closed."""
        return self._cell.usage

    def loaded(self, deadline: float) -> Loaded:
        """Wait until the program is loaded, or could not be.

        Raises:
            Stopped, Malformed: the process gave no such answer.
            SandboxUnavailable: it never came to reading the program.
        """
        self._cell.greet()
        return read_load(self._cell.receive(min(deadline, time.monotonic() + _LOAD_SECONDS)))

    def allow(self, most_output: int) -> None:
        """Let the process send so much from here on, whatever it sent before."""
        self._cell.allow(most_output)

    def post(self, arguments: Sequence[Value]) -> None:
        """Queue a call."""
        self._posted.append(arguments)
        self._cell.send(frame(list(arguments)))

    def outcome(self, deadline: float) -> Outcome:
        """Wait for the outcome of the oldest call without one, at most as long as one call may take.

        Raises:
            Stopped, Malformed: the process gave no such answer, or ran out of memory and would starve later calls.
        """
        line = self._cell.receive(min(deadline, time.monotonic() + self._program.limits.call_seconds))
        outcome, ending = read_outcome(line, self._answered, self._posted[0])
        self._posted.popleft()
        self._answered += 1
        if ending is Ending.OUT_OF_MEMORY:
            raise Stopped(ending, outcome.message)
        return outcome

    def finish(self) -> None:
        """Demand a clean end: the line that says so, with a word that could not be known before, and nothing else.

        Raises:
            Stopped, Malformed: the process gave no such answer.
        """
        word = secrets.token_hex(8)
        self._cell.send(frame(word))
        line = read_line(self._cell.receive(time.monotonic() + _BYE_SECONDS))
        self._cell.sample()
        if line != ["bye", self._answered, word]:
            raise Malformed("more lines than calls")


@dataclass
class _Progress:
    """What is known so far of all the calls of a request."""

    outcomes: list[Outcome] = field(default_factory=list)
    ending: Ending = Ending.COMPLETED
    load_error: str | None = None
    load_line: int | None = None
    usage: Usage = field(default_factory=Usage)
    lost_limit: int | None = None
    lost: int = 0
    excused: bool = False

    @property
    def given_up(self) -> bool:
        """Whether as many calls are lost as the request bears."""
        return self.lost_limit is not None and self.lost >= self.lost_limit

    def end(self, ending: Ending) -> None:
        """Note how a process ended; the first ending that is not a completed one is the request's."""
        if self.ending is Ending.COMPLETED:
            self.ending = ending

    def note(self, outcome: Outcome) -> None:
        """Add an outcome; one that the harness itself gave up for lost is a crash."""
        self.outcomes.append(outcome)
        if outcome.kind is OutcomeKind.LOST:
            self.lost += 1
            self.end(Ending.CRASHED)

    def lose(self, reason: str, ending: Ending, count: int = 1) -> None:
        """Count calls as lost."""
        self.outcomes += [Outcome(kind=OutcomeKind.LOST, message=reason)] * count
        self.lost += count
        self.end(ending)


def call(starter: Starter, request: CallRequest, cancellation: Cancellation) -> CallReport:
    """Make all the calls of a request and report them in order.

    A call that the process does not survive is lost, and the rest go on in a fresh process, a bounded number of times
    and only up to the request's ``lost_limit``. A process that sends anything but one line for each call is not
    believed in anything it said.

    Raises:
        SandboxUnavailable: the sandbox is at fault.
        Cancelled: the work was cancelled.
    """
    started = time.monotonic()
    deadline = started + request.program.limits.wall_seconds
    progress = _Progress(lost_limit=request.lost_limit)
    for _ in range(_RESTARTS + 2):
        again = _one_process(starter, request, cancellation, progress, deadline)
        if not again or len(progress.outcomes) == len(request.calls):
            break
    if rest := len(request.calls) - len(progress.outcomes):
        progress.lose("not reached: the process was lost before", progress.ending, rest)
    return CallReport(
        outcomes=tuple(progress.outcomes),
        ending=progress.ending,
        load_error=progress.load_error,
        load_line=progress.load_line,
        cpu_seconds=progress.usage.cpu_seconds,
        wall_seconds=time.monotonic() - started,
        peak_memory_bytes=progress.usage.peak_memory_bytes,
    )


def _one_process(
    starter: Starter, request: CallRequest, cancellation: Cancellation, progress: _Progress, deadline: float
) -> bool:
    before = len(progress.outcomes)
    remaining = request.calls[before:]
    limits = request.program.limits
    with Candidate(starter, request.program, cancellation, limits.output_bytes) as candidate:
        for arguments in remaining:
            candidate.post(arguments)
        try:
            again = _load_and_ask(candidate, len(remaining), progress, deadline)
        except Stopped as stopped:
            again = _lose_one(progress, explained(stopped, candidate, limits), deadline)
        except Malformed as error:
            del progress.outcomes[before:]
            progress.lose(f"the process's report is malformed: {error}", Ending.MALFORMED, len(remaining))
            again = False
    progress.usage.add(candidate.usage)
    return again


def explained(stopped: Stopped, candidate: Candidate, limits: Limits) -> Stopped:
    """Tell the limit on CPU time, for which the kernel kills, from a killing by someone else."""
    if stopped.killed and candidate.usage.cpu_seconds >= _NEARLY * limits.cpu_seconds:
        return Stopped(Ending.TIMED_OUT, "no CPU time left")
    return stopped


def _lose_one(progress: _Progress, stopped: Stopped, deadline: float) -> bool:
    """Count the call under way as lost, and tell whether to go on with the next in a fresh process."""
    if stopped.killed and not progress.excused:  # by the kernel for want of memory, or by a stranger: once is no proof
        progress.excused = True
        return time.monotonic() < deadline
    progress.lose(str(stopped), stopped.ending)
    return not progress.given_up and stopped.ending is not Ending.OUTPUT_LIMIT and time.monotonic() < deadline


def _load_and_ask(candidate: Candidate, count: int, progress: _Progress, deadline: float) -> bool:
    try:
        loaded, ending = candidate.loaded(deadline), Ending.COMPLETED
    except Stopped as stopped:
        if stopped.killed and not progress.excused:
            raise
        loaded, ending = Loaded(f"while the module was loading: {stopped}"), stopped.ending
    if loaded.error is not None:
        if not progress.outcomes:
            progress.load_error, progress.load_line = loaded
        progress.end(ending)
        progress.lose("the module could not be loaded", ending, count)
        return False
    for _ in range(count):
        progress.note(candidate.outcome(deadline))
        if progress.given_up:
            return False
    try:
        candidate.finish()
    except Stopped as stopped:  # every call was answered, yet the end was not clean
        progress.end(stopped.ending)
    return False
