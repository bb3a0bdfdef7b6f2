"""Analyses gathered into batches, and runs that are beside each other or alone."""

import asyncio
from collections.abc import Sequence

import pytest

from activities.gathering import Gathering
from activities.quiet import Quiet
from millwright.errors import AnalyserUnavailable
from schemas.verification import AnalysisReport, AnalysisRequest, AnalysisTool, Finding


class Slow:
    """An analyser that answers with the file's own text, once it is let."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.begun = asyncio.Event()
        self.let = asyncio.Event()
        self.let.set()
        self.broken = False

    async def analyse(self, requests: Sequence[AnalysisRequest]) -> tuple[AnalysisReport, ...]:
        """Answer a batch."""
        self.batches.append([request.modules["a.py"] for request in requests])
        self.begun.set()
        await self.let.wait()
        if self.broken:
            raise AnalyserUnavailable("gone")
        return tuple(
            AnalysisReport(findings=(Finding(code="text", message=request.modules["a.py"]),)) for request in requests
        )


def request(text: str, tool: AnalysisTool = AnalysisTool.TYPES) -> AnalysisRequest:
    """Ask about a file of this text."""
    return AnalysisRequest(tool=tool, modules={"a.py": text}, target="a.py")


async def said(gathering: Gathering, text: str, tool: AnalysisTool = AnalysisTool.TYPES) -> str:
    """Return what the analyser said of a text."""
    return (await gathering.analyse(request(text, tool))).report.findings[0].message


async def test_what_is_asked_at_the_same_moment_is_one_batch_per_tool() -> None:
    """And everyone gets the answer to his own question."""
    analyser = Slow()
    gathering = Gathering(analyser)
    asked = [said(gathering, text) for text in "abc"] + [said(gathering, "d", AnalysisTool.LINT)]
    assert await asyncio.gather(*asked) == ["a", "b", "c", "d"]
    assert sorted(analyser.batches) == [["a", "b", "c"], ["d"]]


async def test_what_is_asked_meanwhile_makes_the_next_batches() -> None:
    """None of them larger than allowed."""
    analyser = Slow()
    analyser.let.clear()
    gathering = Gathering(analyser, largest_batch=2)
    first = asyncio.ensure_future(said(gathering, "a"))
    await analyser.begun.wait()
    rest = [asyncio.ensure_future(said(gathering, text)) for text in "bcd"]
    await asyncio.sleep(0)
    analyser.let.set()
    assert await asyncio.gather(first, *rest) == list("abcd")
    assert analyser.batches == [["a"], ["b", "c"], ["d"]]


async def test_a_failure_is_told_to_its_batch_only() -> None:
    """The next batch has another chance."""
    analyser = Slow()
    gathering = Gathering(analyser)
    analyser.broken = True
    with pytest.raises(AnalyserUnavailable):
        await said(gathering, "a")
    analyser.broken = False
    assert await said(gathering, "b") == "b"


async def test_one_question_asked_twice_at_once_is_looked_at_once() -> None:
    """And is answered for as long as one of the two waits."""
    analyser = Slow()
    analyser.let.clear()
    gathering = Gathering(analyser)
    question = request("a")
    first, second = (asyncio.ensure_future(gathering.analyse(question)) for _ in range(2))
    await analyser.begun.wait()
    first.cancel()
    await asyncio.sleep(0)
    third = asyncio.ensure_future(gathering.analyse(question))
    await asyncio.sleep(0)
    analyser.let.set()
    assert (await second).report == (await third).report == (await gathering.analyse(question)).report
    assert analyser.batches == [["a"]]


async def test_one_who_gives_up_is_left_out() -> None:
    """The others get their answers."""
    analyser = Slow()
    gathering = Gathering(analyser)
    asked = [asyncio.ensure_future(said(gathering, text)) for text in "ab"]
    await asyncio.sleep(0)
    asked[0].cancel()
    assert await asked[1] == "b"
    assert analyser.batches == [["b"]]


async def test_who_is_alone_is_alone() -> None:
    """Others wait for his end, as he waited for theirs."""
    quiet = Quiet()
    running: list[str] = []
    seen: list[tuple[str, list[str]]] = []

    async def run(name: str, alone: bool) -> None:
        async with quiet.alone() if alone else quiet.shared():
            running.append(name)
            await asyncio.sleep(0)
            seen.append((name, sorted(running)))
            await asyncio.sleep(0)
            running.remove(name)

    await asyncio.gather(run("a", False), run("b", False), run("X", True), run("c", False), run("Y", True))
    assert seen[0][1] == ["a", "b"]
    assert [beside for name, beside in seen if name in "XY"] == [["X"], ["Y"]]
    assert len(seen) == 5


async def test_a_wait_that_is_given_up_blocks_nobody() -> None:
    """Neither one to be alone nor one that was alone and failed."""
    quiet = Quiet()
    async with quiet.shared():
        waiting = asyncio.ensure_future(quiet.alone().__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        async with asyncio.timeout(5), quiet.shared():
            pass
    with pytest.raises(ValueError, match="inside"):
        async with quiet.alone():
            raise ValueError("inside")
    async with asyncio.timeout(5), quiet.shared():
        pass
