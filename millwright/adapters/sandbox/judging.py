"""Drives property checks and the evaluation of conditions, each in processes that hold no candidate.

A property's process and the candidate's never meet: this module carries each call from the one to the other.
"""

import time
from collections.abc import Sequence
from typing import Final

from schemas.execution import (
    Binding,
    ConditionReport,
    ConditionRequest,
    Ending,
    Limits,
    OutcomeKind,
    PropertyFailure,
    PropertyReport,
    PropertyRequest,
    PropertyResult,
    Truth,
)
from schemas.specification import Property
from schemas.values import Value

from .calling import Candidate
from .cell import Cancellation, Cell, Stopped
from .engine import Engine
from .protocol import (
    Malformed,
    declared_errors,
    declared_records,
    frame,
    outcome_frame,
    read_line,
    read_loaded,
    read_value,
)

_RESTARTS: Final = 8
_CONDITION_LIMITS: Final = Limits(call_seconds=2.0, wall_seconds=60.0, cpu_seconds=30.0)
_TRUTHS: Final = {"t": Truth.TRUE, "f": Truth.FALSE, "u": Truth.UNDEFINED}


def check_properties(engine: Engine, request: PropertyRequest, cancellation: Cancellation) -> PropertyReport:
    """Check each property over the argument lists up to its first failure, against a fresh process of the candidate.

    Raises:
        SandboxUnavailable: the sandbox is at fault.
        Cancelled: the work was cancelled.
    """
    results: list[PropertyResult] = []
    ending = Ending.COMPLETED
    for item in request.properties:
        with Candidate(engine, request.program, cancellation, request.program.limits.output_bytes) as candidate:
            error, how = _load(candidate, request.program.limits)
            if error is not None:
                untried = tuple(PropertyResult(name=each.name, checked=0) for each in request.properties)
                return PropertyReport(results=untried, ending=how, load_error=error)
            check = _Check(engine, request, item, candidate, cancellation)
            results.append(check.run())
        ending = check.ending if ending is Ending.COMPLETED else ending
    return PropertyReport(results=tuple(results), ending=ending)


def _load(candidate: Candidate, limits: Limits) -> tuple[str | None, Ending]:
    try:
        return candidate.loaded(time.monotonic() + limits.wall_seconds), Ending.COMPLETED
    except Stopped as stopped:
        return f"while the module was loading: {stopped}", stopped.ending
    except Malformed as error:
        return f"while the module was loading: {error}", Ending.MALFORMED


class _Check:
    """One property against one process of the candidate; each side has its own time."""

    def __init__(
        self,
        engine: Engine,
        request: PropertyRequest,
        item: Property,
        candidate: Candidate,
        cancellation: Cancellation,
    ) -> None:
        self._engine, self._request, self._property = engine, request, item
        self._candidate, self._cancellation = candidate, cancellation
        self._limits = request.program.limits
        self._candidates_time = self._limits.wall_seconds
        self._deadline = 0.0
        self.ending = Ending.COMPLETED

    def run(self) -> PropertyResult:
        """Try the argument lists in order; stop at the first failure."""
        name = self._property.name
        checked = 0
        with self._engine.functions("properties", self._cancellation, self._limits.output_bytes) as cell:
            self._deadline = time.monotonic() + self._limits.wall_seconds
            try:
                cell.send(frame(self._header()))
                if (error := read_loaded(cell.receive(self._deadline))) is not None:
                    return PropertyResult(name=name, checked=0, broken=error)
                for index, arguments in enumerate(self._request.calls):
                    cell.send(frame(list(arguments)))
                    checked = index + 1
                    match self._converse(cell):
                        case "failed", reason:
                            failure = PropertyFailure(call=index, reason=reason)
                            return PropertyResult(name=name, checked=checked, failure=failure)
                        case "broken", reason:
                            return PropertyResult(name=name, checked=checked, broken=reason)
            except Stopped as stopped:
                return PropertyResult(name=name, checked=checked, broken=f"the property's process: {stopped}")
            except Malformed as error_:
                return PropertyResult(name=name, checked=checked, broken=f"the property's process: {error_}")
        return PropertyResult(name=name, checked=checked)

    def _header(self) -> dict[str, object]:
        program = self._request.program
        return {
            "mode": "properties",
            "limits": self._engine.limits(self._limits),
            "source": self._property.property_function,
            "name": self._property.name,
            "function": program.function,
            "inputs": list(self._request.input_names),
            "records": declared_records(program.records),
            "errors": declared_errors(program.errors),
        }

    def _converse(self, cell: Cell) -> tuple[str, str]:
        while True:
            match read_line(cell.receive(self._deadline)):
                case ["ask", [*arguments]]:
                    if (lost := self._forward(cell, [read_value(item) for item in arguments])) is not None:
                        return "failed", lost
                case ["held"]:
                    return "held", ""
                case ["failed" | "broken" as how, str(reason)]:
                    return how, reason[:500]
                case _:
                    raise Malformed("neither a call nor a result")

    def _forward(self, cell: Cell, arguments: Sequence[Value]) -> str | None:
        """Carry one call to the candidate and its outcome back; return why, where the candidate gave none."""
        started = time.monotonic()
        self._candidate.post(arguments)
        try:
            outcome = self._candidate.outcome(started + self._candidates_time)
        except Stopped as stopped:
            self.ending = stopped.ending
            return f"the candidate gave no answer: {stopped}"
        except Malformed as error:
            self.ending = Ending.MALFORMED
            return f"the candidate gave no proper answer: {error}"
        spent = time.monotonic() - started
        self._candidates_time -= spent
        self._deadline += spent
        if outcome.kind is OutcomeKind.LOST:
            return f"the candidate gave no answer: {outcome.message}"
        cell.send(outcome_frame(outcome))
        return None


def evaluate(engine: Engine, request: ConditionRequest, cancellation: Cancellation) -> ConditionReport:
    """Evaluate every expression under every binding.

    A binding that the process does not survive is undefined throughout, and the rest go on in a fresh process, a
    bounded number of times; what is not reached then is undefined too.

    Raises:
        SandboxUnavailable: the sandbox is at fault.
        Cancelled: the work was cancelled.
    """
    truths: list[tuple[Truth, ...]] = []
    undefined = (Truth.UNDEFINED,) * len(request.expressions)
    deadline = time.monotonic() + _CONDITION_LIMITS.wall_seconds
    for _ in range(_RESTARTS + 1):
        if len(truths) == len(request.bindings):
            break
        try:
            _evaluate_some(engine, request, cancellation, truths, deadline)
        except Stopped:
            truths.append(undefined)
    truths += [undefined] * (len(request.bindings) - len(truths))
    return ConditionReport(truths=tuple(truths))


def _evaluate_some(
    engine: Engine,
    request: ConditionRequest,
    cancellation: Cancellation,
    truths: list[tuple[Truth, ...]],
    deadline: float,
) -> None:
    bindings: Sequence[Binding] = request.bindings[len(truths) :]
    with engine.functions("conditions", cancellation, _CONDITION_LIMITS.output_bytes) as cell:
        header = {
            "mode": "conditions",
            "limits": engine.limits(_CONDITION_LIMITS),
            "expressions": list(request.expressions),
            "records": declared_records(request.records),
        }
        cell.send(frame(header))
        for binding in bindings:
            cell.send(frame([binding.names, binding.old]))
        try:
            read_loaded(cell.receive(deadline))
            for index in range(len(bindings)):
                line = cell.receive(min(deadline, time.monotonic() + _CONDITION_LIMITS.call_seconds))
                truths.append(_truths(read_line(line), index, len(request.expressions)))
        except Malformed as error:
            raise Stopped(Ending.MALFORMED, str(error)) from error


def _truths(line: list[object], index: int, count: int) -> tuple[Truth, ...]:
    match line:
        case [int(number), str(text)] if number == index and len(text) == count and set(text) <= set(_TRUTHS):
            return tuple(_TRUTHS[letter] for letter in text)
    raise Malformed("a binding's truths were due")
