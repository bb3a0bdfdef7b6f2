"""Lints candidates with ruff, a batch in one run: errors, pyflakes, bugbear, complexity and security.

It takes no settings from anywhere, honours no suppression, and judges nothing: which codes reject is
a layer's business.
"""

import json
import re
import shutil
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from millwright.adapters.analysis.batches import (
    BatchFailed,
    Bounds,
    divided,
    lay_out,
    run_bounded,
    scratch_folder,
    syntax_error,
)
from millwright.errors import AnalyserUnavailable
from schemas.verification import AnalysisReport, AnalysisRequest, Finding

_LARGEST_BATCH = 200
_CANARY = "canary.py"
_CANARY_TEXT = "undefined_canary\n"
_OPTIONS = (
    *("check", "--isolated", "--ignore-noqa", "--no-cache", "--quiet", "--output-format=json", "--no-fix"),
    *("--select=E9,F,B,C901,S", "--target-version=py311", "--no-respect-gitignore"),
    "--config=lint.mccabe.max-complexity=0",
)
_COMPLEX = re.compile(r"(?P<name>.*) is too complex \((?P<found>\d+) > 0\)", re.DOTALL)
"""What ruff says of every function under a limit of 0, so that requests with any limits share a run."""


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
        sound: list[int] = []
        for index, request in enumerate(requests):
            broken = syntax_error(request.modules[request.target], "invalid-syntax")
            if broken is not None:
                reports[index] = AnalysisReport(findings=(broken,))
            else:
                sound.append(index)
        for start in range(0, len(sound), _LARGEST_BATCH):
            chosen = sound[start : start + _LARGEST_BATCH]
            found = await divided(self._check_batch, [requests[index] for index in chosen], "ruff")
            reports.update(zip(chosen, found, strict=True))
        return [reports[index] for index in range(len(requests))]

    async def _check_batch(self, requests: Sequence[AnalysisRequest]) -> list[AnalysisReport]:
        names = [f"candidate_{index:04}.py" for index in range(len(requests))]
        texts = (request.modules[request.target] for request in requests)
        with scratch_folder("millwright-ruff-") as scratch:
            folder = Path(scratch)
            lay_out(folder, {**dict(zip(names, texts, strict=True)), _CANARY: _CANARY_TEXT})
            ended = await run_bounded((_ruff(), *_OPTIONS, *names, _CANARY), folder, self._bounds)
        if ended.status not in (0, 1):
            raise BatchFailed(f"it ended with status {ended.status} ({ended.last_words})")
        by_file = _complaints(ended.stdout)
        if not by_file[_CANARY]:
            raise BatchFailed("it did not report the error that it was given to find")
        return [_report(by_file[name], request.max_complexity) for name, request in zip(names, requests, strict=True)]


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


def _report(complaints: Sequence[dict[str, Any]], limit: int) -> AnalysisReport:
    findings = {finding for complaint in complaints if (finding := _finding(complaint, limit)) is not None}
    return AnalysisReport(findings=tuple(sorted(findings, key=lambda one: (one.line or 0, one.code, one.message))))


def _finding(complaint: dict[str, Any], limit: int) -> Finding | None:
    """Return a complaint as a finding; None where a function is not more complex than this candidate's limit."""
    code, message = str(complaint["code"] or "invalid-syntax"), str(complaint["message"])
    if code == "C901":
        measured = _COMPLEX.fullmatch(message)
        if measured is None:
            raise BatchFailed(f"what it says of complexity is not understood: {message[:200]}")
        if int(measured["found"]) <= limit:
            return None
        message = f"{measured['name']} is too complex ({measured['found']} > {limit})"
    return Finding(code=code, message=message, line=complaint["location"]["row"])
