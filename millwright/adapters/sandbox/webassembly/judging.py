"""Drives property checks and the evaluation of conditions, each in instances that hold no candidate.

A property's instance and the candidate's never meet: this module carries each call from the one to the other.
"""

import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from typing import Final

from millwright.adapters.sandbox.protocol import (
    Loaded,
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
from schemas.execution import (
    ConditionReport,
    ConditionRequest,
    Ending,
    Limits,
    Outcome,
    OutcomeKind,
    PropertyFailure,
    PropertyReport,
    PropertyRequest,
    PropertyResult,
    Truth,
)
from schemas.specification import Property
from schemas.values import Value

from .calling import Candidate, load, pack
from .machine import Cancellation, Instance, Machine, Stopped

_MOST_LOST: Final = 2  # bindings that may cost an instance and its time; the rest of the request is lost untried
_MOST_CALLS: Final = 1_000  # of a property on one input; each input has the output limit to itself
_MUCH: Final = 0.5  # of the whole time; a property that spends it on calls for one input is at fault
_CONDITION_LIMITS: Final = Limits(call_seconds=2.0, wall_seconds=60.0, cpu_seconds=30.0)
_TRUTHS: Final = {"t": Truth.TRUE, "f": Truth.FALSE, "u": Truth.UNDEFINED, "l": Truth.LOST}

Talk = Generator[bytes, list[bytes], None]
"""Gives frames and takes the lines that came before the next one is asked for; ends when it has heard enough."""


class _Over(Exception):
    """The talk has heard enough."""


class _Unloadable(Exception):
    """The candidate, which a property needs, cannot be loaded: why, and how its instance ended."""

    def __init__(self, reason: str, ending: Ending) -> None:
        super().__init__(reason)
        self.ending = ending


def _hold(instance: Instance, talk: Talk, header: dict[str, object], deadline: float) -> None:
    """Run an instance that talks, until one of the two has no more to say.

    Raises:
        Stopped, Malformed, _Unloadable: the talk was broken off.
        Cancelled: the work was cancelled.
    """
    next(talk)  # up to where it wants its first lines

    def exchange(lines: str) -> str:
        if not lines.isascii() or not lines.endswith("\n"):
            raise Malformed("lines are not ASCII")
        try:
            return pack(talk.send(lines.encode("ascii").splitlines()))
        except StopIteration as stop:
            raise _Over from stop

    try:
        instance.serve(pack(frame(header)), deadline, exchange)
    except _Over:
        return
    finally:
        talk.close()
    raise Stopped(Ending.CRASHED, "it ended before its time")


def check_properties(machine: Machine, request: PropertyRequest, cancellation: Cancellation) -> PropertyReport:
    """Check each property over the argument lists up to its first failure, against a fresh instance of the candidate.

    Raises:
        SandboxUnavailable: the sandbox is at fault.
        Cancelled: the work was cancelled.
    """
    results: list[PropertyResult] = []
    ending = Ending.COMPLETED
    for item in request.properties:
        check = _Check(machine, request, item, cancellation)
        try:
            results.append(check.run())
        except _Unloadable as fault:
            untried = tuple(PropertyResult(name=each.name, checked=0) for each in request.properties)
            return PropertyReport(results=untried, ending=fault.ending, load_error=str(fault))
        ending = check.ending if ending is Ending.COMPLETED else ending
    return PropertyReport(results=tuple(results), ending=ending)


class _Check:
    """One property against one instance of the candidate; each side has its own time."""

    def __init__(self, machine: Machine, request: PropertyRequest, item: Property, cancellation: Cancellation) -> None:
        self._machine, self._request, self._property = machine, request, item
        self._cancellation = cancellation
        self._limits = request.program.limits
        self._candidates_time = self._limits.wall_seconds
        self._stack = ExitStack()
        self._candidate: Candidate | None = None
        self._instance: Instance | None = None
        self._checked = 0
        self._calls, self._spent = 0, 0.0  # on the present input; in seconds
        self._failure: PropertyFailure | None = None
        self._broken: str | None = None
        self.ending = Ending.COMPLETED

    def run(self) -> PropertyResult:
        """Try the argument lists in order; stop at the first failure.

        Raises:
            _Unloadable: the candidate was needed and cannot be loaded.
        """
        with self._stack:
            if not self._request.known:
                self._ready()
            self._instance = Instance(self._machine, self._limits, self._cancellation)
            self._stack.callback(self._instance.close)
            try:
                _hold(self._instance, self._talk(), self._header(), time.monotonic() + self._limits.wall_seconds)
            except (Stopped, Malformed) as fault:
                self._broken = f"the property's process: {fault}"
        return PropertyResult(
            name=self._property.name, checked=self._checked, failure=self._failure, broken=self._broken
        )

    def _header(self) -> dict[str, object]:
        program = self._request.program
        return {
            "mode": "properties",
            "source": self._property.property_function,
            "name": self._property.name,
            "function": program.function,
            "inputs": list(self._request.input_names),
            "records": declared_records(program.known_records),
            "errors": declared_errors(program.errors),
        }

    def _known(self, index: int) -> list[object] | None:
        if not self._request.known or self._request.known[index].kind is OutcomeKind.LOST:
            return None
        return outcome_data(self._request.known[index])

    def _talk(self) -> Talk:
        loaded, *more = yield b""
        if (error := read_loaded(loaded)) is not None:
            self._broken = error
            return
        if more:
            raise Malformed("more lines than one about loading")
        for index, arguments in enumerate(self._request.calls):
            self._checked = index + 1
            answer = yield from self._try(frame(["try", list(arguments), self._known(index)]))
            match answer:
                case "failed", reason:
                    self._failure = PropertyFailure(call=index, reason=reason)
                    return
                case "broken", reason:
                    self._broken = reason
                    return

    def _try(self, due: bytes) -> Generator[bytes, list[bytes], tuple[str, str]]:
        self._calls, self._spent = 0, 0.0
        for instance in (self._instance, self._candidate):
            if instance is not None:
                instance.allow()
        while True:
            lines = yield due
            match [read_line(line) for line in lines]:
                case [["ask", [*arguments]]]:
                    outcome = self._forward([read_value(item) for item in arguments])
                    if not isinstance(outcome, Outcome):
                        return outcome
                    due = outcome_frame(outcome)
                case [["held"]]:
                    return "held", ""
                case [["failed" | "broken" as how, str(reason)]]:
                    return how, reason[:500]
                case _:
                    raise Malformed("neither a call nor a result")

    def _forward(self, arguments: Sequence[Value]) -> Outcome | tuple[str, str]:
        """Give the outcome of a call; or what it shows, where there is none."""
        self._calls += 1
        if self._calls > _MOST_CALLS:
            return "broken", f"the property makes more than {_MOST_CALLS} calls on one input"
        started = time.monotonic()
        candidate = self._ready()
        before = candidate.cpu_seconds
        try:
            outcome = candidate.call(arguments, time.monotonic() + self._candidates_time)
        except Stopped as stopped:
            if stopped.ending is Ending.TIMED_OUT and self._is_endless(time.monotonic() - started):
                return "broken", f"the property's calls on one input take all its time ({self._calls} calls)"
            self.ending = stopped.ending
            return "failed", f"the candidate gave no answer: {stopped}"
        except Malformed as error:
            self.ending = Ending.MALFORMED
            return "failed", f"the candidate gave no proper answer: {error}"
        spent = time.monotonic() - started
        self._candidates_time -= spent
        self._spent += spent
        if self._instance is not None:
            self._instance.exclude(spent, candidate.cpu_seconds - before)
        if outcome.kind is OutcomeKind.LOST:
            return "failed", f"the candidate gave no answer: {outcome.message}"
        return outcome

    def _is_endless(self, seconds: float) -> bool:
        """Say whether it was no single call that took too long, but all that the property makes on this input."""
        whole = min(self._limits.wall_seconds, self._limits.cpu_seconds)
        return seconds < self._limits.call_seconds and self._spent >= _MUCH * whole

    def _ready(self) -> Candidate:
        if self._candidate is None:
            candidate = self._stack.enter_context(Candidate(self._machine, self._request.program, self._cancellation))
            try:
                loaded, ending = load(candidate, time.monotonic() + self._limits.wall_seconds)
            except Malformed as fault:
                loaded, ending = Loaded(f"while the module was loading: {fault}"), Ending.MALFORMED
            if loaded.error is not None:
                raise _Unloadable(loaded.error, ending)
            self._candidate = candidate
        return self._candidate


def evaluate(machine: Machine, request: ConditionRequest, cancellation: Cancellation) -> ConditionReport:
    """Evaluate every expression under every binding.

    A binding that the instance does not survive is lost throughout, and the rest go on in a fresh one, a bounded
    number of times; what is not reached then is lost too.

    Raises:
        SandboxUnavailable: the sandbox is at fault.
        Cancelled: the work was cancelled.
    """
    truths: list[tuple[Truth, ...]] = []
    lost = (Truth.LOST,) * len(request.expressions)
    deadline = time.monotonic() + _CONDITION_LIMITS.wall_seconds
    header: dict[str, object] = {
        "mode": "conditions",
        "expressions": list(request.expressions),
        "records": declared_records(request.records),
    }
    losses = 0
    while len(truths) < len(request.bindings) and losses < _MOST_LOST:
        with Instance(machine, _CONDITION_LIMITS, cancellation) as instance:
            try:
                _hold(instance, _listen(instance, request, truths, deadline), header, deadline)
            except (Stopped, Malformed):
                truths.append(lost)
                losses += 1
    truths += [lost] * (len(request.bindings) - len(truths))
    return ConditionReport(truths=tuple(truths))


def _listen(instance: Instance, request: ConditionRequest, truths: list[tuple[Truth, ...]], deadline: float) -> Talk:
    lines = yield b""
    if len(lines) != 1 or read_loaded(lines[0]) is not None:
        raise Malformed("a line about loading was due")
    for index, binding in enumerate(request.bindings[len(truths) :]):
        instance.deadline = min(deadline, time.monotonic() + _CONDITION_LIMITS.call_seconds)
        lines = yield frame([binding.names, binding.old])
        if len(lines) != 1:
            raise Malformed("one line was due")
        truths.append(_truths(read_line(lines[0]), index, len(request.expressions)))


def _truths(line: list[object], index: int, count: int) -> tuple[Truth, ...]:
    match line:
        case [int(number), str(text)] if number == index and len(text) == count and set(text) <= set(_TRUTHS):
            return tuple(_TRUTHS[letter] for letter in text)
    raise Malformed("a binding's truths were due")
