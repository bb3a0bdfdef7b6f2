"""Calls candidates: one instance for all the calls, a fresh one for the rest after each call that is lost.

It compares no output with anything; it decides only what counts as an answer.
"""

import base64
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from millwright.adapters.sandbox.protocol import Loaded, Malformed, frame, program_header, read_load, read_outcome
from schemas.execution import CallReport, CallRequest, Ending, Outcome, OutcomeKind, Program
from schemas.values import Value

from .machine import Cancellation, Instance, Machine, Stopped

_RESTARTS: Final = 8
_LOAD_SECONDS: Final = 10.0
_LENGTH_BYTES: Final = 4  # a frame begins with its length, which text does not need


def pack(framed: bytes) -> str:
    """Turn a frame for the harness into text, the one type that crosses into an instance fast."""
    return base64.b64encode(framed[_LENGTH_BYTES:]).decode("ascii")


class Candidate:
    """A candidate in an instance of its own, loaded once and called one frame at a time; use as a context manager."""

    def __init__(self, machine: Machine, program: Program, cancellation: Cancellation) -> None:
        self._program = program
        self._instance = Instance(machine, program.limits, cancellation)
        self._answered = 0

    def __enter__(self) -> "Candidate":
        return self

    def __exit__(self, *_: object) -> None:
        self._instance.close()

    @property
    def sent(self) -> int:
        """How much the instance has answered, in bytes."""
        return self._instance.sent

    def allow(self) -> None:
        """Let the instance send the whole output limit from here on, whatever it sent before."""
        self._instance.allow()

    @property
    def cpu_seconds(self) -> float:
        """The processor time that the instance used so far."""
        return self._instance.cpu_seconds

    def load(self, deadline: float) -> Loaded:
        """Load the program; return what came of it.

        Raises:
            Stopped, Malformed: the instance gave no such answer.
        """
        header = pack(program_header(self._program, {}))
        return read_load(self._ask("load", header, min(deadline, time.monotonic() + _LOAD_SECONDS)))

    def call(self, arguments: Sequence[Value], deadline: float) -> Outcome:
        """Make one call, which may take as long as one call may.

        Raises:
            Stopped, Malformed: the instance gave no such answer, or ran out of memory and would starve later calls.
        """
        before = self.cpu_seconds
        text = pack(frame(list(arguments)))
        line = self._ask("call", text, min(deadline, time.monotonic() + self._program.limits.call_seconds))
        outcome, ending = read_outcome(line, self._answered)
        self._answered += 1
        if ending is Ending.OUT_OF_MEMORY:
            raise Stopped(ending, outcome.message)
        if outcome.kind is OutcomeKind.LOST:
            return outcome
        return outcome.model_copy(update={"cpu_seconds": self.cpu_seconds - before})

    def _ask(self, function: str, text: str, deadline: float) -> bytes:
        line = self._instance.ask(function, text, deadline)
        if not line.isascii() or "\n" in line:
            raise Malformed("an answer is not one line of ASCII")
        return line.encode("ascii")


@dataclass
class _Progress:
    """What is known so far of all the calls of a request."""

    lost_limit: int | None
    outcomes: list[Outcome] = field(default_factory=list)
    ending: Ending = Ending.COMPLETED
    load_error: str | None = None
    load_line: int | None = None
    cpu_seconds: float = 0.0
    sent: int = 0

    @property
    def given_up(self) -> bool:
        """Whether as many calls are lost as the request bears."""
        lost = sum(outcome.kind is OutcomeKind.LOST for outcome in self.outcomes)
        return self.lost_limit is not None and lost >= self.lost_limit

    def end(self, ending: Ending) -> None:
        """Note how an instance ended; the first ending that is not a completed one is the request's."""
        if self.ending is Ending.COMPLETED:
            self.ending = ending

    def note(self, outcome: Outcome) -> None:
        """Add an outcome; one that the harness itself gave up for lost is a crash."""
        self.outcomes.append(outcome)
        if outcome.kind is OutcomeKind.LOST:
            self.end(Ending.CRASHED)

    def lose(self, reason: str, ending: Ending, count: int = 1) -> None:
        """Count calls as lost."""
        self.outcomes += [Outcome(kind=OutcomeKind.LOST, message=reason)] * count
        self.end(ending)


def call(machine: Machine, request: CallRequest, cancellation: Cancellation) -> CallReport:
    """Make all the calls of a request and report them in order.

    A call that the instance does not survive is lost, and the rest go on in a fresh one, a bounded number of times and
    only up to the request's ``lost_limit``. An instance that answers with anything but its line is not believed in
    anything it said.

    Raises:
        SandboxUnavailable: the sandbox is at fault.
        Cancelled: the work was cancelled.
    """
    started = time.monotonic()
    deadline = started + request.program.limits.wall_seconds
    progress = _Progress(request.lost_limit)
    for _ in range(_RESTARTS + 1):
        if not _one_instance(machine, request, cancellation, progress, deadline):
            break
    if rest := len(request.calls) - len(progress.outcomes):
        progress.lose("not reached: the program was lost before", progress.ending, rest)
    return CallReport(
        outcomes=tuple(progress.outcomes),
        ending=progress.ending,
        load_error=progress.load_error,
        load_line=progress.load_line,
        cpu_seconds=progress.cpu_seconds,
        wall_seconds=time.monotonic() - started,
        output_bytes=progress.sent,
    )


def _one_instance(
    machine: Machine, request: CallRequest, cancellation: Cancellation, progress: _Progress, deadline: float
) -> bool:
    """Go as far as one instance goes; tell whether another one may go on."""
    before = len(progress.outcomes)
    remaining = request.calls[before:]
    with Candidate(machine, request.program, cancellation) as candidate:
        try:
            return _load_and_ask(candidate, remaining, progress, deadline)
        except Malformed as error:
            del progress.outcomes[before:]
            progress.lose(f"the program's report is malformed: {error}", Ending.MALFORMED, len(remaining))
            return False
        finally:
            progress.cpu_seconds += candidate.cpu_seconds
            progress.sent += candidate.sent


def _load_and_ask(
    candidate: Candidate, remaining: Sequence[Sequence[Value]], progress: _Progress, deadline: float
) -> bool:
    loaded, ending = load(candidate, deadline)
    if loaded.error is not None:
        if not progress.outcomes:
            progress.load_error, progress.load_line = loaded
        progress.end(ending)
        progress.lose("the module could not be loaded", ending, len(remaining))
        return False
    for count, arguments in enumerate(remaining, 1):
        try:
            progress.note(candidate.call(arguments, deadline))
        except Stopped as stopped:
            progress.lose(str(stopped), stopped.ending)
            may = stopped.ending is not Ending.OUTPUT_LIMIT and time.monotonic() < deadline
            return may and count < len(remaining) and not progress.given_up
        if progress.given_up:
            return False
    return False


def load(candidate: Candidate, deadline: float) -> tuple[Loaded, Ending]:
    """Load a candidate; say what came of it, and how its instance ended.

    Raises:
        Malformed: the instance gave no proper answer.
    """
    try:
        return candidate.load(deadline), Ending.COMPLETED
    except Stopped as stopped:
        return Loaded(f"while the module was loading: {stopped}"), stopped.ending
