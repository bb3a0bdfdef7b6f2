"""A worker that is killed in the middle of a build: nothing is lost, nothing is paid twice, the same bytes come out."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from millwright.adapters.embedded.demo_model import DemoModelServer
from millwright.adapters.embedded.demo_sampling import Completion, TaskCompletions
from millwright.adapters.embedded.home import StackState, read_state
from millwright.adapters.storage.memory import MemoryStore
from millwright.errors import ModelUnavailable
from schemas.evidence import NodeRecord, ProjectRecord
from schemas.identity import Archetype, Digest, NodePath, ProjectId, TaskId, TaskStatus
from schemas.models import Choice, FinishReason, LedgerStatus, ModelAnswer, ModelRequest, Usage
from schemas.requests import DrawRequest, ElectionRef, Purpose
from schemas.specification import TaskSpecification
from tests.integration.demo_stack import (
    CountingBook,
    calls_by_task,
    delivered,
    end,
    environment,
    finish,
    reached,
    remains,
    start,
    until_up,
)
from tests.unit.activity_fakes import generation_of
from tests.workflow.samples import fenced

PROJECT = ProjectId("chains")
CHAINS = ("red", "green", "blue")
LENGTH = 2
ENDED = frozenset({LedgerStatus.SETTLED, LedgerStatus.REFUSED})
"""How a call that came back stands in the ledger: reviewers, for whom nothing is scripted here, are refused."""

SETTLE_SECONDS = 240.0


def _specification() -> str:
    tasks = []
    for chain in CHAINS:
        for step in range(1, LENGTH + 1):
            before = f"\n    dependencies: [{chain}_{step - 1}]" if step > 1 else ""
            tasks.append(f"""
  - id: {chain}_{step}
    name: {chain}_{step}
    description: Add {step} to a number.{before}
    inputs: [{{name: n, type_annotation: int, constraints: ["-1000 <= n <= 1000"]}}]
    outputs: [{{name: result, type_annotation: int}}]
    test_cases:
      - {{name: nought, inputs: {{n: 0}}, expected_output: {step}}}
      - {{name: seven, inputs: {{n: 7}}, expected_output: {7 + step}}}""")
    return "tasks:" + "".join(tasks) + "\n"


def _completions() -> list[TaskCompletions]:
    entries = []
    for chain in CHAINS:
        for step in range(1, LENGTH + 1):
            name, base = f"{chain}_{step}", f"{chain}_{step - 1}(n)" if step > 1 else "n"
            bodies = (f"{base} + 1", f"1 + {base}", f"n - -{step}", f"{base} + 2")
            texts = [fenced(f"def {name}(n: int) -> int:\n    return {body}\n") for body in bodies]
            entries.append(TaskCompletions(name, name, Archetype.CODER, tuple(map(Completion, texts))))
            cases = '```json\n{"cases": [{"inputs": {"n": 5}}, {"inputs": {"n": -3}, "expected": 0}]}\n```\n'
            entries.append(TaskCompletions(name, name, Archetype.VERIFIER, (Completion(cases),)))
    return entries


@dataclass(frozen=True)
class _Build:
    """A build by the command line, with its own home and its own model."""

    place: Path
    book: CountingBook

    @property
    def home(self) -> Path:
        return self.place / "home"

    @property
    def out(self) -> Path:
        return self.place / "out"

    def start(self, model_url: str) -> subprocess.Popen[bytes]:
        self.place.mkdir()
        specification = self.place / "chains.yaml"
        specification.write_text(_specification(), encoding="utf-8")
        arguments = ["build", "--spec", str(specification), "--project", PROJECT, "--k", "2", "--out", str(self.out)]
        return start(arguments, environment(self.home, model_url=model_url), self.place / "log")

    def finish(self, process: subprocess.Popen[bytes]) -> str:
        return finish(process, self.place / "log")


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.temporal
@pytest.mark.sandbox
async def test_a_killed_worker_costs_time_and_nothing_else(tmp_path: Path) -> None:
    """After kill -9 the build ends with the bytes of an undisturbed one; only calls in flight are made again."""
    calm = _Build(tmp_path / "calm", CountingBook(_completions()))
    second_steps = frozenset(f"{chain}_2" for chain in CHAINS)
    hurt = _Build(tmp_path / "hurt", CountingBook(_completions(), hold_from=second_steps))
    with DemoModelServer(calm.book) as first, DemoModelServer(hurt.book) as second, contextlib.ExitStack() as ending:
        ending.callback(hurt.book.gate.set)
        killed = hurt.start(second.url)
        ending.callback(end, killed)
        before = await until_up(hurt.home, killed)
        paid, in_flight = await _kill_worker(before, hurt.book)
        undisturbed = calm.start(first.url)
        ending.callback(end, undisturbed)
        await _until_restarted(hurt.home, before)
        await asyncio.to_thread(calm.finish, undisturbed)
        output = await asyncio.to_thread(hurt.finish, killed)
    left = await remains(hurt.home, PROJECT)
    assert f"{len(CHAINS) * LENGTH} won" in output
    assert "worker runs again" in output
    assert delivered(hurt.out) == delivered(calm.out)
    assert left.manifest == (await remains(calm.home, PROJECT)).manifest
    settled = [entry for entry in left.ledger if entry.status in ENDED]
    interrupted = [entry for entry in left.ledger if entry.status not in ENDED]
    assert {entry.status for entry in interrupted} == {LedgerStatus.RESERVED}
    assert in_flight, "the kill interrupted calls"
    assert calls_by_task(interrupted, left.nodes) == in_flight
    asked = Counter(hurt.book.calls)
    assert {key: asked[key] for key in paid} == dict.fromkeys(paid, 1)
    assert asked == calls_by_task(settled, left.nodes) + in_flight
    assert asked - in_flight == Counter(calm.book.calls)


async def _kill_worker(
    state: StackState, book: CountingBook
) -> tuple[Counter[tuple[str, str, int]], Counter[tuple[str, str, int]]]:
    """Kill the worker when a chain is at its second step and every answer given is stored; let calls through again.

    Returns the calls that were paid before, and those that the kill interrupted.
    """
    assert await asyncio.to_thread(book.closed.wait, SETTLE_SECONDS), "no chain came to its second step"
    async with reached(state) as (_, store), asyncio.timeout(SETTLE_SECONDS):
        while True:
            ledger = await store.ledger(PROJECT)
            settled = [entry for entry in ledger if entry.status in ENDED]
            if len(settled) == book.answered:
                break
            await asyncio.sleep(0.05)
        os.kill(state.pids["worker"], signal.SIGKILL)
        nodes = await store.nodes(PROJECT)
    assert {TaskStatus.WON, TaskStatus.RUNNING} <= {node.status for node in nodes}
    paid, in_flight = calls_by_task(settled, nodes), Counter(book.held)
    book.gate.set()
    return paid, in_flight


async def _until_restarted(home: Path, before: StackState) -> None:
    async with asyncio.timeout(SETTLE_SECONDS):
        while True:
            now = read_state(home)
            if now is not None and now.pids["worker"] != before.pids["worker"]:
                return
            await asyncio.sleep(0.1)


@dataclass
class _Faltering:
    """A model whose second call fails, once; every answer is another function."""

    seeds: list[int] = field(default_factory=list)

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        self.seeds.append(request.seed)
        if len(self.seeds) == 2:
            raise ModelUnavailable("the line was cut")
        return ModelAnswer(
            choices=(
                Choice(
                    text=fenced(f"def red_1(n: int) -> int:\n    return n + 1 + {request.seed} - {request.seed}\n"),
                    finish_reason=FinishReason.STOP,
                ),
            ),
            usage=Usage(prompt_tokens=10, completion_tokens=5),
            model="faltering",
            endpoint="memory",
        )


async def test_a_call_that_was_cut_is_made_again_and_a_retry_of_all_pays_nothing() -> None:
    """Of four calls one fails: it is made again with its seed, its failure counts, and the others are left alone."""
    store, model = MemoryStore(), _Faltering()
    await _register(store)
    generation = generation_of(store, model)
    election = ElectionRef(project=PROJECT, path=NodePath("root"), purpose=Purpose.CODE)
    request = DrawRequest(election=election, round=0, count=4, seed=0)
    result = await ActivityEnvironment().run(generation.draw, request)
    assert [draw.slot.index for draw in result.draws] == [0, 1, 2, 3]
    assert len({draw.candidate for draw in result.draws}) == 4
    assert model.seeds[4] == model.seeds[1]
    ended = [entry.status for entry in await store.ledger(PROJECT) if entry.key.index == 1]
    assert ended == [LedgerStatus.LOST, LedgerStatus.SETTLED]
    assert (await store.spend(PROJECT)).settled.calls == 5
    assert await ActivityEnvironment().run(generation.draw, request) == result
    assert len(model.seeds) == 5


async def _register(store: MemoryStore) -> None:
    """Open a project of one atomic node."""
    task = TaskSpecification.model_validate(
        {
            "id": "red_1",
            "name": "red_1",
            "description": "Add one.",
            "inputs": [{"name": "n", "type_annotation": "int"}],
            "outputs": [{"name": "result", "type_annotation": "int"}],
        }
    )
    await store.open_project(ProjectRecord(id=PROJECT, input_digest=Digest("0" * 64)))
    node = NodeRecord(
        project=PROJECT,
        path=NodePath("root"),
        task=TaskId("red_1"),
        name="red_1",
        specification=await store.save_specification(task),
    )
    await store.save_nodes([node])
