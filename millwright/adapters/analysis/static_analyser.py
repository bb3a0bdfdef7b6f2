"""The static tools for Python behind one border: types by mypy, lint by ruff, and what else it is given.

It executes no candidate, and judges no finding.
"""

import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from weakref import finalize

from millwright.adapters.analysis.batches import Bounds, Checker
from millwright.adapters.analysis.mypy_command import OPTIONS, WARMED, MypyCommand
from millwright.adapters.analysis.mypy_types import MypyTypes
from millwright.adapters.analysis.mypy_warm import WarmMypy
from millwright.adapters.analysis.ruff_lint import RuffLint
from millwright.errors import AnalyserUnavailable
from schemas.verification import AnalysisReport, AnalysisRequest, AnalysisTool

_Key = tuple[AnalysisTool, str, int, tuple[tuple[str, str], ...], str | None]

_KEPT_REPORTS = 256
_WARM_BOUNDS = Bounds(wall_seconds=30.0, cpu_seconds=20)
"""What a warm batch may use; the command line, which answers where it ran out, has the caller's bounds."""
_NONE: Mapping[AnalysisTool, Checker] = MappingProxyType({})


class StaticAnalyser:
    """An ``Analyser``; ``cache`` is a folder of its own for mypy's types, else one that goes with this object.

    ``further`` are tools beside its own. Nothing is started before it is needed; ``close`` ends what was.
    """

    def __init__(
        self, cache: Path | None = None, bounds: Bounds | None = None, further: Mapping[AnalysisTool, Checker] = _NONE
    ) -> None:
        bounds = bounds or Bounds()
        self._scratch: Path | None = None
        if cache is None:
            cache = self._scratch = Path(tempfile.mkdtemp(prefix="millwright-types-"))
            finalize(self, shutil.rmtree, cache, ignore_errors=True)
        command = MypyCommand(cache, bounds)
        self._types = MypyTypes(command, WarmMypy(OPTIONS, WARMED, _tighter(bounds)))
        own: dict[AnalysisTool, Checker] = {
            AnalysisTool.TYPES: self._types,
            AnalysisTool.TYPES_COLD: MypyTypes(command),
            AnalysisTool.LINT: RuffLint(bounds),
        }
        self._remembered = frozenset(own)
        self._tools = {**own, **further}
        self._reports: OrderedDict[_Key, AnalysisReport] = OrderedDict()

    async def analyse(self, requests: Sequence[AnalysisRequest]) -> tuple[AnalysisReport, ...]:
        """Analyse a batch; one report per request, in order. Equal requests are analysed once.

        Raises:
            AnalyserUnavailable: a tool is missing, died, or gave an answer that cannot be trusted.
        """
        keys = [_key(request) for request in requests]
        unique = dict(zip(keys, requests, strict=True))
        reports = {key: self._reports[key] for key in unique if key in self._reports}
        asked: dict[AnalysisTool, list[_Key]] = {}
        for key, request in unique.items():
            if key not in reports:
                asked.setdefault(request.tool, []).append(key)
        for tool, chosen in asked.items():
            found = await self._checker(tool).check([unique[key] for key in chosen])
            reports.update(zip(chosen, found, strict=True))
        self._remember(unique, reports)
        return tuple(reports[key] for key in keys)

    def close(self) -> None:
        """End the warm type checker and remove what it kept; the next request would start and make them again."""
        self._types.close()
        if self._scratch is not None:  # now, and not when the collector of garbage may come to it
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _checker(self, tool: AnalysisTool) -> Checker:
        checker = self._tools.get(tool)
        if checker is None:
            raise AnalyserUnavailable(f"no tool for {tool.value} is set up here: run `millwright doctor`")
        return checker

    def _remember(self, requests: Mapping[_Key, AnalysisRequest], reports: Mapping[_Key, AnalysisReport]) -> None:
        """Keep the latest reports: two layers may ask the same of one candidate. A tool's failure is not kept."""
        for key, request in requests.items():
            failed = any(finding.code == "tool-failure" for finding in reports[key].findings)
            if request.tool in self._remembered and not failed:
                self._reports[key] = reports[key]
                self._reports.move_to_end(key)
        while len(self._reports) > _KEPT_REPORTS:
            self._reports.popitem(last=False)


def _tighter(bounds: Bounds) -> Bounds:
    return Bounds(
        wall_seconds=min(bounds.wall_seconds, _WARM_BOUNDS.wall_seconds),
        cpu_seconds=min(bounds.cpu_seconds, _WARM_BOUNDS.cpu_seconds),
        memory_bytes=bounds.memory_bytes,
    )


def _key(request: AnalysisRequest) -> _Key:
    """Return all that a request says; what depends on a task is told apart by its whole specification."""
    task = None if request.task is None else request.task.model_dump_json()
    return request.tool, request.target, request.max_complexity, tuple(sorted(request.modules.items())), task
