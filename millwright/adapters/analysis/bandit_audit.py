"""Audits candidates with bandit, a batch in one run.

It takes no settings from anywhere, honours no suppression and executes no candidate. A finding is marked as an error
where bandit itself holds it to be grave, with at least some confidence; what rejects is a confirmation's business.
"""

import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from millwright.adapters.analysis.batches import BatchFailed, Bounds, divided, lay_out, run_bounded, syntax_error
from millwright.errors import AnalyserUnavailable
from schemas.verification import AnalysisReport, AnalysisRequest, Finding, Severity

_LARGEST_BATCH = 200
_CANARY = "canary.py"
_CANARY_TEXT = "exec(input())\n"
_CANARY_CODE = "B102"
_COMMAND = ("-I", "-m", "bandit", "--quiet", "--format=json", "--ignore-nosec")
_CONFIDENT = ("HIGH", "MEDIUM")


class BanditAudit:
    """The security audit."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self._bounds = bounds or Bounds()

    async def check(self, requests: Sequence[AnalysisRequest]) -> list[AnalysisReport]:
        """Return a report per request, in order.

        Raises:
            AnalyserUnavailable: bandit is missing, died, or did not report what it was given to find.
        """
        reports: dict[int, AnalysisReport] = {}
        sound: list[int] = []
        for index, request in enumerate(requests):
            broken = syntax_error(request.modules[request.target], "syntax")
            if broken is not None:
                reports[index] = AnalysisReport(findings=(broken,))
            else:
                sound.append(index)
        for start in range(0, len(sound), _LARGEST_BATCH):
            chosen = sound[start : start + _LARGEST_BATCH]
            found = await divided(self._check_batch, [requests[index] for index in chosen], "bandit")
            reports.update(zip(chosen, found, strict=True))
        return [reports[index] for index in range(len(requests))]

    async def _check_batch(self, requests: Sequence[AnalysisRequest]) -> list[AnalysisReport]:
        if find_spec("bandit") is None:
            raise AnalyserUnavailable("bandit is not installed: install Millwright again, or run `make setup`")
        names = [f"candidate_{index:04}.py" for index in range(len(requests))]
        texts = (request.modules[request.target] for request in requests)
        with tempfile.TemporaryDirectory(prefix="millwright-bandit-") as scratch:
            folder = Path(scratch)
            lay_out(folder, {**dict(zip(names, texts, strict=True)), _CANARY: _CANARY_TEXT})
            ended = await run_bounded((sys.executable, *_COMMAND, *names, _CANARY), folder, self._bounds)
        if ended.status not in (0, 1):
            raise BatchFailed(f"it ended with status {ended.status} ({ended.last_words})")
        by_file = _complaints(ended.stdout)
        if not any(complaint["test_id"] == _CANARY_CODE for complaint in by_file[_CANARY]):
            raise BatchFailed("it did not report what it was given to find")
        return [_report(by_file[name]) for name in names]


def _complaints(text: str) -> defaultdict[str, list[dict[str, Any]]]:
    by_file: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    try:
        answer = json.loads(text)
        for complaint in answer["results"]:
            by_file[Path(complaint["filename"]).name].append(complaint)
        skipped = [f"{Path(error['filename']).name}: {error['reason']}" for error in answer["errors"]]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise BatchFailed(f"its answer is not understood: {text[:200]}") from error
    if skipped:
        raise BatchFailed(f"it skipped {'; '.join(skipped)[:200]}")
    return by_file


def _report(complaints: Sequence[dict[str, Any]]) -> AnalysisReport:
    findings = {_finding(complaint) for complaint in complaints}
    return AnalysisReport(findings=tuple(sorted(findings, key=lambda one: (one.line or 0, one.code, one.message))))


def _finding(complaint: dict[str, Any]) -> Finding:
    grave = complaint["issue_severity"] == "HIGH" and complaint["issue_confidence"] in _CONFIDENT
    return Finding(
        code=str(complaint["test_id"]),
        message=str(complaint["issue_text"]),
        line=complaint["line_number"],
        severity=Severity.ERROR if grave else Severity.WARNING,
    )
