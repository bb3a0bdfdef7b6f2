"""Drives property checks: a property's process and the candidate's never meet, each call is carried across here.

It judges no value; what a property says of an outcome is its own.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, Final

from millwright.errors import BadInput
from schemas.execution import (
    Ending,
    Outcome,
    OutcomeKind,
    PropertyFailure,
    PropertyReport,
    PropertyRequest,
    PropertyResult,
)
from schemas.specification import Property
from schemas.values import Value

from .calling import Candidate, explained
from .cell import Cancellation, Cell, Stopped
from .engine import Starter
from .protocol import (
    Malformed,
    declared_errors,
    declared_records,
    frame,
    outcome_data,
    outcome_frame,
    read_line,
    read_loaded,
    read_value,
)

_HELD: Final = b'["held"]'  # as the harness writes it; nearly every line is this one
_MOST_CALLS: Final = 1_000  # of a property on one input; each input has the output limit to itself
_MUCH: Final = 0.5  # of the whole time; a property that spends it on calls for one input is at fault


class _NotLoaded(Exception):
    """The candidate's program could not be loaded, and why."""

    def __init__(self, reason: str, ending: Ending) -> None:
        super().__init__(reason)
        self.ending = ending


class _Killed(Exception):
    """A process ended as if a stranger had killed it, which says nothing of either side when it happens once."""


def check_properties(starter: Starter, request: PropertyRequest, cancellation: Cancellation) -> PropertyReport:
    """Check each property over the argument lists up to its first failure, against a fresh process of the candidate.

    With known outcomes the candidate's process is started only once a property asks for something else; whether the
    program loads is then not seen otherwise.

    Raises:
        BadInput: known outcomes are given, but not one for each argument list.
        SandboxUnavailable: the sandbox is at fault.
        Cancelled: the work was cancelled.
    """
    if request.known and len(request.known) != len(request.calls):
        raise BadInput(
            f"{len(request.known)} known outcomes for {len(request.calls)} calls: give one for each, or none"
        )
    results: list[PropertyResult] = []
    ending, called = Ending.COMPLETED, False
    for item in request.properties:
        try:
            check = _checked(starter, request, item, cancellation)
        except _NotLoaded as error:
            untried = tuple(PropertyResult(name=each.name, checked=0) for each in request.properties)
            return PropertyReport(results=untried, ending=error.ending, load_error=str(error))
        results.append(check.result)
        called = called or check.called
        ending = check.ending if ending is Ending.COMPLETED else ending
    return PropertyReport(results=tuple(results), ending=ending, called=called)


def _checked(starter: Starter, request: PropertyRequest, item: Property, cancellation: Cancellation) -> "_Check":
    try:
        return _Check(starter, request, item, cancellation, excused=False).run()
    except _Killed:
        return _Check(starter, request, item, cancellation, excused=True).run()


class _Living:
    """The candidate's process, started and loaded when it is first asked; it has its own time."""

    def __init__(
        self, start: Callable[[], Candidate], stack: ExitStack, request: PropertyRequest, excused: bool
    ) -> None:
        self._start, self._stack, self._excused = start, stack, excused
        self._limits = request.program.limits
        self._left = self._limits.wall_seconds
        self._candidate: Candidate | None = None
        self.called = False

    def started(self) -> Candidate:
        """Start and load the program, where that is not done yet.

        Raises:
            _NotLoaded: it does not load.
            _Killed: a stranger killed the process.
        """
        if self._candidate is not None:
            return self._candidate
        self.called = True
        candidate = self._stack.enter_context(self._start())
        try:
            error, ending = candidate.loaded(time.monotonic() + self._left).error, Ending.COMPLETED
        except Stopped as stopped:
            told = self._explained(stopped, candidate)
            error, ending = f"while the module was loading: {told}", told.ending
        except Malformed as malformed:
            error, ending = f"while the module was loading: {malformed}", Ending.MALFORMED
        if error is not None:
            raise _NotLoaded(error, ending)
        self._candidate = candidate
        return candidate

    def allow(self) -> None:
        """Give it the whole output limit again."""
        if self._candidate is not None:
            self._candidate.allow(self._limits.output_bytes)

    def ask(self, arguments: Sequence[Value]) -> Outcome:
        """Make one call. Raises Stopped, Malformed, _NotLoaded and _Killed."""
        candidate = self.started()
        started = time.monotonic()
        candidate.post(arguments)
        try:
            return candidate.outcome(started + self._left)
        except Stopped as stopped:
            raise self._explained(stopped, candidate) from stopped
        finally:
            self._left -= time.monotonic() - started

    def finish(self) -> None:
        """Demand a clean end of the process, if one was started. Raises Stopped, Malformed and _Killed."""
        if self._candidate is None:
            return
        try:
            self._candidate.finish()
        except Stopped as stopped:
            raise self._explained(stopped, self._candidate) from stopped

    def _explained(self, stopped: Stopped, candidate: Candidate) -> Stopped:
        told = explained(stopped, candidate, self._limits)
        if told.killed and not self._excused:
            raise _Killed from stopped
        return told


class _Check:
    """One property against one process of the candidate; each side has its own time."""

    def __init__(
        self,
        starter: Starter,
        request: PropertyRequest,
        item: Property,
        cancellation: Cancellation,
        excused: bool,
    ) -> None:
        self._starter, self._request, self._property = starter, request, item
        self._cancellation, self._excused = cancellation, excused
        self._limits = request.program.limits
        self._deadline = 0.0
        self._calls, self._spent = 0, 0.0  # on the present input; in seconds
        self._abandoned = False  # a call is under way that nobody waits for any more
        self._checked = 0
        self.result = PropertyResult(name=item.name, checked=0)
        self.ending = Ending.COMPLETED
        self.called = False

    def run(self) -> "_Check":
        """Try the argument lists in order; stop at the first failure."""
        with ExitStack() as stack:
            living = _Living(self._start, stack, self._request, self._excused)
            if not self._request.known:
                living.started()
            most = self._limits.output_bytes
            cell = stack.enter_context(self._starter.functions("properties", self._cancellation, most))
            cell.send(frame(self._header()))
            for index, arguments in enumerate(self._request.calls):
                cell.send(frame(["try", list(arguments), self._known(index)]))
            try:
                failure, broken = self._converse(cell, living)
            except Stopped as stopped:
                if stopped.killed and not self._excused:
                    raise _Killed from stopped
                failure, broken = None, f"the property's process: {stopped}"
            except Malformed as error:
                failure, broken = None, f"the property's process: {error}"
            if failure is None and not self._abandoned and (reason := self._unclean(living)) is not None:
                failure, broken = PropertyFailure(call=max(0, self._checked - 1), reason=reason), None
            self.called = living.called
        name = self._property.name
        self.result = PropertyResult(name=name, checked=self._checked, failure=failure, broken=broken)
        return self

    def _unclean(self, living: _Living) -> str | None:
        """Demand the candidate's clean end, as calls do; else it may have written answers before it was asked."""
        try:
            living.finish()
        except (Stopped, Malformed) as fault:
            self.ending = Ending.MALFORMED
            return f"the candidate gave no proper answer: {fault}"
        return None

    def _start(self) -> Candidate:
        return Candidate(self._starter, self._request.program, self._cancellation, self._limits.output_bytes)

    def _known(self, index: int) -> list[Any] | None:
        if not self._request.known or self._request.known[index].kind is OutcomeKind.LOST:
            return None
        return outcome_data(self._request.known[index])

    def _header(self) -> dict[str, object]:
        program = self._request.program
        return {
            "mode": "properties",
            "limits": self._starter.limits(self._limits),
            "source": self._property.property_function,
            "name": self._property.name,
            "function": program.function,
            "inputs": list(self._request.input_names),
            "records": declared_records(program.known_records),
            "errors": declared_errors(program.errors),
        }

    def _converse(self, cell: Cell, living: _Living) -> tuple[PropertyFailure | None, str | None]:
        cell.greet()
        self._deadline = time.monotonic() + self._limits.wall_seconds
        if (error := read_loaded(cell.receive(self._deadline))) is not None:
            return None, error
        for index in range(len(self._request.calls)):
            self._checked = index + 1
            match self._one(cell, living):
                case "failed", reason:
                    return PropertyFailure(call=index, reason=reason), None
                case "broken", reason:
                    return None, reason
        return None, None

    def _one(self, cell: Cell, living: _Living) -> tuple[str, str]:
        self._calls, self._spent = 0, 0.0
        cell.allow(self._limits.output_bytes)
        living.allow()
        while True:
            if (line := cell.receive(self._deadline)) == _HELD:
                return "held", ""
            match read_line(line):
                case ["ask", [*arguments]]:
                    if (end := self._forward(cell, living, [read_value(item) for item in arguments])) is not None:
                        return end
                case ["failed" | "broken" as how, str(reason)]:
                    return how, reason[:500]
                case _:
                    raise Malformed("neither a call nor a result")

    def _forward(self, cell: Cell, living: _Living, arguments: Sequence[Value]) -> tuple[str, str] | None:
        """Carry one call to the candidate and its outcome back; return what that shows, where there is none."""
        self._calls += 1
        if self._calls > _MOST_CALLS:
            return "broken", f"the property makes more than {_MOST_CALLS} calls on one input"
        started = time.monotonic()
        try:
            outcome = living.ask(arguments)
        except Stopped as stopped:
            if stopped.ending is Ending.TIMED_OUT and self._is_endless(time.monotonic() - started):
                self._abandoned = True
                return "broken", f"the property's calls on one input take all its time ({self._calls} calls)"
            self.ending = stopped.ending
            return "failed", f"the candidate gave no answer: {stopped}"
        except Malformed as error:
            self.ending = Ending.MALFORMED
            return "failed", f"the candidate gave no proper answer: {error}"
        seconds = time.monotonic() - started
        self._deadline += seconds
        self._spent += seconds
        if outcome.kind is OutcomeKind.LOST:
            return "failed", f"the candidate gave no answer: {outcome.message}"
        cell.send(outcome_frame(outcome))
        return None

    def _is_endless(self, seconds: float) -> bool:
        """Say whether it was no single call that took too long, but all that the property makes on this input."""
        whole = min(self._limits.wall_seconds, self._limits.cpu_seconds)
        return seconds < self._limits.call_seconds and self._spent >= _MUCH * whole
