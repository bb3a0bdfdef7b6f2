"""Verifies very many candidates, a tenth of them hostile, while the verifier's own children are killed at random.

``python -m benchmarks.verification.soak --data DIR``. Every candidate must get its true verdict exactly once: what it
is was found out beforehand, in calm, from the text that it is a variant of. Answers that say "could not verify" are
asked for again, as Temporal would. It also watches memory, and what is left at the end. It judges no candidate itself.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.verification.hostile import HOSTILE
from benchmarks.verification.mutation import mutants
from benchmarks.verification.workload import SPECIFICATIONS, references, tasks, variant, with_everything
from millwright.commandline.candidates import Candidate
from millwright.commandline.checking import Checking, Verified
from millwright.commandline.composition import LadderTools
from schemas.specification import TaskSpecification
from starter import Adapters

TIMEOUT_MS = 200
"""The tasks' time limit here: a loop costs its whole time, and there are thousands of them."""

MOST_TRIES = 8
"""How often "could not verify" is asked for again before it counts as a failure of the soak."""

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Template:
    """A text whose verdict is known: what it belongs to and, once calm has told, which layer rejects it."""

    name: str
    task: TaskSpecification
    source: str
    kind: str


@dataclass
class Tally:
    """What came of the soak so far."""

    answered: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    again: int = 0
    killed: Counter[str] = field(default_factory=Counter)
    memory: list[tuple[int, int]] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the soak; returns 0 also when there is no data, which it says, and 1 when a verdict was not the true one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help=f"folder with {SPECIFICATIONS}")
    parser.add_argument("--candidates", type=int, default=20_000, metavar="N")
    parser.add_argument("--tasks", type=int, default=20, metavar="N", help="tasks that they are spread over")
    parser.add_argument("--kill-every", type=float, default=2.0, metavar="SECONDS", help="0 kills nothing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    if not (options.data / SPECIFICATIONS).is_file():
        print(f"skipped: verification/soak needs {SPECIFICATIONS} in {options.data}; give the folder by --data")
        return 0
    with tempfile.TemporaryDirectory(prefix="millwright-soak-") as scratch:
        tempfile.tempdir = scratch  # so that every file that is left behind is found
        os.environ["TMPDIR"] = scratch
        mounts = len(Path("/proc/self/mountinfo").read_text().splitlines())
        tally = asyncio.run(_soak(options))
        left = _left(Path(scratch), mounts)
    return _report(tally, options.candidates, left)


async def _soak(options: argparse.Namespace) -> Tally:
    chance = random.Random(options.seed)
    tally = Tally()
    async with Adapters(os.environ).ladder(options.jobs) as tools:
        templates = _templates(options.data, options.tasks, chance)
        truth = await _calm(tools, templates)
        given = _candidates(templates, options.candidates, chance)
        began = time.monotonic()
        async with _killer(options.kill_every, chance, tally):
            await _verify(tools, given, truth, tally, began)
        print(f"{options.candidates} candidates in {time.monotonic() - began:.0f} s")
    return tally


def _templates(data: Path, count: int, chance: random.Random) -> list[Template]:
    known = references()
    every = {task_id: task for task_id, task in tasks(data).items() if task_id in known and task.test_cases}
    chosen = dict(list(every.items())[:count])
    found: list[Template] = []
    for task_id, task in chosen.items():
        whole = with_everything(task).model_copy(update={"timeout_ms": TIMEOUT_MS})
        found.append(Template(f"{task_id}/good", whole, known[task_id], "good"))
        wrong = [mutant for mutant in mutants(known[task_id], task.name) if "while True" not in mutant.source]
        for number, mutant in enumerate(chance.sample(wrong, min(3, len(wrong)))):
            found.append(Template(f"{task_id}/wrong{number}", whole, mutant.source, "wrong"))
        for attack in HOSTILE:
            found.append(Template(f"{task_id}/{attack.name}", whole, attack.source(whole), "hostile"))
    return found


def _candidates(templates: Sequence[Template], count: int, chance: random.Random) -> list[tuple[Candidate, Template]]:
    """Draw candidates: a tenth hostile, three tenths wrong, the rest good; each a text of its own where it can be."""
    kinds = {kind: [item for item in templates if item.kind == kind] for kind in ("good", "wrong", "hostile")}
    drawn = []
    for number in range(count):
        kind = "hostile" if number % 10 == 9 else chance.choices(("good", "wrong"), (6, 3))[0]
        template = chance.choice(kinds[kind])
        source = template.source if kind == "hostile" else variant(template.source, number + 1)
        drawn.append((Candidate(f"{number}", template.task, source), template))
    return drawn


async def _calm(tools: LadderTools, templates: Sequence[Template]) -> dict[str, str]:
    """Find out, with nothing killed, what becomes of each template; good ones must pass, hostile ones must not."""
    began = time.monotonic()
    given = [Candidate(item.name, item.task, item.source) for item in templates]
    answers = {answer.id: answer async for answer in Checking(tools, all_layers=False).verify(given)}
    truth = {name: _said(answer) for name, answer in answers.items()}
    for item in templates:
        said = truth[item.name]
        if said.startswith("could not") or (item.kind == "good" and said != "passed"):
            raise SystemExit(f"{item.name} is no template: {said}")
        if item.kind == "hostile" and said == "passed":
            raise SystemExit(f"the hostile {item.name} was accepted")
    kinds = Counter(f"{item.kind}: {truth[item.name]}" for item in templates)
    print(f"{len(templates)} templates in calm, {time.monotonic() - began:.0f} s: {dict(sorted(kinds.items()))}")
    return truth


def _said(answer: Verified) -> str:
    if answer.error is not None:
        return f"could not verify: {answer.error}"
    return "passed" if answer.passed else f"rejected by {answer.rejected_by}"


async def _verify(
    tools: LadderTools,
    given: Sequence[tuple[Candidate, Template]],
    truth: dict[str, str],
    tally: Tally,
    began: float,
) -> None:
    checking = Checking(tools, all_layers=False)
    open_ = {candidate.id: (candidate, template) for candidate, template in given}
    for _ in range(MOST_TRIES):
        failed = []
        async for answer in checking.verify([candidate for candidate, _ in open_.values()]):
            if answer.error is not None:
                failed.append(answer.id)
                continue
            _count(answer, open_[answer.id][1], truth, tally)
            if sum(tally.answered.values()) % 1000 == 0:
                _watch(tally, len(given), began)
        tally.again += len(failed)
        open_ = {name: open_[name] for name in failed}
        if not open_:
            return
    tally.wrong.extend(f"{name} was never verified" for name in open_)


def _count(answer: Verified, template: Template, truth: dict[str, str], tally: Tally) -> None:
    tally.answered[answer.id] += 1
    said = _said(answer)
    if said != truth[template.name]:
        findings = [finding for line in answer.layers for finding in line.findings][:3]
        tally.wrong.append(f"{answer.id} ({template.name}): {said}, true is {truth[template.name]}: {findings}")


def _watch(tally: Tally, whole: int, began: float) -> None:
    count = sum(tally.answered.values())
    resident = sum(_resident(pid) for pid in (os.getpid(), *_descendants()))
    tally.memory.append((count, resident))
    print(
        f"{count} of {whole}, {time.monotonic() - began:.0f} s, {resident / 1e6:.0f} MB with all children, "
        f"{sum(tally.killed.values())} killed, {tally.again} asked for again, {len(tally.wrong)} wrong",
        flush=True,
    )


@asynccontextmanager
async def _killer(seconds: float, chance: random.Random, tally: Tally) -> AsyncIterator[None]:
    async def kill() -> None:
        while seconds:
            await asyncio.sleep(chance.expovariate(1 / seconds))
            children = sorted(_descendants())
            if children:
                pid = chance.choice(children)
                name = _name(pid)
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    tally.killed[name] += 1

    killing = asyncio.ensure_future(kill())
    try:
        yield
    finally:
        killing.cancel()
        await asyncio.gather(killing, return_exceptions=True)


def _descendants() -> set[int]:
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):
            text = stat.read_text()
            parents[int(stat.parent.name)] = int(text.rpartition(")")[2].split()[1])
    found: set[int] = set()
    fresh = {os.getpid()}
    while fresh:
        fresh = {pid for pid, parent in parents.items() if parent in fresh} - found
        found |= fresh
    return found


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return "?"


def _resident(pid: int) -> int:
    with suppress(OSError, IndexError, ValueError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    return 0


def _left(scratch: Path, mounts: int) -> list[str]:
    """List what is left: processes, files, mounts."""
    deadline = time.monotonic() + 10
    while (children := _descendants()) and time.monotonic() < deadline:
        time.sleep(0.1)  # the kernel takes a moment for what was killed last
    found = [f"process {pid} ({_name(pid)})" for pid in sorted(children)]
    found += [f"file {path.relative_to(scratch)}" for path in scratch.rglob("*")]
    now = len(Path("/proc/self/mountinfo").read_text().splitlines())
    return found + ([f"{now - mounts} mounts"] if now != mounts else [])


def _report(tally: Tally, count: int, left: Sequence[str]) -> int:
    once = sum(1 for times in tally.answered.values() if times == 1)
    print(f"{once} of {count} answered exactly once; {len(tally.wrong)} not with their true verdict")
    for line in tally.wrong[:20]:
        print(f"  {line}")
    print(f"killed: {dict(tally.killed)}; asked for again: {tally.again}")
    if tally.memory:
        first, last = tally.memory[0], tally.memory[-1]
        print(f"memory: {first[1] / 1e6:.0f} MB after {first[0]}, {last[1] / 1e6:.0f} MB after {last[0]}")
    print(f"left behind: {', '.join(left) if left else 'nothing'}")
    return 0 if once == count and not tally.wrong and not left else 1


if __name__ == "__main__":
    sys.exit(main())
