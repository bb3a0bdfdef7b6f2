"""Remembered runs: what is asked once, what is never remembered, and what the memory may weigh."""

import asyncio
import random
from typing import Any

import pytest

from activities.recall import Recall
from millwright.errors import SandboxUnavailable
from schemas.execution import (
    Binding,
    CallReport,
    CallRequest,
    ConditionReport,
    ConditionRequest,
    Outcome,
    OutcomeKind,
    Program,
    PropertyReport,
    PropertyRequest,
    PropertyResult,
    Truth,
)
from schemas.specification import Property
from tests.languages.in_process import InProcessSandbox


class Counting(InProcessSandbox):
    """A sandbox that answers at once, or when it is let, and may be broken."""

    def __init__(self, *, weight: int = 10) -> None:
        super().__init__()
        self.weight = weight
        self.let = asyncio.Event()
        self.let.set()
        self.broken = False
        self.report = PropertyReport(results=(PropertyResult(name="p", checked=1),), called=False)

    async def call(self, request: CallRequest) -> CallReport:
        """Return a report of the weight."""
        self.asked.append(request)
        await self.let.wait()
        if self.broken:
            raise SandboxUnavailable("gone")
        outcomes = (Outcome(kind=OutcomeKind.RETURNED, value=["none"]),) * len(request.calls)
        return CallReport(outcomes=outcomes, output_bytes=self.weight)

    async def evaluate(self, request: ConditionRequest) -> ConditionReport:
        """Find everything true."""
        self.asked.append(request)
        await self.let.wait()
        if self.broken:
            raise SandboxUnavailable("gone")
        return ConditionReport(truths=((Truth.TRUE,) * len(request.expressions),) * len(request.bindings))

    async def check_properties(self, request: PropertyRequest) -> PropertyReport:
        """Answer as told; where the program was called is the sandbox's to say."""
        self.asked.append(request)
        await self.let.wait()
        return self.report


def request(text: str, count: int = 1, lost_limit: int | None = 2) -> CallRequest:
    """Make a request that another of the same arguments equals."""
    program = Program(modules={"work.py": text}, module="work", function="f")
    return CallRequest(program=program, calls=((),) * count, lost_limit=lost_limit)


def condition(number: int = 1) -> ConditionRequest:
    """Make a request over one binding."""
    return ConditionRequest(expressions=("n > 0",), bindings=(Binding(names={"n": ["int", str(number)]}),))


async def test_an_equal_question_is_asked_once() -> None:
    """Other text, other calls or another limit is another question."""
    sandbox = Counting()
    recall = Recall(sandbox)
    first = await recall.call(request("a"))
    assert await recall.call(request("a")) is first
    assert await recall.evaluate(condition()) is await recall.evaluate(condition())
    assert len(sandbox.asked) == 2
    for other in (request("b"), request("a", 2), request("a", 1, None)):
        await recall.call(other)
    await recall.evaluate(condition(2))
    assert len(sandbox.asked) == 6


async def test_a_failure_is_not_remembered() -> None:
    """The next to ask may be luckier."""
    sandbox = Counting()
    recall = Recall(sandbox)
    sandbox.broken = True
    for work in (recall.call(request("a")), recall.evaluate(condition())):
        with pytest.raises(SandboxUnavailable):
            await work
    sandbox.broken = False
    assert (await recall.call(request("a"))).outcomes
    assert (await recall.evaluate(condition())).truths


async def test_the_oldest_answers_make_room() -> None:
    """By number and by weight."""
    sandbox = Counting(weight=40)
    few, light = Recall(sandbox, most_reports=2), Recall(sandbox, most_bytes=100)
    for recall in (few, light):
        sandbox.asked.clear()
        for text in ("a", "b", "a", "c", "a"):
            await recall.call(request(text))
        assert len(sandbox.asked) == 3
        await recall.call(request("b"))
        assert len(sandbox.asked) == 4


def many(number: int, size: int) -> ConditionRequest:
    """Make a request whose values are as large as is said."""
    return ConditionRequest(
        expressions=(f"t != {number}",), bindings=(Binding(names={"t": ["str", str(number) * size]}),)
    )


async def test_conditions_make_room_by_what_they_weigh() -> None:
    """Large values are forgotten sooner, and what is too large for all is not kept at the cost of the others."""
    sandbox = Counting()
    recall = Recall(sandbox, most_bytes=25_000)
    for number in (1, 2, 1, 3, 1):
        await recall.evaluate(many(number, 10_000 + number))
    assert len(sandbox.asked) == 3
    await recall.evaluate(many(2, 10_002))
    assert len(sandbox.asked) == 4
    for number in (4, 5, 4, 5):
        await recall.evaluate(many(number, 30_000))
    assert len(sandbox.asked) == 8
    deep: list[object] = []
    for _ in range(3000):
        deep = [deep]
    await recall.evaluate(
        ConditionRequest.model_construct(
            expressions=("t",), bindings=(Binding.model_construct(names={"t": ["list", deep]}, old={}),), records=()
        )
    )
    await recall.evaluate(many(2, 10_002))
    assert len(sandbox.asked) == 9


async def test_conditions_under_way_are_waited_for() -> None:
    """All candidates of a batch ask them at the same moment."""
    sandbox = Counting()
    sandbox.let.clear()
    recall = Recall(sandbox)
    asking = [asyncio.ensure_future(recall.evaluate(condition())) for _ in range(5)]
    await asyncio.sleep(0)
    sandbox.let.set()
    assert len({id(report) for report in await asyncio.gather(*asking)}) == 1
    assert len(sandbox.asked) == 1


async def test_one_who_gives_up_takes_no_other_along() -> None:
    """The cancellation of whoever asked first is his own."""
    sandbox = Counting()
    sandbox.let.clear()
    recall = Recall(sandbox)
    first, second = (asyncio.ensure_future(recall.evaluate(condition())) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    sandbox.let.set()
    assert (await second).truths
    with pytest.raises(asyncio.CancelledError):
        await first


def properties(text: str, value: int = 1, **fields: Any) -> PropertyRequest:
    """Ask for a property over one outcome that is known."""
    known = Outcome(kind=OutcomeKind.RETURNED, value=["int", str(value)], cpu_seconds=random.random())
    given: dict[str, Any] = {
        "program": Program(modules={"work.py": text}, module="work", function="f"),
        "properties": (Property(name="p", property_function="def p(n): assert f(n) == n"),),
        "calls": ((["int", "1"],),),
        "input_names": ("n",),
        "known": (known,),
    }
    return PropertyRequest(**{**given, **fields})


async def test_properties_of_equal_outcomes_are_checked_once() -> None:
    """Whatever the programs' texts are: a property's process is shown the outcomes alone."""
    sandbox = Counting()
    recall = Recall(sandbox)
    first = await recall.check_properties(properties("one"))
    assert await recall.check_properties(properties("two")) is first
    for other in (
        properties("two", value=2),
        properties("two", input_names=("m",)),
        properties("two", calls=((["int", "2"],),)),
        properties("two", properties=(Property(name="p", property_function="def p(n): assert f(n) > n"),)),
        properties("two", program=Program(modules={}, module="work", function="g")),
    ):
        await recall.check_properties(other)
    assert len(sandbox.asked) == 6


@pytest.mark.parametrize(
    "report",
    [
        PropertyReport(results=(PropertyResult(name="p", checked=1),)),
        PropertyReport(results=(PropertyResult(name="p", checked=0, broken="its process: killed"),), called=False),
    ],
    ids=["the program was called", "the property could not be run"],
)
async def test_what_program_or_machine_had_a_part_in_is_checked_again(report: PropertyReport) -> None:
    """It holds for this one run, also where others wait for it."""
    sandbox = Counting()
    sandbox.report = report
    sandbox.let.clear()
    recall = Recall(sandbox)
    asking = [asyncio.ensure_future(recall.check_properties(properties(text))) for text in ("one", "two")]
    await asyncio.sleep(0)
    sandbox.let.set()
    assert await asyncio.gather(*asking) == [report, report]
    await recall.check_properties(properties("two"))
    assert len(sandbox.asked) == 3


async def test_without_known_outcomes_nothing_is_remembered() -> None:
    """Then the program is what the property calls."""
    sandbox = Counting()
    recall = Recall(sandbox)
    for _ in range(2):
        await recall.check_properties(properties("one", known=()))
    assert len(sandbox.asked) == 2
