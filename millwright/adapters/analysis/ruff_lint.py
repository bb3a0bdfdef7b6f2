"""Lints candidates with ruff, a batch in one run: errors, pyflakes, bugbear, complexity and security.

It takes no settings from anywhere, honours no suppression, and judges nothing: which codes reject is
a layer's business.
"""

import json
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from millwright.adapters.analysis.batches import BatchFailed, Bounds, divided, lay_out, run_bounded, syntax_error
from millwright.errors import AnalyserUnavailable
from schemas.verification import AnalysisReport, AnalysisRequest, Finding

_LARGEST_BATCH = 200
_CANARY = "canary.py"
_CANARY_TEXT = "undefined_canary\n"
_OPTIONS = (
    *("check", "--isolated", "--ignore-noqa", "--no-cache", "--quiet", "--output-format=json", "--no-fix"),
    *("--select=E9,F,B,C901,S", "--target-version=py311", "--no-respect-gitignore"),
)


class RuffLint:
    """The linter."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds

    async def check(self, requests: Sequence[AnalysisRequest]) -> list[AnalysisReport]:
        """Return a report per request, in order.

        Raises:
            AnalyserUnavailable: ruff is missing, died, or did not report the error that it was given to find.
        """
        reports: dict[int, AnalysisReport] = {}
        groups: dict[int, list[int]] = defaultdict(list)
        for index, request in enumerate(requests):
            broken = syntax_error(request.modules[request.target], "invalid-syntax")
            if broken is not None:
                reports[index] = AnalysisReport(findings=(broken,))
            else:
                groups[request.max_complexity].append(index)
        for members in groups.values():
            for start in range(0, len(members), _LARGEST_BATCH):
                chosen = members[start : start + _LARGEST_BATCH]
                found = await divided(self._check_batch, [requests[index] for index in chosen], "ruff")
                reports.update(zip(chosen, found, strict=True))
        return [reports[index] for index in range(len(requests))]

    async def _check_batch(self, requests: Sequence[AnalysisRequest]) -> list[AnalysisReport]:
        names = [f"candidate_{index:04}.py" for index in range(len(requests))]
        texts = (request.modules[request.target] for request in requests)
        limit = f"--config=lint.mccabe.max-complexity={requests[0].max_complexity}"
        with tempfile.TemporaryDirectory(prefix="millwright-ruff-") as scratch:
            folder = Path(scratch)
            lay_out(folder, {**dict(zip(names, texts, strict=True)), _CANARY: _CANARY_TEXT})
            ended = await run_bounded((_ruff(), *_OPTIONS, limit, *names, _CANARY), folder, self._bounds)
        if ended.status not in (0, 1):
            raise BatchFailed(f"it ended with status {ended.status} ({ended.last_words})")
        by_file = _complaints(ended.stdout)
        if not by_file[_CANARY]:
            raise BatchFailed("it did not report the error that it was given to find")
        return [_report(by_file[name]) for name in names]


def _ruff() -> str:
    beside = Path(sys.executable).parent / "ruff"
    found = str(beside) if beside.is_file() else shutil.which("ruff")
    if found is None:
        raise AnalyserUnavailable("ruff is not installed: install Millwright again, or run `make setup`")
    return found


def _complaints(text: str) -> defaultdict[str, list[dict[str, Any]]]:
    by_file: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    try:
        for complaint in json.loads(text):
            by_file[Path(complaint["filename"]).name].append(complaint)
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise BatchFailed(f"its answer is not understood: {text[:200]}") from error
    return by_file


def _report(complaints: Sequence[dict[str, Any]]) -> AnalysisReport:
    findings = {
        Finding(
            code=str(complaint["code"] or "invalid-syntax"),
            message=str(complaint["message"]),
            line=complaint["location"]["row"],
        )
        for complaint in complaints
    }
    return AnalysisReport(findings=tuple(sorted(findings, key=lambda one: (one.line or 0, one.code, one.message))))
