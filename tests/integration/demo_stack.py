"""Support for the tests of whole builds: the command as a process, a model that counts its calls, and what was left.

Everything real runs in homes that the tests own; nothing of the developer's environment is passed on.
"""

import asyncio
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from temporalio.client import Client, WorkflowExecutionDescription, WorkflowHistory

from millwright.adapters.embedded.demo_sampling import Completion, CompletionBook, TaskCompletions
from millwright.adapters.embedded.home import StackState, read_state
from millwright.adapters.embedded.stack import EmbeddedStack
from millwright.adapters.storage.postgres import PostgresStore, open_store
from millwright.settings import Settings
from millwright.temporal import data_converter
from schemas.evidence import NodeRecord
from schemas.identity import ProjectId
from schemas.models import LedgerEntry

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLE = REPOSITORY / "examples" / "order-pricing"
DEADLINE_SECONDS = 420.0


class CountingBook(CompletionBook):
    """Completions that note every call, and can hold calls back from one task's first call on.

    Calls that are held are answered when ``gate`` is set.
    """

    def __init__(self, entries: Sequence[TaskCompletions], *, hold_from: frozenset[str] = frozenset()) -> None:
        """Take the answers, and the tasks of which the first to be asked for closes the gate."""
        super().__init__(entries)
        self.calls: list[tuple[str, str, int]] = []
        self.held: list[tuple[str, str, int]] = []
        self.gate = threading.Event()
        self.closed = threading.Event()
        self._hold_from = hold_from
        self._lock = threading.Lock()
        self.gate.set()

    @property
    def answered(self) -> int:
        """How many calls were let through."""
        with self._lock:
            return len(self.calls) - len(self.held)

    def draw(
        self, archetype: str, task: str, *, seed: int, temperature: float, index: int = 0, prompt: str = ""
    ) -> Completion | None:
        """Note the call, wait at the gate, and draw."""
        key = (archetype, task.partition("@")[0], seed)
        with self._lock:
            self.calls.append(key)
            if task in self._hold_from and not self.closed.is_set():
                self.gate.clear()
                self.closed.set()
            if not self.gate.is_set():
                self.held.append(key)
        if not self.gate.wait(DEADLINE_SECONDS):
            raise RuntimeError("a held call was never let go")
        return super().draw(archetype, task, seed=seed, temperature=temperature, index=index, prompt=prompt)


def environment(home: Path, *, model_url: str | None = None) -> dict[str, str]:
    """Make the environment of a process that works on ``home``, with temporary files in it."""
    temporary = home.with_name(f"{home.name}-temporary")
    temporary.mkdir(exist_ok=True)
    variables = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(REPOSITORY),
        "HOME": str(temporary),
        "TMPDIR": str(temporary),
        "MILLWRIGHT_HOME": str(home),
    }
    if model_url is not None:
        variables |= {"MILLWRIGHT_MODEL_URL": model_url, "MILLWRIGHT_MODEL_NAME": "scripted"}
    return variables


def command(*arguments: str) -> list[str]:
    """Write a command line of ours, as run from this repository."""
    return [sys.executable, "-m", "starter", *arguments]


def start(arguments: Sequence[str], variables: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a command; its output goes to ``log``."""
    with log.open("wb") as output:
        return subprocess.Popen(
            command(*arguments), env=dict(variables), cwd=log.parent, stdout=output, stderr=subprocess.STDOUT
        )


def finish(process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait for a command that must succeed; return its output."""
    status = ended(process, log)
    output = log.read_text(encoding="utf-8")
    assert status == 0, output
    return output


def ended(process: subprocess.Popen[bytes], log: Path) -> int:
    """Wait for a command's own end; return its status."""
    try:
        return process.wait(DEADLINE_SECONDS)
    except subprocess.TimeoutExpired:
        end(process)
        raise AssertionError(f"no end after {DEADLINE_SECONDS:g} s:\n{log.read_text(errors='replace')}") from None


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a command to leave, and see that it has left."""
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


async def until_up(home: Path, process: subprocess.Popen[bytes]) -> StackState:
    """Wait until the stack that ``process`` runs on ``home`` is up."""
    async with asyncio.timeout(90):
        while (state := read_state(home)) is None:
            assert process.poll() is None, "the command ended before its stack was up"
            await asyncio.sleep(0.1)
    return state


@asynccontextmanager
async def reached(state: StackState) -> AsyncIterator[tuple[Client, PostgresStore]]:
    """Connect to a running stack."""
    assert state.temporal_address is not None
    assert state.database_url is not None
    client = await Client.connect(state.temporal_address, data_converter=data_converter)
    async with open_store(state.database_url) as store:
        yield client, store


@dataclass(frozen=True)
class Trace:
    """One workflow as Temporal kept it."""

    history: WorkflowHistory
    description: WorkflowExecutionDescription
    summary: str | None


@dataclass(frozen=True)
class Remains:
    """All that a build left in Temporal and in the database."""

    traces: dict[str, Trace]
    won: frozenset[str]
    nodes: tuple[NodeRecord, ...]
    ledger: tuple[LedgerEntry, ...]
    manifest: bytes
    sources: tuple[str, ...] = field(repr=False)
    completions: tuple[str, ...] = field(repr=False)


async def remains(home: Path, project: str) -> Remains:
    """Bring the services of a home up, without a worker, and read what a build left there."""
    stack = EmbeddedStack(Settings(home=home), ui=False, handle_signals=False)
    async with stack as state, reached(state) as (client, store):
        return await _read(client, store, ProjectId(project))


async def _read(client: Client, store: PostgresStore, project: ProjectId) -> Remains:
    row = await store.project(project)
    assert row.manifest is not None, "the build delivered nothing"
    completions = await store.all_completions(project)
    candidates = sorted({(item.path, item.candidate) for item in completions if item.candidate is not None})
    ledger = await store.ledger(project)
    mine = f"MillwrightProject='{project}'"
    return Remains(
        traces=await traces(client, mine),
        won=frozenset([found.id async for found in client.list_workflows(f"{mine} AND MillwrightState='won'")]),
        nodes=await store.nodes(project),
        ledger=ledger,
        manifest=await store.get(row.manifest),
        sources=tuple([await store.candidate(project, path, candidate) for path, candidate in candidates]),
        completions=tuple(item.text for item in completions),
    )


async def traces(client: Client, query: str) -> dict[str, Trace]:
    """Read every workflow that a query finds."""
    found = {}
    async for execution in client.list_workflows(query):
        handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
        description = await handle.describe()
        found[execution.id] = Trace(await handle.fetch_history(), description, await description.static_summary())
    return found


_TIME = re.compile(r", time [\d,]+ \w+ for [\d,]+ \w+ \(×[\d.]+\)(, outside its interval)?")
"""How far off the forecast of the time was, in the report's sentence on all figures."""


def delivered(folder: Path) -> dict[str, str]:
    """Read a delivered folder by relative path, without what differs from build to build.

    That is what the report says of time, and the note of what was written, which holds the report's digest.
    """
    files = {
        str(file.relative_to(folder)): file.read_bytes().decode()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts
    }
    del files[".millwright-manifest.json"]
    report = files["REPORT.md"].splitlines()
    timeless = [_TIME.sub("", line) for line in report if not line.startswith("**Time**: ")]
    assert len(timeless) == len(report) - 1
    return {**files, "REPORT.md": "\n".join(timeless)}


def calls_by_task(ledger: Sequence[LedgerEntry], nodes: Sequence[NodeRecord]) -> Counter[tuple[str, str, int]]:
    """Count a ledger's calls by archetype, task and seed; a specifier is asked about the whole, by any name."""
    tasks = {node.path: node.task for node in nodes}
    return Counter((entry.archetype.value, tasks.get(entry.key.path, "root"), entry.seed) for entry in ledger)
