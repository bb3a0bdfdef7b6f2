"""A sandbox that is asked the same question once: layers that read one trial of a candidate share its run.

It keeps answers only, never a failure, and only as many as its bounds allow. What must be run afresh (a second run, to
see whether it does the same) goes past it.
"""

import asyncio
import marshal
import sys
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from millwright.ports import Sandbox
from schemas.execution import CallReport, CallRequest, ConditionReport, ConditionRequest

MOST_REPORTS = 256
"""Answers of each kind that are kept: several batches, so that a layer in an activity of its own still finds them."""

MOST_BYTES = 32 * 1024 * 1024
"""What all kept reports of calls may weigh, as the programs sent them; and all kept conditions, by their values."""

_PER_BINDING = 64
"""What a binding with its truths weighs beside its values."""

_Q = TypeVar("_Q", CallRequest, ConditionRequest)
_A = TypeVar("_A", CallReport, ConditionReport)


@dataclass(frozen=True)
class _Kept(Generic[_Q, _A]):
    question: _Q
    answer: _A
    weight: int


class _Answers(Generic[_Q, _A]):
    """Questions with their answers, the latest asked last. A key only finds; equality of the question decides."""

    def __init__(self, most: int, most_bytes: int, same: Callable[[_Q, _Q], bool]) -> None:
        self._most, self._most_bytes, self._bytes = most, most_bytes, 0
        self._kept: OrderedDict[Hashable, _Kept[_Q, _A]] = OrderedDict()
        self._same: Callable[[_Q, _Q], bool] = same

    def find(self, key: Hashable, question: _Q) -> _A | None:
        found = self._kept.get(key)
        if found is None or not self._same(found.question, question):
            return None
        self._kept.move_to_end(key)
        return found.answer

    def keep(self, key: Hashable, question: _Q, answer: _A, weight: int) -> None:
        """Keep an answer in the place of the oldest; one that all others would have to go for is not kept."""
        if key in self._kept:
            self._bytes -= self._kept.pop(key).weight
        if weight > self._most_bytes:
            return
        self._kept[key] = _Kept(question, answer, weight)
        self._bytes += weight
        while len(self._kept) > self._most or self._bytes > self._most_bytes:
            _, forgotten = self._kept.popitem(last=False)
            self._bytes -= forgotten.weight


class Recall:
    """Asks a sandbox, and remembers."""

    def __init__(self, sandbox: Sandbox, *, most_reports: int = MOST_REPORTS, most_bytes: int = MOST_BYTES) -> None:
        self._sandbox = sandbox
        self._calls: _Answers[CallRequest, CallReport] = _Answers(most_reports, most_bytes, _same_calls)
        self._conditions: _Answers[ConditionRequest, ConditionReport] = _Answers(
            most_reports, most_bytes, _same_conditions
        )
        self._evaluating: dict[Hashable, tuple[ConditionRequest, asyncio.Task[ConditionReport]]] = {}

    async def call(self, request: CallRequest, *, alone: bool = False) -> CallReport:
        """Return the report of an equal request, or call. Raises SandboxUnavailable.

        What was timed ``alone`` answers only those who ask for that.
        """
        key = (alone, *_program_key(request))
        known = self._calls.find(key, request)
        if known is not None:
            return known
        report = await self._sandbox.call(request)
        self._calls.keep(key, request, report, report.output_bytes)
        return report

    async def evaluate(self, request: ConditionRequest) -> ConditionReport:
        """Return the truths of an equal request, also of one that is being evaluated. Raises SandboxUnavailable."""
        key = (request.expressions, len(request.bindings))
        known = self._conditions.find(key, request)
        if known is not None:
            return known
        under_way = self._evaluating.get(key)
        if under_way is not None and _same_conditions(under_way[0], request):
            await asyncio.wait([under_way[1]])
            if not under_way[1].cancelled():
                return under_way[1].result()
        task = asyncio.ensure_future(self._sandbox.evaluate(request))
        self._evaluating[key] = (request, task)
        try:
            report = await task
        finally:
            if (latest := self._evaluating.get(key)) is not None and latest[1] is task:
                del self._evaluating[key]
        self._conditions.keep(key, request, report, _weight(request))
        return report


def _same_calls(one: CallRequest, other: CallRequest) -> bool:
    return one is other or one == other


def _same_conditions(one: ConditionRequest, other: ConditionRequest) -> bool:
    """Say whether two requests are equal; binding by binding, since a model's own comparison takes ten times as long.

    Both have as many bindings, by their key.
    """
    if one is other:
        return True
    pairs = zip(one.bindings, other.bindings, strict=True)
    return (
        one.expressions == other.expressions
        and one.records == other.records
        and all(mine is its or (mine.names == its.names and mine.old == its.old) for mine, its in pairs)
    )


def _weight(request: ConditionRequest) -> int:
    """Weigh the values that a request holds, in bytes, each object once; it takes about as long as a comparison."""
    try:
        values = marshal.dumps([(mine.names, mine.old) for mine in request.bindings])
    except ValueError:  # nested deeper than marshal goes
        return sys.maxsize
    return len(values) + _PER_BINDING * len(request.bindings)


def _program_key(request: CallRequest) -> tuple[Hashable, ...]:
    program = request.program
    texts = tuple(sorted(program.modules.items()))
    return hash(texts), program.module, program.function, len(request.calls), request.lost_limit
