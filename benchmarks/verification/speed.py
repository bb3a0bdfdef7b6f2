"""Measures what a candidate costs: the ladder in batches, beside the naive pipeline in the same run.

``python -m benchmarks.verification.speed --data DIR``. It prints figures and ratios and demands none of them; a
candidate that does not pass every layer ends it, for then less than eight layers would be measured.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean, median

from activities.climbing import Climber
from benchmarks.verification.naive import Naive
from benchmarks.verification.workload import SPECIFICATIONS, candidate, references, tasks, with_everything
from millwright.commandline.candidates import Candidate
from millwright.commandline.checking import Checking
from millwright.commandline.composition import LadderTools
from millwright.core.verification.layer import Subject
from millwright.ports import InputSource
from millwright.toolbox import Toolbox, open_toolbox, spare_collections
from schemas.identity import Digest
from schemas.specification import TaskSpecification
from schemas.verification import InputSet, Verdict, VerdictStatus
from starter import Adapters

WANTED = {1: 30.0, 8: 90.0, 32: 100.0}
"""Times faster than the naive pipeline that are aimed at, by candidates a batch."""

MOST_MILLISECONDS = 25.0
"""Wall-clock a candidate at batch 8 that is aimed at."""


@dataclass(frozen=True)
class Timed:
    """What batches of one size took: wall-clock milliseconds a candidate, batch by batch."""

    size: int
    milliseconds: tuple[float, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns 0 also when there is no data, which it says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help=f"folder with {SPECIFICATIONS}")
    parser.add_argument("--naive", type=int, default=10, metavar="N", help="candidates for the naive pipeline")
    parser.add_argument("--tasks", type=int, default=24, metavar="N", help="tasks for the ladder")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="programs run at once")
    options = parser.parse_args(arguments)
    if not (options.data / SPECIFICATIONS).is_file():
        print(f"skipped: verification/speed needs {SPECIFICATIONS} in {options.data}; give the folder by --data")
        return 0
    return asyncio.run(_measure(options.data, options.tasks, options.naive, options.jobs))


async def _measure(data: Path, count: int, naive_count: int, jobs: int) -> int:
    known = references()
    every = {task_id: with_everything(task) for task_id, task in tasks(data).items() if task_id in known}
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, {jobs} programs at once, {len(every)} tasks")
    async with open_toolbox(Adapters(os.environ).settings().cache, slots=jobs) as toolbox:
        fresh = partial(_fresh, toolbox, _Made(toolbox.inputs))
        chosen = await _sound(fresh(), every, known, count)
        spare_collections()
        naive = _naive({task_id: every[task_id] for task_id in list(chosen)[:naive_count]}, known)
        for size, plan in ((1, _one_each), (8, _alike), (32, _alike)):
            _print(await _timed(fresh, plan(chosen, known, size), size), naive, "one task a batch")
        _print(await _timed(fresh, _mixed(chosen, known, 8), 8), naive, "a task each")
    return 0


class _Made:
    """Makes each task's inputs once, as a project does, and not once a candidate."""

    def __init__(self, source: InputSource) -> None:
        self._source = source
        self._made: dict[Digest, InputSet] = {}

    async def inputs(self, task: TaskSpecification, digest: Digest) -> InputSet:
        """Return a task's inputs."""
        if digest not in self._made:
            self._made[digest] = await self._source.inputs(task, digest)
        return self._made[digest]


def _fresh(toolbox: Toolbox, made: _Made) -> LadderTools:
    """Return tools that are warm and remember nothing of any candidate: each batch is to do all of its own work."""
    climber = Climber(toolbox.sandbox, toolbox.analyser, toolbox.second, programs=toolbox.programs)

    async def climb(subject: Subject, first_rejection_stops: bool) -> tuple[Verdict, ...]:
        (verdicts,) = await climber.climb([subject], first_rejection_stops=first_rejection_stops)
        return verdicts

    return LadderTools(inputs=made.inputs, climb=climb, confirm=climber.confirm)


async def _sound(
    tools: LadderTools, every: dict[str, TaskSpecification], known: dict[str, str], count: int
) -> dict[str, TaskSpecification]:
    """Choose the first tasks whose reference passes every layer, none of them idle."""
    checking = Checking(tools, all_layers=False)
    given = [Candidate(task_id, every[task_id], known[task_id]) for task_id in every]
    answers = {answer.id: answer async for answer in checking.verify(given)}
    sound = [
        task_id
        for task_id in every
        if answers[task_id].passed and all(line.verdict is VerdictStatus.PASSED for line in answers[task_id].layers)
    ]
    print(f"{len(sound)} of {len(every)} references pass all eight layers, none of which is idle; {count} are timed")
    return {task_id: every[task_id] for task_id in sound[:count]}


Batches = list[list[Candidate]]
Chosen = dict[str, TaskSpecification]
Plan = Callable[[Chosen, dict[str, str], int], Batches]


def _one_each(chosen: Chosen, known: dict[str, str], size: int) -> Batches:
    return [[candidate(task, known[task_id], 0)] for task_id, task in chosen.items()]


def _alike(chosen: Chosen, known: dict[str, str], size: int) -> Batches:
    count = max(4, 160 // size)
    picked = list(chosen.items())[:count]
    return [[candidate(task, known[task_id], size * 100 + n) for n in range(size)] for task_id, task in picked]


def _mixed(chosen: Chosen, known: dict[str, str], size: int) -> Batches:
    given = [candidate(task, known[task_id], 5000) for task_id, task in chosen.items()]
    return [given[start : start + size] for start in range(0, len(given) - size + 1, size)]


async def _timed(fresh: Callable[[], LadderTools], batches: Batches, size: int) -> Timed:
    taken = []
    for batch in batches:
        checking = Checking(fresh(), all_layers=False, at_once=size)
        started = time.perf_counter()
        answers = [answer async for answer in checking.verify(batch)]
        taken.append((time.perf_counter() - started) * 1000 / len(batch))
        failed = [answer for answer in answers if not answer.passed]
        if failed:
            raise SystemExit(f"a reference was not accepted, so nothing is measured: {failed[0]}")
    return Timed(size, tuple(taken))


def _naive(chosen: Chosen, known: dict[str, str]) -> float:
    """Return the mean milliseconds a candidate, caches warm: the first one is not counted."""
    whole = []
    layers: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="millwright-naive-") as scratch:
        naive = Naive(Path(scratch))
        for index, (task_id, task) in enumerate([next(iter(chosen.items())), *chosen.items()]):
            try:
                seconds = naive.verify(task, known[task_id])
            except RuntimeError as error:
                print(f"left out of the naive pipeline: {task_id}: {error}")
                continue
            if index:
                whole.append(sum(seconds.values()) * 1000)
                for layer, spent in seconds.items():
                    layers.setdefault(layer, []).append(spent * 1000)
    shown = ", ".join(f"{layer} {mean(spent):.0f}" for layer, spent in layers.items())
    print(f"naive: {mean(whole):.0f} ms a candidate (median {median(whole):.0f}, {len(whole)} candidates): {shown}")
    return mean(whole)


def _print(timed: Timed, naive: float, what: str) -> None:
    each = mean(timed.milliseconds)
    ratio = naive / each
    print(
        f"batch {timed.size:>2} ({what}): {each:.1f} ms a candidate (median {median(timed.milliseconds):.1f}, "
        f"{min(timed.milliseconds):.1f} to {max(timed.milliseconds):.1f}, {len(timed.milliseconds)} batches): "
        f"{ratio:.0f}x the naive pipeline (aim {WANTED[timed.size]:.0f}x"
        + (f", {MOST_MILLISECONDS:.0f} ms)" if timed.size == 8 else ")")
    )


if __name__ == "__main__":
    sys.exit(main())
