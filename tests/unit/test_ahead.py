"""Work ahead of its turn: begun while the machine idles, never in the way, never left behind."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import pytest

from activities.ahead import Spare
from activities.climbing import Climber
from activities.quiet import Quiet
from schemas.execution import CallRequest
from schemas.verification import AnalysisReport, AnalysisRequest, AnalysisTool, Finding
from tests.languages.in_process import InProcessSandbox, SilentAnalyser
from tests.unit.test_climbing import CLAMPS, statuses


class Works:
    """Pieces of work that note when they begin, and end when they are let."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.let = asyncio.Event()

    def work(self, name: str) -> Callable[[], Coroutine[Any, Any, str]]:
        """Make a piece."""

        async def done() -> str:
            self.begun.append(name)
            try:
                await self.let.wait()
            finally:
                self.ended.append(name)
            return name

        return done


async def turns() -> None:
    """Let everything that can go on do so."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_as_many_are_begun_as_have_room() -> None:
    """The next one when one of them has ended; what was begun is taken and not done again."""
    works = Works()
    spare = Spare(Quiet(), 2)
    async with AsyncExitStack() as stack:
        ahead = [await stack.enter_async_context(spare.begin(works.work(name))) for name in "abc"]
        await turns()
        assert works.begun == ["a", "b"]
        works.let.set()
        await turns()
        assert works.begun == ["a", "b", "c"]
        assert [await one.take() for one in ahead] == ["a", "b", "c"]
    assert works.begun == works.ended == ["a", "b", "c"]


async def test_whose_turn_has_come_waits_for_no_room() -> None:
    """It is done at once, and once."""
    works = Works()
    works.let.set()
    quiet = Quiet()
    async with quiet.shared(), Spare(quiet, 1).begin(works.work("a")) as ahead:
        await turns()
        assert works.begun == []
        assert await ahead.take() == "a"
    await turns()
    assert works.begun == ["a"]


async def test_nothing_is_begun_beside_a_program_that_is_timed() -> None:
    """Nor while one waits to be."""
    works = Works()
    works.let.set()
    quiet = Quiet()
    async with quiet.alone(), Spare(quiet, 4).begin(works.work("a")):
        await turns()
        assert works.begun == []


async def test_what_nobody_takes_is_ended() -> None:
    """Also when it has failed by then."""

    async def failing() -> str:
        raise ValueError("nobody hears of it")

    works = Works()
    spare = Spare(Quiet(), 4)
    async with spare.begin(works.work("a")), spare.begin(failing):
        await turns()
    assert works.ended == ["a"]


async def test_a_failure_is_told_to_whoever_takes_it() -> None:
    """Then it is the work's own."""

    async def failing() -> str:
        raise ValueError("broken")

    async with Spare(Quiet(), 4).begin(failing) as ahead:
        await turns()
        with pytest.raises(ValueError, match="broken"):
            await ahead.take()


class Typed(SilentAnalyser):
    """An analyser that checks types once it is let, and finds what it is told."""

    def __init__(self, *findings: Finding) -> None:
        super().__init__()
        self.findings = findings
        self.let = asyncio.Event()

    async def analyse(self, requests: Any) -> tuple[AnalysisReport, ...]:
        """Hold the types back."""
        asked: list[AnalysisRequest] = list(requests)
        if asked[0].tool is not AnalysisTool.TYPES:
            return await super().analyse(requests)
        await self.let.wait()
        return (AnalysisReport(findings=self.findings),) * len(asked)


async def test_candidates_are_tried_while_their_types_are_checked() -> None:
    """On a machine with room for them; the layers above read that run."""
    sandbox, analyser = InProcessSandbox(), Typed()
    climbing = asyncio.ensure_future(Climber(sandbox, analyser, programs=4).climb(CLAMPS))
    await turns()
    runs = [request for request in sandbox.asked if isinstance(request, CallRequest)]
    assert len(runs) == len(CLAMPS)
    analyser.let.set()
    assert all(set(statuses(verdicts)) <= {"passed", "not_applicable"} for verdicts in await climbing)
    assert len([request for request in sandbox.asked if isinstance(request, CallRequest)]) == len(runs)


async def test_what_was_tried_ahead_changes_no_verdict() -> None:
    """A candidate that the types reject has no verdict above them."""
    told: list[Any] = []
    for programs in (0, 4):
        analyser = Typed(Finding(code="types", message="wrong"))
        climbing = asyncio.ensure_future(Climber(InProcessSandbox(), analyser, programs=programs).climb(CLAMPS))
        await turns()
        analyser.let.set()
        told.append([[(each.layer, each.status, each.reason) for each in verdicts] for verdicts in await climbing])
    assert told[0] == told[1]
    assert told[0][0][2][2] == "rejected by types"
