"""The static tools for Python behind one border: types by mypy, lint by ruff.

It executes no candidate, and judges no finding.
"""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol
from weakref import finalize

from millwright.adapters.analysis.batches import Bounds
from millwright.adapters.analysis.mypy_types import MypyTypes
from millwright.adapters.analysis.ruff_lint import RuffLint
from schemas.verification import AnalysisReport, AnalysisRequest, AnalysisTool

_Key = tuple[AnalysisTool, str, int, frozenset[tuple[str, str]]]


class _Checker(Protocol):
    """One tool."""

    async def check(self, requests: Sequence[AnalysisRequest]) -> list[AnalysisReport]: ...


class StaticAnalyser:
    """An ``Analyser``; ``cache`` is a folder of its own for mypy's types, else one that goes with this object."""

    def __init__(self, cache: Path | None = None, bounds: Bounds | None = None) -> None:
        bounds = bounds or Bounds()
        if cache is None:
            cache = Path(tempfile.mkdtemp(prefix="millwright-types-"))
            finalize(self, shutil.rmtree, cache, ignore_errors=True)
        self._tools: dict[AnalysisTool, _Checker] = {
            AnalysisTool.TYPES: MypyTypes(cache, bounds),
            AnalysisTool.LINT: RuffLint(bounds),
        }

    async def analyse(self, requests: Sequence[AnalysisRequest]) -> tuple[AnalysisReport, ...]:
        """Analyse a batch; one report per request, in order. Equal requests are analysed once.

        Raises:
            AnalyserUnavailable: a tool is missing, died, or gave an answer that cannot be trusted.
        """
        keys = [_key(request) for request in requests]
        unique = dict(zip(keys, requests, strict=True))
        reports: dict[_Key, AnalysisReport] = {}
        for tool, checker in self._tools.items():
            chosen = {key: request for key, request in unique.items() if request.tool is tool}
            if chosen:
                reports.update(zip(chosen, await checker.check(list(chosen.values())), strict=True))
        return tuple(reports[key] for key in keys)


def _key(request: AnalysisRequest) -> _Key:
    return request.tool, request.target, request.max_complexity, frozenset(request.modules.items())
