"""Gathers the analyses that many candidates ask for one by one into batches, which the tools are made for.

It waits for nobody: while a tool is busy, what is asked meanwhile makes the next batch.
"""

import asyncio
import time
from collections import OrderedDict, defaultdict
from dataclasses import dataclass

from millwright.core.verification.reports import tool_failure
from millwright.ports import Analyser
from schemas.verification import AnalysisReport, AnalysisRequest, AnalysisTool

LARGEST_BATCH = 32
"""Requests a batch: beyond this the tools gain little, and answers come late."""

MOST_ANSWERS = 128
"""Answers that are kept: layers ask the same of one candidate, one soon after the other."""


@dataclass(frozen=True)
class Told:
    """An analyser's report, and this request's share of the seconds that its batch took."""

    report: AnalysisReport
    seconds: float


@dataclass
class _Asked:
    """A request under way, and how many wait for its answer."""

    request: AnalysisRequest
    answer: "asyncio.Future[Told]"
    waiting: int = 0

    async def told(self) -> Told:
        """Wait for the answer; once nobody does, the request need not be looked at."""
        self.waiting += 1
        try:
            return await asyncio.shield(self.answer)
        finally:
            self.waiting -= 1
            if not self.waiting:
                self.answer.cancel()  # of no effect once there is an answer


class Gathering:
    """Asks an analyser; one batch of each tool is under way at a time."""

    def __init__(self, analyser: Analyser, *, largest_batch: int = LARGEST_BATCH) -> None:
        self._analyser = analyser
        self._largest = largest_batch
        self._waiting: defaultdict[AnalysisTool, list[_Asked]] = defaultdict(list)
        self._under_way: dict[int, _Asked] = {}
        self._answered: OrderedDict[int, tuple[AnalysisRequest, AnalysisReport]] = OrderedDict()
        self._serving: dict[AnalysisTool, asyncio.Task[None]] = {}

    async def analyse(self, request: AnalysisRequest) -> Told:
        """Analyse one candidate, together with those that are asked about at the same moment.

        What was answered is not asked again, and takes no time.

        Raises:
            AnalyserUnavailable: the batch got no answer.
        """
        known = self._answered.get(id(request))
        if known is not None:  # the request is kept with the report, so that no other can have its identity
            return Told(known[1], 0.0)
        asked = self._under_way.get(id(request))
        if asked is None or asked.answer.done():
            asked = self._ask_for(request)
        return await asked.told()

    def _ask_for(self, request: AnalysisRequest) -> _Asked:
        asked = self._under_way[id(request)] = _Asked(request, asyncio.get_running_loop().create_future())
        asked.answer.add_done_callback(lambda _: self._over(asked))
        self._waiting[request.tool].append(asked)
        serving = self._serving.get(request.tool)
        if serving is None or serving.done():
            self._serving[request.tool] = asyncio.ensure_future(self._serve(request.tool))
        return asked

    def _over(self, asked: _Asked) -> None:
        """Keep a proper answer, in the place of the oldest."""
        key = id(asked.request)
        if self._under_way.get(key) is asked:
            del self._under_way[key]
        if asked.answer.cancelled() or asked.answer.exception() is not None:
            return
        report = asked.answer.result().report
        if tool_failure(report) is None:
            self._answered[key] = (asked.request, report)
            while len(self._answered) > MOST_ANSWERS:
                self._answered.popitem(last=False)

    async def _serve(self, tool: AnalysisTool) -> None:
        await asyncio.sleep(0)  # whoever is about to ask comes along
        while self._waiting[tool]:
            batch = [asked for asked in self._waiting[tool][: self._largest] if not asked.answer.done()]
            del self._waiting[tool][: self._largest]
            if batch:
                await self._ask(batch)

    async def _ask(self, batch: list[_Asked]) -> None:
        started = time.perf_counter()
        try:
            reports = await self._analyser.analyse([asked.request for asked in batch])
            share = (time.perf_counter() - started) / len(batch)
            for asked, report in zip(batch, reports, strict=True):
                if not asked.answer.done():  # whoever asked may have given up
                    asked.answer.set_result(Told(report, share))
        except BaseException as error:  # handed to those who wait, whatever it is; cancellation ends this task too
            for asked in batch:
                if asked.answer.done():
                    continue
                if isinstance(error, asyncio.CancelledError):
                    asked.answer.cancel()
                else:
                    asked.answer.set_exception(error)
            if not isinstance(error, Exception):
                raise
