"""A sandbox that is asked the same question once: layers that read one trial of a candidate share its run.

It keeps answers only, never a failure, and only as many as its bounds allow. What must be run afresh (a second run, to
see whether it does the same) goes past it.
"""

import asyncio
import marshal
import sys
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from millwright.ports import Sandbox
from schemas.execution import (
    CallReport,
    CallRequest,
    ConditionReport,
    ConditionRequest,
    Outcome,
    PropertyReport,
    PropertyRequest,
)

MOST_REPORTS = 256
"""Answers of each kind that are kept: several batches, so that a layer in an activity of its own still finds them."""

MOST_BYTES = 32 * 1024 * 1024
"""What all kept answers of one kind may weigh, by the values in them or in their questions."""

_PER_ITEM = 64
"""What a binding with its truths, or an outcome, weighs beside its values."""

_Q = TypeVar("_Q", CallRequest, ConditionRequest, PropertyRequest)
_A = TypeVar("_A", CallReport, ConditionReport, PropertyReport)


@dataclass(frozen=True)
class _Kept(Generic[_Q, _A]):
    question: _Q
    answer: _A
    weight: int


class _Answers(Generic[_Q, _A]):
    """Questions with their answers, the latest asked last. A key only finds; equality of the question decides.

    ``weigh`` gives the bytes that an answer is kept for, or None where it is not to be kept.
    """

    def __init__(
        self, most: int, most_bytes: int, same: Callable[[_Q, _Q], bool], weigh: Callable[[_Q, _A], int | None]
    ) -> None:
        self._most, self._most_bytes, self._bytes = most, most_bytes, 0
        self._kept: OrderedDict[Hashable, _Kept[_Q, _A]] = OrderedDict()
        self._same: Callable[[_Q, _Q], bool] = same
        self._weigh: Callable[[_Q, _A], int | None] = weigh
        self._under_way: dict[Hashable, tuple[_Q, asyncio.Future[None]]] = {}

    async def ask(self, key: Hashable, question: _Q, work: Callable[[_Q], Awaitable[_A]]) -> _A:
        """Return the answer to an equal question, also of one that is being asked, or do the work."""
        while True:
            if (known := self._find(key, question)) is not None:
                return known
            under_way = self._under_way.get(key)
            if under_way is None or not self._same(under_way[0], question):
                break
            await asyncio.wait([under_way[1]])  # whatever came of it: where nothing was kept, it is asked again
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._under_way[key] = (question, over)
        try:
            answer = await work(question)
            self._keep(key, question, answer)
        finally:
            over.set_result(None)
            if (latest := self._under_way.get(key)) is not None and latest[1] is over:
                del self._under_way[key]
        return answer

    def _find(self, key: Hashable, question: _Q) -> _A | None:
        found = self._kept.get(key)
        if found is None or not self._same(found.question, question):
            return None
        self._kept.move_to_end(key)
        return found.answer

    def _keep(self, key: Hashable, question: _Q, answer: _A) -> None:
        """Keep an answer in the place of the oldest; one that all others would have to go for is not kept."""
        weight = self._weigh(question, answer)
        if weight is None:
            return
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
        self._calls: _Answers[CallRequest, CallReport] = _Answers(most_reports, most_bytes, _same_calls, _weigh_calls)
        self._conditions: _Answers[ConditionRequest, ConditionReport] = _Answers(
            most_reports, most_bytes, _same_conditions, _weigh_conditions
        )
        self._properties: _Answers[PropertyRequest, PropertyReport] = _Answers(
            most_reports, most_bytes, _same_properties, _weigh_properties
        )

    async def call(self, request: CallRequest, *, alone: bool = False) -> CallReport:
        """Return the report of an equal request, or call. Raises SandboxUnavailable.

        What was timed ``alone`` answers only those who ask for that.
        """
        return await self._calls.ask((alone, *_program_key(request)), request, self._sandbox.call)

    async def evaluate(self, request: ConditionRequest) -> ConditionReport:
        """Return the truths of an equal request, or evaluate it. Raises SandboxUnavailable."""
        key = (request.expressions, len(request.bindings))
        return await self._conditions.ask(key, request, self._sandbox.evaluate)

    async def check_properties(self, request: PropertyRequest) -> PropertyReport:
        """Return the report of equal outcomes, where it holds for every program with them, or check.

        Raises:
            SandboxUnavailable: the sandbox is at fault.
        """
        if not request.known:
            return await self._sandbox.check_properties(request)
        key = (*(item.property_function for item in request.properties), len(request.calls), _outline(request.known))
        return await self._properties.ask(key, request, self._sandbox.check_properties)


def _same_calls(one: CallRequest, other: CallRequest) -> bool:
    return one is other or one == other


def _weigh_calls(_: CallRequest, answer: CallReport) -> int:
    return answer.output_bytes


def _program_key(request: CallRequest) -> tuple[Hashable, ...]:
    program = request.program
    texts = tuple(sorted(program.modules.items()))
    return hash(texts), program.module, program.function, len(request.calls), request.lost_limit


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


def _weigh_conditions(question: ConditionRequest, _: ConditionReport) -> int:
    """Weigh the values that a request holds, in bytes, each object once; it takes about as long as a comparison."""
    return _weight([(mine.names, mine.old) for mine in question.bindings])


def _same_properties(one: PropertyRequest, other: PropertyRequest) -> bool:
    """Say whether the properties' processes would see the same: all but the text of the program."""
    mine, its = one.program, other.program
    return (
        one.properties == other.properties
        and one.input_names == other.input_names
        and (mine.function, mine.known_records, mine.errors, mine.limits, mine.files)
        == (its.function, its.known_records, its.errors, its.limits, its.files)
        and (one.calls is other.calls or one.calls == other.calls)
        and len(one.known) == len(other.known)
        and all(_seen(a) == _seen(b) for a, b in zip(one.known, other.known, strict=True))
    )


def _weigh_properties(question: PropertyRequest, answer: PropertyReport) -> int | None:
    """Weigh the outcomes; a report that the program or the machine had a part in is not kept."""
    if answer.called or any(result.broken is not None for result in answer.results):
        return None
    return _weight([(outcome.value, outcome.message) for outcome in question.known])


def _seen(outcome: Outcome) -> tuple[object, ...]:
    """Return what a property may see of an outcome."""
    return outcome.kind, outcome.value, outcome.exception, outcome.exception_bases, outcome.message


def _outline(outcomes: Sequence[Outcome]) -> int:
    """Tell apart most lists of outcomes, at little cost."""
    return hash(tuple((outcome.kind, outcome.exception, repr(outcome.value)[:100]) for outcome in outcomes[:4]))


def _weight(values: list[Any]) -> int:
    try:
        return len(marshal.dumps(values)) + _PER_ITEM * len(values)
    except ValueError:  # nested deeper than marshal goes
        return sys.maxsize
