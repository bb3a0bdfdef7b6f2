"""Has conditions evaluated by a process that holds no candidate and serves one request after another.

It decides nothing about what an expression may say; that was checked before.
"""

import time
from collections.abc import Sequence
from typing import Final

from millwright.errors import SandboxUnavailable
from schemas.execution import Binding, ConditionReport, ConditionRequest, Ending, Limits, Truth

from .cell import Cancellation, Cell, Stopped
from .protocol import Malformed, declared_records, frame, read_line, read_loaded
from .slots import Slot

_MOST_LOST: Final = 2  # bindings that may cost a process and its time; the rest of the request is lost untried then
_LIMITS: Final = Limits(call_seconds=2.0, wall_seconds=60.0)
_LIFETIME: Final = Limits(cpu_seconds=3_600.0)  # one thread: its time for a request is within the request's wall time
_TRUTHS: Final = {"t": Truth.TRUE, "f": Truth.FALSE, "u": Truth.UNDEFINED, "l": Truth.LOST}


def evaluate(slot: Slot, request: ConditionRequest, cancellation: Cancellation) -> ConditionReport:
    """Evaluate every expression under every binding.

    A binding that the process does not survive is lost throughout, and the rest go on in a fresh process, a bounded
    number of times; what is not reached then is lost too.

    Raises:
        SandboxUnavailable: the sandbox is at fault.
        Cancelled: the work was cancelled.
    """
    truths: list[tuple[Truth, ...]] = []
    lost = (Truth.LOST,) * len(request.expressions)
    deadline = time.monotonic() + _LIMITS.wall_seconds
    excused, losses = False, 0
    while len(truths) < len(request.bindings) and losses < _MOST_LOST:
        try:
            _evaluate_some(slot, request, cancellation, truths, deadline)
        except Stopped as stopped:
            if stopped.killed and not excused:  # a stranger did it, perhaps while nothing was being evaluated
                excused = True
                continue
            truths.append(lost)
            losses += 1
    truths += [lost] * (len(request.bindings) - len(truths))
    return ConditionReport(truths=tuple(truths))


def _evaluate_some(
    slot: Slot,
    request: ConditionRequest,
    cancellation: Cancellation,
    truths: list[tuple[Truth, ...]],
    deadline: float,
) -> None:
    bindings: Sequence[Binding] = request.bindings[len(truths) :]
    cell, fresh = _evaluator(slot, cancellation)
    try:
        if fresh and (error := read_loaded(cell.receive(deadline))) is not None:
            raise SandboxUnavailable(f"the evaluator did not start: {error}")
        items = [[binding.names, binding.old] for binding in bindings]
        cell.send(frame([declared_records(request.records), list(request.expressions), items]))
        for index in range(len(bindings)):
            line = cell.receive(min(deadline, time.monotonic() + _LIMITS.call_seconds))
            truths.append(_truths(read_line(line), index, len(request.expressions)))
    except Malformed as error:
        cell.abandon()
        raise Stopped(Ending.MALFORMED, str(error)) from error
    except BaseException:
        cell.abandon()
        raise
    slot.give_back(cell, cancellation)


def _evaluator(slot: Slot, cancellation: Cancellation) -> tuple[Cell, bool]:
    kept = slot.kept_evaluator(cancellation, _LIMITS.output_bytes)
    if kept is not None:
        return kept, False
    cell = slot.functions("evaluator", cancellation, _LIMITS.output_bytes)
    cell.send(frame({"mode": "evaluator", "limits": slot.limits(_LIFETIME)}))
    return cell, True


def _truths(line: list[object], index: int, count: int) -> tuple[Truth, ...]:
    match line:
        case [int(number), str(text)] if number == index and len(text) == count and set(text) <= set(_TRUTHS):
            return tuple(_TRUTHS[letter] for letter in text)
    raise Malformed("a binding's truths were due")
