"""Type-checks candidates with ``mypy --strict``, a batch in one run.

It takes no settings from anywhere, sees no third-party packages, and judges nothing: suppressions in a candidate are
another layer's business. Each run carries a module with a known error; where that is not reported, nothing is believed.
"""

import ast
import asyncio
import json
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from millwright.adapters.analysis.batches import BatchFailed, Bounds, Ended, divided, lay_out, run_bounded, syntax_error
from millwright.errors import AnalyserUnavailable
from schemas.verification import AnalysisReport, AnalysisRequest, Finding

_LARGEST_BATCH = 100
_CANARY = "millwright_canary.py"
_CANARY_TEXT = 'CANARY: int = "sings"\n'
_OPTIONS = (
    *("--strict", "--config-file=", "--no-site-packages", "--explicit-package-bases", "--no-error-summary"),
    *("--no-color-output", "--output=json"),
)
_WARMED = (
    *("abc", "array", "base64", "bisect", "calendar", "cmath", "collections.abc", "contextlib", "copy", "csv"),
    *("dataclasses", "datetime", "decimal", "difflib", "enum", "fractions", "functools", "hashlib", "heapq", "io"),
    *("itertools", "json", "math", "numbers", "operator", "random", "re", "statistics", "string", "struct"),
    *("textwrap", "time", "types", "typing", "unicodedata", "uuid", "zlib"),
)
"""Modules of the standard library whose types are read once and kept."""


@dataclass(frozen=True)
class _Seat:
    """Where a candidate sits in a run: its file there, its module's name there, and its true name."""

    file: str
    module: str
    true_module: str


class MypyTypes:
    """The type checker; ``cache`` is a folder of its own in which the types of the standard library are kept."""

    def __init__(self, cache: Path, bounds: Bounds) -> None:
        self._cache = cache
        self._bounds = bounds
        self._warming = asyncio.Lock()

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

    async def _check_batch(self, requests: Sequence[AnalysisRequest]) -> list[AnalysisReport]:
        """Check candidates that share their dependencies in one run."""
        seats = [_seat(index, request) for index, request in enumerate(requests)]
        files = {name: text for name, text in requests[0].modules.items() if name != requests[0].target}
        for seat, request in zip(seats, requests, strict=True):
            files[seat.file] = request.modules[request.target]
        ended = await self._run(files, [seat.file for seat in seats])
        by_file: dict[str, list[dict[str, object]]] = defaultdict(list)
        for complaint in _complaints(ended):
            by_file[str(complaint["file"])].append(complaint)
        blocked = ended.status not in (0, 1)
        if blocked and not (len(requests) == 1 and ended.status == 2 and by_file[seats[0].file]):
            raise BatchFailed(f"it ended with status {ended.status} ({ended.last_words})")
        if not blocked and not by_file[_CANARY]:
            raise BatchFailed("it did not report the error that it was given to find")
        return [_report(seat, by_file[seat.file]) for seat in seats]

    async def _run(self, files: Mapping[str, str], targets: Sequence[str]) -> Ended:
        warm = await self._warm_cache()
        with tempfile.TemporaryDirectory(prefix="millwright-mypy-") as scratch:
            folder, cache = Path(scratch, "modules"), Path(scratch, "cache")
            await asyncio.to_thread(shutil.copytree, warm, cache)
            lay_out(folder, {**files, _CANARY: _CANARY_TEXT})
            return await run_bounded(_command(cache, (*targets, _CANARY)), folder, self._bounds)

    async def _warm_cache(self) -> Path:
        """Return the folder with the standard library's types, made by the first who needs it."""
        warm = self._cache / "standard-library"
        async with self._warming:
            if warm.is_dir():
                return warm
            self._cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix="warming-", dir=self._cache) as scratch:
                folder, fresh = Path(scratch, "modules"), Path(scratch, "cache")
                lay_out(folder, {"warm.py": "".join(f"import {name}\n" for name in _WARMED)})
                ended = await self._warmed(fresh, folder)
                if ended.status != 0:
                    raise AnalyserUnavailable(f"mypy cannot read the standard library's types: {ended.last_words}")
                await asyncio.to_thread(_keep, fresh, warm)
        return warm

    async def _warmed(self, cache: Path, folder: Path) -> Ended:
        if find_spec("mypy") is None:
            raise AnalyserUnavailable("mypy is not installed: install Millwright again, or run `make setup`")
        try:
            return await run_bounded(_command(cache, ("warm.py",)), folder, self._bounds)
        except BatchFailed as failure:
            raise AnalyserUnavailable(f"mypy is not usable: {failure}; run `millwright doctor`") from failure


def _keep(fresh: Path, warm: Path) -> None:
    try:
        fresh.rename(warm)
    except OSError as error:
        if not warm.is_dir():  # another process with the same folder may have been faster
            raise AnalyserUnavailable(f"mypy's cache cannot be kept in {warm}: {error}") from error


def _command(cache: Path, files: Sequence[str]) -> tuple[str, ...]:
    return (sys.executable, "-I", "-m", "mypy", *_OPTIONS, f"--cache-dir={cache}", *files)


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
    nodes = ast.walk(ast.parse(request.modules[request.target]))
    if any(isinstance(node, ast.ImportFrom) and node.level for node in nodes):
        return True
    name = _module(request.target).rpartition(".")[2]
    others = (text for path, text in request.modules.items() if path != request.target)
    return any(name in _imported(text) for text in others)


def _imported(source: str) -> set[str]:
    """Return the last words of all that a dependency imports."""
    words: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
            words |= {name.rpartition(".")[2] for name in (module, *(alias.name for alias in node.names))}
    return words


def _seat(index: int, request: AnalysisRequest) -> _Seat:
    true_module = _module(request.target)
    if _needs_its_place(request):
        return _Seat(request.target, true_module, true_module)
    module = f"millwright_candidate_{index:04}"
    return _Seat(f"{module}.py", module, true_module)


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _complaints(ended: Ended) -> list[dict[str, object]]:
    found = []
    for line in ended.stdout.splitlines():
        if not line.startswith("{"):
            continue
        try:
            complaint = json.loads(line)
        except json.JSONDecodeError as error:
            raise BatchFailed(f"its answer is not JSON: {line[:200]}") from error
        if complaint.get("severity") == "error":
            found.append(complaint)
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
