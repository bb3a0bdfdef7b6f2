"""Builds the campaign's project through the real thing, and reads what was left: artifacts, ledger, breakers.

The command, the embedded Temporal and Postgres and the worker are real processes in a home of the test's own; only the
endpoints that the preset names are ours. It judges nothing.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from millwright.adapters.embedded.home import StackState
from millwright.adapters.embedded.postgres_server import EmbeddedPostgres
from millwright.adapters.storage.postgres import open_store
from millwright.core.calls import idempotency_key
from millwright.errors import DatabaseUnavailable
from schemas.breakers import BreakerState
from schemas.evidence import NodeRecord
from schemas.identity import Digest, ProjectId
from schemas.models import LedgerEntry, LedgerStatus
from tests.faults.sample import specification
from tests.faults.server import FaultyEndpoint, listening
from tests.integration.demo_stack import end, ended, environment, start, until_up

PROJECT = ProjectId("sample")
K = 6
"""The margin: wide, so that there are many calls for each answer that has to be verified."""

MOST_ATTEMPTS = 60
CALL_SECONDS = 4.0
"""The timeout of a call: how long a stalled one is waited for."""

BREAKER = {"failures": 5, "open_seconds": 2.0, "successes": 2}
"""A breaker that lets calls try again after two seconds, where the default waits a minute."""

LOOK_SECONDS = 0.05

Meanwhile = Callable[[StackState], Awaitable[None]]


@dataclass(frozen=True)
class Outcome:
    """What a build left. ``asked`` counts the requests that each endpoint read, by call; ``injected`` their faults.

    ``breakers`` are the states that each endpoint's breaker was seen in, one after the other.
    """

    exit_code: int
    seconds: float
    output: str = field(repr=False)
    manifest: Digest | None
    nodes: tuple[NodeRecord, ...] = field(repr=False)
    ledger: tuple[LedgerEntry, ...] = field(repr=False)
    asked: Mapping[str, Counter[str]] = field(repr=False)
    injected: Counter[str]
    breakers: Mapping[str, tuple[BreakerState, ...]]

    @property
    def requests(self) -> int:
        """How many requests the endpoints read."""
        return sum(calls.total() for calls in self.asked.values())

    @property
    def counted(self) -> Mapping[str, Counter[str]]:
        """The requests that the ledger counts, by endpoint and call: all rows but those of which no byte was sent."""
        found = {endpoint: Counter[str]() for endpoint in self.asked}
        for entry in self.ledger:
            if entry.status is not LedgerStatus.RELEASED:
                assert entry.call is not None, "a request says what was asked"
                found[entry.endpoint][idempotency_key(entry.key, entry.call)] += 1
        return found

    @property
    def statuses(self) -> Counter[str]:
        """The ledger's rows by status."""
        return Counter(entry.status.value for entry in self.ledger)


async def build(
    place: Path, tasks: tuple[str, ...], *endpoints: FaultyEndpoint, meanwhile: Meanwhile | None = None
) -> Outcome:
    """Build the project of some tasks at endpoints, with a home of its own in ``place``.

    ``meanwhile`` is run once the stack is up, and broken off at the build's end.
    """
    async with listening(*endpoints):
        urls = [endpoint.url for endpoint in endpoints]
        began = time.monotonic()
        process = _started(place, tasks, urls)
        watch = _Watch(urls)
        try:
            state = await until_up(place / "home", process)
            async with _beside(watch.look(state), *([meanwhile(state)] if meanwhile else [])):
                status = await asyncio.to_thread(ended, process, place / "log")
        finally:
            await asyncio.to_thread(end, process)
        seconds = time.monotonic() - began
    async with EmbeddedPostgres(place / "home") as database, open_store(database) as store:
        return Outcome(
            exit_code=status,
            seconds=seconds,
            output=await asyncio.to_thread((place / "log").read_text, "utf-8"),
            manifest=(await store.project(PROJECT)).manifest,
            nodes=await store.nodes(PROJECT),
            ledger=await store.ledger(PROJECT),
            asked={endpoint.url: endpoint.calls for endpoint in endpoints},
            injected=sum((endpoint.injected for endpoint in endpoints), Counter[str]()),
            breakers={url: tuple(states) for url, states in watch.seen.items()},
        )


def _started(place: Path, tasks: tuple[str, ...], urls: Sequence[str]) -> subprocess.Popen[bytes]:
    place.mkdir(parents=True)
    file = place / "tasks.yaml"
    file.write_text(specification(tasks), encoding="utf-8")
    arguments = ["build", "--spec", str(file), "--project", PROJECT, "--k", str(K), "--out", str(place / "out")]
    arguments += ["--max-attempts", str(MOST_ATTEMPTS)]
    variables = {**environment(place / "home"), "MILLWRIGHT_MODEL_PRESET": str(_preset(place, urls))}
    # The second engine's compiled component, which all homes of a user share, takes half a minute to make.
    variables["XDG_CACHE_HOME"] = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return start(arguments, variables, place / "log")


async def restarted_postgres(state: StackState) -> None:
    """Tell Postgres to leave, as an operator would; the stack starts it again."""
    os.kill(state.pids["postgres"], signal.SIGINT)


def _preset(place: Path, urls: Sequence[str]) -> Path:
    """Write a preset of one model behind the endpoints; many temperatures, so that most answers are calls apart."""
    route = {
        "models": ["demo"],
        "temperatures": [0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0],
        "timeout_seconds": CALL_SECONDS,
    }
    preset = {
        "name": "faulty endpoints",
        "models": {"demo": {"name": "millwright-demo", "endpoints": list(urls)}},
        "default": route,
        "breaker": BREAKER,
    }
    file = place / "preset.yaml"
    file.write_text(yaml.safe_dump(preset, sort_keys=False), encoding="utf-8")
    return file


@dataclass
class _Watch:
    """Looks at the breakers of endpoints, again and again."""

    urls: list[str]
    seen: dict[str, list[BreakerState]] = field(default_factory=dict)

    async def look(self, state: StackState) -> None:
        """Note every change of state until cancelled; a database that is away is asked again."""
        database = state.database_url
        assert database is not None, "the stack has a database of its own"
        while True:
            with contextlib.suppress(DatabaseUnavailable):
                async with open_store(database) as store:
                    while True:
                        for url, breaker in (await store.breakers(self.urls)).items():
                            known = self.seen.setdefault(url, [])
                            if not known or known[-1] is not breaker.state:
                                known.append(breaker.state)
                        await asyncio.sleep(LOOK_SECONDS)
            await asyncio.sleep(LOOK_SECONDS)


@contextlib.asynccontextmanager
async def _beside(*works: Awaitable[None]) -> AsyncIterator[None]:
    """Run works beside the block, and break them off at its end; one that has failed fails it."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
