"""Type-checks candidates with ``mypy --strict``, a batch at a time: warm where it can be, by the command line else.

It takes no settings from anywhere, sees no third-party packages, and judges nothing: suppressions in a candidate are
another layer's business. Each batch has a module with a known error; where that is not reported, nothing is believed.
"""

import ast
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from millwright.adapters.analysis.batches import (
    BatchFailed,
    Ended,
    divided,
    lay_out,
    parsed,
    scratch_folder,
    syntax_error,
)
from millwright.adapters.analysis.mypy_command import MypyCommand
from millwright.adapters.analysis.mypy_warm import BLOCKED, WarmDeclined, WarmFailed, WarmMypy
from schemas.verification import AnalysisReport, AnalysisRequest, Finding

_Complaints = defaultdict[str, list[dict[str, object]]]

_LARGEST_BATCH = 64
_ALONE = 2
"""The files of a batch of one: the candidate and the canary."""
_CANARY = "millwright_canary.py"
_CANARY_TEXT = 'CANARY: int = "sings"\n'


@dataclass(frozen=True)
class _Seat:
    """Where a candidate sits in a run: its file there, its module's name there, and its true name."""

    file: str
    module: str
    true_module: str


class MypyTypes:
    """The type checker: mypy's command line, asked only where the warm mypy gives no answer, if there is one."""

    def __init__(self, command: MypyCommand, warm: WarmMypy | None = None) -> None:
        self._command = command
        self.warm = warm

    async def check(self, requests: Sequence[AnalysisRequest]) -> list[AnalysisReport]:
        """Return a report per request, in order.

        Raises:
            AnalyserUnavailable: mypy is missing, died, or did not report the error that it was given to find.
        """
        reports: dict[int, AnalysisReport] = {}
        groups: dict[tuple[tuple[str, str], ...], list[int]] = defaultdict(list)
        for index, request in enumerate(requests):
            broken = syntax_error(request.modules[request.target], "syntax")
            if broken is not None:
                reports[index] = AnalysisReport(findings=(broken,))
            else:
                groups[_shared(request)].append(index)
        for members in groups.values():
            for start in range(0, len(members), _LARGEST_BATCH):
                chosen = members[start : start + _LARGEST_BATCH]
                found = await divided(self._check_batch, [requests[index] for index in chosen], "mypy")
                reports.update(zip(chosen, found, strict=True))
        return [reports[index] for index in range(len(requests))]

    def close(self) -> None:
        """End the warm mypy, if there is one."""
        if self.warm is not None:
            self.warm.close()

    async def _check_batch(self, requests: Sequence[AnalysisRequest]) -> list[AnalysisReport]:
        """Check candidates that share their dependencies in one run."""
        seats = [_seat(index, request) for index, request in enumerate(requests)]
        files = {name: text for name, text in requests[0].modules.items() if name != requests[0].target}
        for seat, request in zip(seats, requests, strict=True):
            files[seat.file] = request.modules[request.target]
        names = [*(seat.file for seat in seats), _CANARY]
        with scratch_folder("millwright-mypy-") as scratch:
            folder = Path(scratch, "modules")
            lay_out(folder, {**files, _CANARY: _CANARY_TEXT})
            by_file = await self._warm_complaints(folder, names)
            if by_file is None:
                by_file = _trusted(await self._command.check(folder, names), names)
        return [_report(seat, by_file[seat.file]) for seat in seats]

    async def _warm_complaints(self, folder: Path, names: Sequence[str]) -> _Complaints | None:
        """Return what the warm mypy says; None where that cannot be used.

        Raises:
            BatchFailed: one of several took all the time, or stops mypy; it is found by dividing.
        """
        if self.warm is None:
            return None
        try:
            ended = await self.warm.check(await self._command.types(), folder, names)
        except WarmDeclined:
            return None
        except WarmFailed as failure:
            if failure.late and len(names) > _ALONE:
                raise BatchFailed(str(failure), late=True) from failure
            return None
        blocked = ended.status == BLOCKED
        if blocked and len(names) > _ALONE:
            raise BatchFailed(f"something in it stops mypy ({ended.last_words})")
        try:
            return _trusted(ended, names)
        except BatchFailed as failure:
            if not blocked:
                self.warm.distrust(str(failure))
            return None


def _trusted(ended: Ended, names: Sequence[str]) -> _Complaints:
    """Return the complaints of a run by file, if it found the error that it was given to find.

    Where ``names`` are one candidate and the canary, a run that the candidate stopped counts too.
    """
    by_file = _complaints(ended)
    blocked = ended.status not in (0, 1)
    if blocked and not (len(names) == _ALONE and ended.status == BLOCKED and by_file[names[0]]):
        raise BatchFailed(f"it ended with status {ended.status} ({ended.last_words})")
    if not blocked and not by_file[_CANARY]:
        raise BatchFailed("it did not report the error that it was given to find")
    return by_file


def _shared(request: AnalysisRequest) -> tuple[tuple[str, str], ...]:
    """Return what requests must have in common to share a run: their dependencies.

    A candidate that must sit in its true place has its run to itself.
    """
    others = tuple(sorted((name, text) for name, text in request.modules.items() if name != request.target))
    if _needs_its_place(request):
        return (*others, (request.target, request.modules[request.target]))
    return others


def _needs_its_place(request: AnalysisRequest) -> bool:
    """Say whether a dependency may import the candidate, or the candidate imports relatively to itself."""
    if _imports(request.modules[request.target]).relative:
        return True
    name = _module(request.target).rpartition(".")[2]
    others = (text for path, text in request.modules.items() if path != request.target)
    return any(name in _imports(text).words for text in others)


@dataclass(frozen=True)
class _Imports:
    """The last words of all that a source imports, and whether it imports relatively."""

    words: frozenset[str]
    relative: bool


@lru_cache(maxsize=256)
def _imports(source: str) -> _Imports:
    words: set[str] = set()
    relative = False
    if "import" not in source:
        return _Imports(frozenset(), relative)
    tree = parsed(source)
    for node in ast.walk(tree) if isinstance(tree, ast.Module) else ():
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
            relative |= isinstance(node, ast.ImportFrom) and node.level > 0
            words |= {name.rpartition(".")[2] for name in (module, *(alias.name for alias in node.names))}
    return _Imports(frozenset(words), relative)


def _seat(index: int, request: AnalysisRequest) -> _Seat:
    true_module = _module(request.target)
    if _needs_its_place(request):
        return _Seat(request.target, true_module, true_module)
    module = f"millwright_candidate_{index:04}"
    return _Seat(f"{module}.py", module, true_module)


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _complaints(ended: Ended) -> _Complaints:
    found: _Complaints = defaultdict(list)
    for line in ended.stdout.splitlines():
        if not line.startswith("{"):
            continue
        try:
            complaint = json.loads(line)
        except json.JSONDecodeError as error:
            raise BatchFailed(f"its answer is not JSON: {line[:200]}") from error
        if complaint.get("severity") == "error":
            found[str(complaint["file"])].append(complaint)
    return found


def _report(seat: _Seat, complaints: Sequence[dict[str, object]]) -> AnalysisReport:
    findings = {
        Finding(
            code=str(complaint.get("code") or "misc"),
            message=str(complaint["message"]).replace(seat.module, seat.true_module),
            line=int(str(complaint["line"])) if int(str(complaint["line"])) > 0 else None,
        )
        for complaint in complaints
    }
    return AnalysisReport(findings=tuple(sorted(findings, key=lambda one: (one.line or 0, one.code, one.message))))
