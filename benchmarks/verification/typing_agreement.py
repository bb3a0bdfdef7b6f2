"""Compares the warm type checker with mypy's command line over real completions, and says what each costs.

The command line is the measure, and is run here by itself; only the cache with the standard library's types, of which
each run has a copy, is made by Millwright. Exit status 1 on any disagreement.

    python -m benchmarks.verification.typing_agreement --data DIR [--files 1500] [--singles 300]

DIR holds ``completions.jsonl``: one JSON object a line with a list of sources under ``completions``.
"""

import argparse
import ast
import asyncio
import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from millwright.adapters.analysis.batches import Bounds
from millwright.adapters.analysis.mypy_command import MypyCommand
from millwright.adapters.analysis.static_analyser import StaticAnalyser
from schemas.verification import AnalysisRequest, AnalysisTool

Errors = frozenset[tuple[int, str, str]]
"""The errors of one file: line, code and message."""

_TARGET = "candidate.py"
_CHUNK = 100
_BLOCKED = 2
_SEED = 20
_OPTIONS = (
    *("--strict", "--config-file=", "--no-site-packages", "--explicit-package-bases", "--no-error-summary"),
    *("--no-color-output", "--output=json"),
)


@dataclass
class Cost:
    """What one way took: seconds of wall-clock, and of CPU in the processes that it ended."""

    wall: float = 0.0
    cpu: float = 0.0


@contextmanager
def measured(cost: Cost) -> Iterator[None]:
    """Add what the body takes."""
    wall, cpu = time.perf_counter(), _cpu()
    yield
    cost.wall += time.perf_counter() - wall
    cost.cpu += _cpu() - cpu


def _cpu() -> float:
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in spent)


def sources(data: Path, count: int) -> list[str]:
    """Return that many different completions that parse, from all tasks; fewer if there are not so many."""
    found: dict[str, None] = {}
    for line in (data / "completions.jsonl").read_text(encoding="utf-8").splitlines():
        found |= dict.fromkeys(source for source in json.loads(line)["completions"] if _parses(source))
    chosen = list(found)
    random.Random(_SEED).shuffle(chosen)
    return chosen[:count]


def _parses(source: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def by_command_line(texts: Sequence[str], cache: Path) -> list[Errors]:
    """Check files in one fresh process of mypy's command line; in several where a file stops it for all."""
    names = [f"file_{index:04}.py" for index in range(len(texts))]
    with tempfile.TemporaryDirectory() as scratch:
        for name, text in zip(names, texts, strict=True):
            Path(scratch, name).write_text(text, encoding="utf-8")
        # A copy: mypy takes a file of the same name, size and second for the one that it has in its cache.
        copy = shutil.copytree(cache, Path(scratch, "cache"))
        command = (sys.executable, "-I", "-m", "mypy", *_OPTIONS, f"--cache-dir={copy}", *names)
        ended = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
    if ended.returncode == _BLOCKED and len(texts) > 1:
        middle = len(texts) // 2
        return by_command_line(texts[:middle], cache) + by_command_line(texts[middle:], cache)
    if ended.returncode not in (0, 1, _BLOCKED):
        raise SystemExit(f"mypy ended with status {ended.returncode}: {(ended.stdout + ended.stderr)[-1000:]}")
    errors: dict[str, set[tuple[int, str, str]]] = {name: set() for name in names}
    for told in map(json.loads, ended.stdout.splitlines()):
        if told["severity"] == "error":
            module = Path(told["file"]).stem
            message = told["message"].replace(module, Path(_TARGET).stem)
            errors[told["file"]].add((max(told["line"], 0), told["code"] or "misc", message))
    return [frozenset(errors[name]) for name in names]


async def by_analyser(analyser: StaticAnalyser, tool: AnalysisTool, texts: Sequence[str]) -> list[Errors]:
    """Check files in one call of the analyser."""
    requests = [AnalysisRequest(tool=tool, modules={_TARGET: text}, target=_TARGET) for text in texts]
    reports = await analyser.analyse(requests)
    return [frozenset((one.line or 0, one.code, one.message) for one in report.findings) for report in reports]


def _batches(texts: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (texts[start : start + size] for start in range(0, len(texts), size))


def _show(way: str, count: int, disagreements: int, cost: Cost) -> None:
    each = f"{cost.wall / count * 1000:8.2f} ms wall {cost.cpu / count * 1000:8.2f} ms cpu a file"
    print(f"{way:34} {count - disagreements:5} of {count:5} agree {each}")


async def compare(texts: Sequence[str], singles: int, cache: Path) -> int:
    """Run every way, print the figures, and return the number of disagreements."""
    cost, truth = Cost(), list[Errors]()
    with measured(cost):
        for batch in _batches(texts, _CHUNK):
            truth += by_command_line(batch, cache)
    codes = Counter(code for errors in truth for _line, code, _message in errors)
    print(f"{len(texts)} files, {sum(bool(errors) for errors in truth)} with errors: {dict(codes.most_common())}")
    _show(f"command line, {_CHUNK} a process", len(texts), 0, cost)
    wrong = 0
    alone = texts[: max(1, singles // 10)]
    cost = Cost()
    with measured(cost):
        answers = [by_command_line([text], cache)[0] for text in alone]
    wrong += _disagreements("command line alone", alone, answers, truth)
    _show("command line, 1 a process", len(alone), wrong, cost)
    for size, chosen in ((1, texts[:singles]), (8, texts), (32, texts)):
        wrong += await _warm(size, chosen, truth)
    return wrong


async def _warm(size: int, texts: Sequence[str], truth: Sequence[Errors]) -> int:
    """Check files in warm batches of one size; the server's start is outside wall-clock, not outside CPU time."""
    cost, answers = Cost(), list[Errors]()
    analyser = StaticAnalyser()
    try:
        await by_analyser(analyser, AnalysisTool.TYPES, ["x = 1\n"])
        before = _cpu()
        start = time.perf_counter()
        for batch in _batches(texts, size):
            answers += await by_analyser(analyser, AnalysisTool.TYPES, batch)
        cost.wall = time.perf_counter() - start
    finally:
        analyser.close()  # so that the server's children count as ended
    cost.cpu = _cpu() - before
    wrong = _disagreements(f"warm, batches of {size}", texts, answers, truth)
    _show(f"warm, {size} a batch", len(texts), wrong, cost)
    return wrong


def _disagreements(way: str, texts: Sequence[str], answers: Sequence[Errors], truth: Sequence[Errors]) -> int:
    wrong = 0
    for text, answer, true in zip(texts, answers, truth, strict=False):
        if answer != true:
            wrong += 1
            print(f"{way} disagrees:\n{text}\nonly there: {sorted(answer - true)}\nmissing: {sorted(true - answer)}")
    return wrong


def main() -> int:
    """Compare as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with completions.jsonl")
    parser.add_argument("--files", type=int, default=1500, help="files to check in batches (default 1500)")
    parser.add_argument("--singles", type=int, default=300, help="files to check one by one too (default 300)")
    arguments = parser.parse_args()
    texts = sources(arguments.data, arguments.files)
    with tempfile.TemporaryDirectory() as cache:
        asyncio.run(MypyCommand(Path(cache), Bounds()).types())
        wrong = asyncio.run(compare(texts, arguments.singles, Path(cache, "standard-library")))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
