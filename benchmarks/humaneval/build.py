"""Builds the specifications of a folder from its recorded completions, through everything, and prints what it took.

The embedded stack, the demo model over HTTP and a worker process are the real ones. It demands no figure, and no part
of the product reads the verdicts: only this program does, after the build, to say how many accepted sources were right.
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.humaneval.judging import Judge, accepted, at_least, rejections
from benchmarks.humaneval.measuring import Cost, MemoryWatch, activity_times, costs, layer_seconds, median, percentile
from millwright.adapters.embedded.demo_model import DEMO_MODEL_NAME
from millwright.adapters.embedded.home import StackState
from millwright.adapters.embedded.stack import EmbeddedStack
from millwright.adapters.embedded.supervisor import Child
from millwright.adapters.storage.migration import upgrade
from millwright.adapters.storage.postgres import open_store
from millwright.client import Build, Client
from millwright.ports import ArtifactStore, ProjectStore
from millwright.records import ProjectView, Records
from millwright.settings import Settings
from millwright.temporal import connect
from schemas.evidence import NodeRecord
from schemas.identity import ProjectId
from schemas.project import LadderMode, OnExhausted
from workflows.identifiers import node_workflow_id

ROOT = Path(__file__).resolve().parents[2]
POLL_SECONDS = 2.0
SHOWN = 5
"""Right sources that a layer rejected, shown with the reason."""
PROJECT = ProjectId("humaneval")
FILES = ("specs.yaml", "completions.jsonl")


@dataclass(frozen=True)
class Options:
    """What the command line asked for; ``limit`` None means every task of the folder."""

    data: Path
    k: int
    max_attempts: int
    on_exhausted: OnExhausted
    ladder: LadderMode
    seed: int
    limit: int | None
    seconds: float


@dataclass(frozen=True)
class Run:
    """A finished build: how it stands, its nodes, its wall-clock seconds, and what its processes used."""

    view: ProjectView
    nodes: tuple[NodeRecord, ...]
    wall_seconds: float
    finished: bool
    used: Mapping[str, Cost]
    peaks: Mapping[str, int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns 0 also when there is no data, which it says."""
    options = _options(arguments)
    missing = [name for name in FILES if not (options.data / name).is_file()]
    if missing:
        print(f"skipped: humaneval/build needs {' and '.join(missing)} in {options.data}; give the folder by --data")
        return 0
    home = Path(tempfile.mkdtemp(prefix="millwright-bench-"))
    try:
        asyncio.run(_measure(options, home))
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return 0


def _options(arguments: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.humaneval.build", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("humaneval"), help="folder with " + " and ".join(FILES))
    parser.add_argument("--k", type=int, default=3)
    parser.add_argument("--max-attempts", type=int, default=20)
    parser.add_argument("--on-exhausted", type=OnExhausted, default=OnExhausted.FAIL, choices=list(OnExhausted))
    parser.add_argument("--ladder", type=LadderMode, default=LadderMode.FUSED, choices=list(LadderMode))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, default=None, help="only the first so many tasks")
    parser.add_argument("--seconds", type=float, default=1800.0, help="stop waiting after so many seconds")
    return Options(**vars(parser.parse_args(arguments)))


async def _measure(options: Options, home: Path) -> None:
    load = os.getloadavg()[0]
    settings = Settings.read({"MILLWRIGHT_HOME": str(home)})
    stack = EmbeddedStack(
        settings, children=lambda state: _children(state, options.data), serves_model=True, ui=False, report=print
    )
    booting = time.perf_counter()
    async with stack as state:
        assert state.database_url is not None
        assert state.temporal_address is not None
        temporal = await connect(state.temporal_address)
        async with open_store(state.database_url) as store:
            print(f"stack up in {time.perf_counter() - booting:.1f} s; load average {load:.1f}")
            run = await _build(Client(temporal, store, store), store, store, state, options)
            _print_outcome(options, run)
            _print_use(run)
            coded = [node for node in run.nodes if node.parent is not None]
            handles = [temporal.get_workflow_handle(node_workflow_id(PROJECT, node.path)) for node in coded]
            _print_activities(await activity_times(handles), len(coded))
            _print_layers(await layer_seconds(store, PROJECT, coded), len(coded))
            await _print_judgement(options, store, coded)


def _children(state: StackState, data: Path) -> list[Child]:
    """Name the programs of the stack as `millwright build` does, the demo model with the recorded completions."""
    assert state.database_url is not None
    assert state.model_url is not None
    upgrade(state.database_url)
    port = int(state.model_url.removesuffix("/v1").rpartition(":")[2])
    environment = {**os.environ, **state.environment(), "PYTHONPATH": str(ROOT)}
    environment |= {"MILLWRIGHT_MODEL_NAME": DEMO_MODEL_NAME, "MILLWRIGHT_MODEL_KEY": ""}
    serve = [sys.executable, "-m", "millwright.adapters.embedded.demo_model", "--port", str(port)]
    serve += ["--completions", str((data / "completions.jsonl").resolve())]
    return [
        Child("demo-model", serve, environment=environment, ready_port=port),
        Child("worker", [sys.executable, "-m", "worker", "--role", "all"], environment=environment),
    ]


async def _build(
    client: Client, projects: ProjectStore, artifacts: ArtifactStore, state: StackState, options: Options
) -> Run:
    before, watch = costs(state.pids), MemoryWatch(state.pids)
    started = time.perf_counter()
    build = await client.build(
        specification=_specification(options),
        project=PROJECT,
        k=options.k,
        max_attempts=options.max_attempts,
        on_exhausted=options.on_exhausted,
        ladder=options.ladder,
        seed=options.seed,
    )
    records = Records(projects, artifacts)
    finished = await _followed(build, records, watch, options.seconds)
    wall = time.perf_counter() - started
    after = costs(state.pids)
    return Run(
        view=await records.view(PROJECT),
        nodes=await projects.nodes(PROJECT),
        wall_seconds=wall,
        finished=finished,
        used={name: after[name].minus(before[name]) for name in after},
        peaks=watch.peaks,
    )


def _specification(options: Options) -> str:
    text = (options.data / "specs.yaml").read_text(encoding="utf-8")
    if options.limit is None:
        return text
    return yaml.safe_dump(yaml.safe_load(text)[: options.limit], sort_keys=False, allow_unicode=True)


async def _followed(build: Build, records: Records, watch: MemoryWatch, seconds: float) -> bool:
    """Wait for the end, or until only a person can go on; false when the time ran out before."""
    ending = asyncio.ensure_future(build.result())
    deadline = time.monotonic() + seconds
    try:
        while time.monotonic() < deadline:
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(ending), POLL_SECONDS)
                return True
            watch.look()
            if await _only_waits(records):
                return True
        return False
    finally:
        ending.cancel()
        await asyncio.gather(ending, return_exceptions=True)


async def _only_waits(records: Records) -> bool:
    if not any(record.id == PROJECT for record in await records.projects()):
        return False
    view = await records.view(PROJECT)
    return view.counts.waiting > 0 and view.undecided == 0


def _print_outcome(options: Options, run: Run) -> None:
    counts, tasks = run.view.counts, max(run.view.counts.tasks, 1)
    print(
        f"\n{counts.tasks} tasks, k={options.k}, max-attempts={options.max_attempts}, on-exhausted="
        f"{options.on_exhausted.value}, ladder={options.ladder.value}, seed={options.seed}"
        + ("" if run.finished else f": STOPPED, not finished, {run.view.undecided} undecided")
    )
    print(f"  won {counts.won}  partial {counts.partial}  failed {counts.failed}  waiting {counts.waiting}")
    samples = sum(node.samples for node in run.nodes)
    flags = sum(node.red_flags for node in run.nodes)
    print(f"  calls {run.view.spend.calls}  samples counted {samples}  red flags {flags}")
    print(f"  wall {run.wall_seconds:.1f} s, {run.wall_seconds / tasks:.2f} s a task; load {os.getloadavg()[0]:.1f}")
    rejected = Counter[str]()
    for node in run.nodes:
        rejected.update({layer.value: number for layer, number in node.rejected_by_layer.items()})
    print("  rejected by layer: " + (", ".join(f"{layer} {number}" for layer, number in rejected.items()) or "none"))


def _print_use(run: Run) -> None:
    print(f"\n{'process':14}{'own CPU s':>11}{'children s':>12}{'peak MiB':>10}")
    for name, used in run.used.items():
        print(f"{name:14}{used.own:11.1f}{used.children:12.1f}{run.peaks.get(name, 0) / 2**20:10.0f}")
    print(f"worker with its children, at its fullest: {run.peaks.get('worker tree', 0) / 2**20:.0f} MiB")


def _print_activities(times: Mapping[str, list[tuple[float, float]]], tasks: int) -> None:
    print(f"\n{'activity':20}{'times':>7}{'waited s':>10}{'ran s':>9}{'ran/task':>10}{'median':>8}{'p95':>8}")
    for name, spans in sorted(times.items(), key=lambda item: -sum(ran for _, ran in item[1])):
        ran = [span[1] for span in spans]
        waited = sum(span[0] for span in spans)
        print(
            f"{name:20}{len(spans):7}{waited:10.1f}{sum(ran):9.1f}{sum(ran) / max(tasks, 1):10.2f}"
            f"{median(ran):8.2f}{percentile(ran, 0.95):8.2f}"
        )


def _print_layers(seconds: Mapping[str, list[float]], tasks: int) -> None:
    print(f"\n{'layer':20}{'verdicts':>9}{'seconds':>9}{'s/task':>8}  (each candidate's own; they overlap)")
    for name, spent in seconds.items():
        print(f"{name:20}{len(spent):9}{sum(spent):9.1f}{sum(spent) / max(tasks, 1):8.2f}")


async def _print_judgement(options: Options, projects: ProjectStore, nodes: Sequence[NodeRecord]) -> None:
    file = options.data / "verdicts.jsonl"
    if not file.is_file():
        return
    judge = Judge.read(options.data / "completions.jsonl", file)
    print()
    for status, sources in (await accepted(projects, PROJECT, nodes)).items():
        judged = [judge.is_right(task, source) for task, source in sources]
        unknown = f", {judged.count(None)} match no recorded answer" if None in judged else ""
        print(f"{status}: {judged.count(True)} of {len(judged)} accepted sources are right by the verdicts{unknown}")
        wrong = [task for (task, _), right in zip(sources, judged, strict=True) if right is False]
        print(
            f"  wrong: {', '.join(wrong) or 'none'}; at least {at_least(judged.count(True), len(judged)):.1%} right "
            "(one-sided 95 %)"
        )
        defects = {str(node.task): node.defect for node in nodes if node.defect is not None}
        surest = sorted((task for task, _ in sources if task in defects), key=lambda task: (defects[task], task))
        before = next((place for place, task in enumerate(surest) if task in wrong), len(surest))
        print(f"  by predicted defect, the first {before} of {len(surest)} are right")
    for layer, rejected in (await rejections(projects, PROJECT, nodes)).items():
        lost = [(task, finding) for task, source, finding in rejected if judge.is_right(task, source)]
        print(f"{layer.value} rejected {len(rejected)} different sources, {len(lost)} of them right by the verdicts")
        for task, finding in lost[:SHOWN]:
            print(f"  {task}: {finding[:100]}")


if __name__ == "__main__":
    sys.exit(main())
