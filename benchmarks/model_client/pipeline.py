"""Builds projects through everything against an endpoint with slots, and prints how much of its slots was used.

The embedded Temporal and Postgres and the worker are real processes. It demands no figure.
"""

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.humaneval.measuring import Cost, costs, percentile
from benchmarks.model_client.drawing import answered, scheduled
from benchmarks.model_client.drawing import spans as spans_of
from benchmarks.model_client.slots import Latency, Service, SlotServer, serving
from benchmarks.model_client.tasks import answers, specification
from benchmarks.model_client.utilisation import Span, Utilisation, utilisation
from millwright.adapters.embedded.demo_protocol import answer
from millwright.adapters.embedded.home import StackState
from millwright.adapters.embedded.stack import EmbeddedStack
from millwright.adapters.embedded.supervisor import Child
from millwright.adapters.storage.migration import upgrade
from millwright.adapters.storage.postgres import open_store
from millwright.client import Client
from millwright.settings import Settings
from millwright.temporal import connect
from schemas.identity import ProjectId
from schemas.models import LedgerEntry
from schemas.project import OnExhausted

ROOT = Path(__file__).resolve().parents[2]
MODEL = "slots"


@dataclass(frozen=True)
class Options:
    """What the command line asked for; ``ahead`` calls more than slots are sent, and wait at the endpoint."""

    slots: int
    latency: Latency
    projects: tuple[int, ...]
    tasks: int
    k: int
    ahead: int


@dataclass(frozen=True)
class Run:
    """Some projects, built at the same time: the endpoint's log, the ledger, and what the processes used."""

    projects: int
    seconds: float
    used: Utilisation
    log: tuple[Service, ...]
    ledger: tuple[LedgerEntry, ...]
    codes: Counter[int]
    cpu: Mapping[str, Cost]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns 1 where a build did not end well, whatever the figures."""
    options = _options(arguments)
    good = True
    for projects in options.projects:
        home = Path(tempfile.mkdtemp(prefix="millwright-bench-"))
        load = os.getloadavg()[0]
        try:
            run = asyncio.run(_measured(options, projects, home))
        finally:
            shutil.rmtree(home, ignore_errors=True)
        _print(options, run, load)
        good = good and set(run.codes) == {0}
    return 0 if good else 1


def _options(arguments: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.model_client.pipeline", description=__doc__)
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--seconds", type=float, nargs=2, default=(2.0, 4.0), help="least and most of a call")
    parser.add_argument("--projects", type=int, nargs="+", default=(1, 4), help="built at the same time, a run each")
    parser.add_argument("--tasks", type=int, default=48, help="of all projects together")
    parser.add_argument("--k", type=int, default=3)
    parser.add_argument("--ahead", type=int, default=2, help="calls sent beyond the slots, which wait at the endpoint")
    given = parser.parse_args(arguments)
    return Options(given.slots, Latency(*given.seconds), tuple(given.projects), given.tasks, given.k, given.ahead)


async def _measured(options: Options, projects: int, home: Path) -> Run:
    book = answers(options.tasks)

    def reply(body: bytes) -> bytes:
        return json.dumps(answer(book, body)).encode("ascii")

    async with serving(reply, options.slots, options.latency) as server:
        file = home.with_name(f"{home.name}-preset.yaml")
        file.write_text(yaml.safe_dump(_preset(server.url, options.slots + options.ahead)), encoding="utf-8")
        try:
            settings = Settings.read({"MILLWRIGHT_HOME": str(home), "MILLWRIGHT_MODEL_PRESET": str(file)})
            stack = EmbeddedStack(settings, children=lambda state: _children(state, file), ui=False, report=print)
            async with stack as state:
                return await _built(options, projects, state, server)
        finally:
            file.unlink()


def _preset(url: str, most_at_once: int) -> dict[str, object]:
    """Describe the endpoint; many temperatures, so that most answers are requests apart, as with several models."""
    route = {"models": [MODEL], "temperatures": [0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0], "timeout_seconds": 120}
    model = {"name": MODEL, "endpoints": [url], "most_at_once": most_at_once}
    return {"name": "slots", "models": {MODEL: model}, "default": route}


def _children(state: StackState, preset: Path) -> list[Child]:
    assert state.database_url is not None
    upgrade(state.database_url)
    environment = {**os.environ, **state.environment(), "PYTHONPATH": str(ROOT)}
    environment = {name: value for name, value in environment.items() if not name.startswith("MILLWRIGHT_MODEL")}
    environment["MILLWRIGHT_MODEL_PRESET"] = str(preset)
    return [Child("worker", [sys.executable, "-m", "worker", "--role", "all"], environment=environment)]


async def _built(options: Options, projects: int, state: StackState, server: SlotServer) -> Run:
    assert state.database_url is not None
    assert state.temporal_address is not None
    temporal = await connect(state.temporal_address)
    names = [ProjectId(f"bench-{number}") for number in range(projects)]
    async with open_store(state.database_url) as store:
        client = Client(temporal, store, store)
        before, began = costs(state.pids), time.perf_counter()
        builds = [
            await client.build(
                specification=specification(range(number, options.tasks, projects)),
                project=name,
                k=options.k,
                on_exhausted=OnExhausted.FAIL,
                seed=number,
            )
            for number, name in enumerate(names)
        ]
        results = await asyncio.gather(*(build.result() for build in builds))
        seconds, after = time.perf_counter() - began, costs(state.pids)
        ledger: list[LedgerEntry] = []
        spans: list[Span] = []
        for name in names:
            paths = [node.path for node in await store.nodes(name) if node.parent is not None]
            mine = await store.ledger(name)
            ledger += mine
            spans += spans_of(await scheduled(temporal, name, paths), mine, server.log)
    return Run(
        projects=projects,
        seconds=seconds,
        used=utilisation(spans, options.slots),
        log=tuple(server.log),
        ledger=tuple(ledger),
        codes=Counter(result.exit_code for result in results),
        cpu={name: after[name].minus(before[name]) for name in after},
    )


def _print(options: Options, run: Run, load: float) -> None:
    used, calls = run.used, len(run.log)
    print(f"\n{run.projects} project(s), {options.tasks} tasks, k={options.k}; load average before {load:.1f}")
    print(
        f"  {used.slots} slots and {options.ahead} calls ahead of them, a call "
        f"{options.latency.least:g} to {options.latency.most:g} s"
    )
    codes = ", ".join(f"{number} with exit code {code}" for code, number in sorted(run.codes.items()))
    print(f"  ended: {codes}; {calls} requests, {run.seconds:.1f} s wall")
    print(
        f"  slots used while there was ready work: {used.share:.1%} ({used.used_seconds:.0f} of "
        f"{used.usable_seconds:.0f} slot-seconds)"
    )
    print(f"  of which with ready work for every slot: {used.saturated_share:.1%}, for {used.saturated_seconds:.1f} s")
    print("  (ready: the activity that makes the request was scheduled, and the request is not answered)")
    over = [
        entry.latency_seconds - (service.ended - service.arrived) for entry, service in answered(run.ledger, run.log)
    ]
    print(
        f"  wall per call beside the endpoint's own: median {percentile(over, 0.5) * 1000:.1f} ms, "
        f"95th percentile {percentile(over, 0.95) * 1000:.1f} ms"
    )
    for name, cost in run.cpu.items():
        print(
            f"  CPU of {name}: {cost.own:.1f} s itself, {cost.children:.1f} s its children; "
            f"{cost.own / max(calls, 1) * 1000:.0f} ms a call itself"
        )


if __name__ == "__main__":
    sys.exit(main())
