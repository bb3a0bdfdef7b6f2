"""Takes right answers and wrong variants of them up the whole ladder, and counts what is kept and what is rejected.

The answers stand in ``references``, one file per task of the data; that they are right is not believed: each is run on
the examples of its task first, apart from the ladder. Nothing is timed here.
"""

import argparse
import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.verification.mutation import Mutant, chosen, mutants
from benchmarks.verification.oracle import Oracle
from millwright.adapters.sandbox.bubblewrap import BubblewrapSandbox
from millwright.commandline.candidates import Candidate
from millwright.commandline.checking import Checking, Verified
from millwright.commandline.composition import LadderTools
from schemas.identity import LayerName
from schemas.specification import TaskSpecification
from schemas.verification import Severity, VerdictStatus
from starter import Adapters

REFERENCES = Path(__file__).parent / "references"
SPECIFICATIONS = "specs.yaml"
LEAST_KEPT = 0.99
ORACLE_SECONDS = 2.0
"""For one call: a reference needs a thousandth of it."""
MUTANT_MILLISECONDS = 300
"""The time limit of a wrong variant's task: many never end, and each call of theirs costs a multiple of it."""
SHOWN = 20


@dataclass(frozen=True)
class Reference:
    """A right answer, or one that should be; ``failures`` are the examples that it does not meet."""

    task: TaskSpecification
    source: str
    failures: tuple[str, ...]


@dataclass(frozen=True)
class Judged:
    """A wrong variant: the examples that it fails by the oracle, and what the ladder says."""

    task: str
    mutant: Mutant
    failures: tuple[str, ...]
    answer: Verified


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns 1 where good code is lost or bad code kept, 0 else, also when there is no data.

    Raises:
        FileNotFoundError: a task of the data has no reference.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verification.keeping", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("humaneval"), help=f"folder with {SPECIFICATIONS}")
    parser.add_argument("--mutants", type=int, default=400, help="wrong variants to try, over all tasks; 0 for none")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="programs run at once")
    parser.add_argument("--seed", type=int, default=0, help="which of the wrong variants are chosen")
    options = parser.parse_args(arguments)
    file = options.data / SPECIFICATIONS
    if not file.is_file():
        print(f"skipped: verification/keeping needs {SPECIFICATIONS} in {options.data}; give the folder by --data")
        return 0
    tasks = Adapters(os.environ).read_specification(file.read_bytes(), str(file))
    return asyncio.run(_measure(tasks, options.mutants, options.jobs, options.seed))


async def _measure(tasks: Sequence[TaskSpecification], count: int, jobs: int, seed: int) -> int:
    sandbox = BubblewrapSandbox(slots=jobs)
    try:
        oracle = Oracle(sandbox, ORACLE_SECONDS)
        references = [await _reference(oracle, task) for task in tasks]
        async with Adapters(os.environ).ladder(jobs) as tools:
            kept = await _keep(tools, references)
            rejected = await _reject(tools, oracle, references, count, seed) if count else True
    finally:
        sandbox.close()
    return 0 if kept and rejected else 1


async def _reference(oracle: Oracle, task: TaskSpecification) -> Reference:
    source = (REFERENCES / f"{task.id}.py").read_text(encoding="utf-8")
    return Reference(task, source, tuple(await oracle.failures(task, source)))


async def _keep(tools: LadderTools, references: Sequence[Reference]) -> bool:
    """Climb with every reference; say whether enough of those that meet their examples pass all layers."""
    agreeing = [item for item in references if not item.failures]
    without = [item for item in agreeing if not item.task.test_cases]
    answers = {
        answer.id: answer
        async for answer in _verified(tools, ((item.task.id, item.task, item.source) for item in references))
    }
    passed = [item for item in agreeing if answers[item.task.id].passed]
    share = len(passed) / max(len(agreeing), 1)
    print(f"{len(references)} references, {len(agreeing)} meet their examples ({len(without)} have none)")
    for item in references:
        if item.failures:
            print(
                f"  {item.task.id} contradicts {len(item.failures)} of {len(item.task.test_cases)} examples: left out"
            )
    print(f"{len(passed)} of {len(agreeing)} pass all layers: {share:.1%}, of {LEAST_KEPT:.0%} that must")
    for item in agreeing:
        if not answers[item.task.id].passed:
            print(f"  {item.task.id}: {_why(answers[item.task.id])}")
    warned = Counter(
        f"{line.layer.value} {finding.code}"
        for item in agreeing
        for line in answers[item.task.id].layers
        for finding in line.findings
        if finding.severity is Severity.WARNING
    )
    print("  warnings: " + (", ".join(f"{what} {times}" for what, times in warned.most_common()) or "none"))
    return share >= LEAST_KEPT


async def _reject(tools: LadderTools, oracle: Oracle, references: Sequence[Reference], count: int, seed: int) -> bool:
    """Climb with wrong variants; say whether all that fail an example are rejected by the layer that runs them."""
    tasks = {
        item.task.id: item.task.model_copy(update={"timeout_ms": MUTANT_MILLISECONDS})
        for item in references
        if not item.failures
    }
    every = [
        (str(item.task.id), mutant)
        for item in references
        if not item.failures
        for mutant in mutants(item.source, item.task.name)
    ]
    picked = {f"{number}": each for number, each in enumerate(chosen(every, count, seed))}
    by_name = {str(name): task for name, task in tasks.items()}
    wanted = [(key, by_name[task], mutant.source) for key, (task, mutant) in picked.items()]
    judged: list[Judged] = []
    async for answer in _verified(tools, wanted):
        task, mutant = picked[answer.id]
        failures = await oracle.failures(by_name[task], mutant.source)
        judged.append(Judged(task, mutant, tuple(failures), answer))
    return _print_rejections(judged, len(every), by_name)


def _print_rejections(judged: Sequence[Judged], made: int, tasks: Mapping[str, TaskSpecification]) -> bool:
    without = [item for item in judged if not tasks[item.task].test_cases]
    failing = [item for item in judged if item.failures]
    meeting = [item for item in judged if not item.failures and tasks[item.task].test_cases]
    caught = [item for item in failing if _says(item.answer, LayerName.UNIT_TESTS) is VerdictStatus.REJECTED]
    print(f"\n{len(judged)} wrong variants of {made}: {len(failing)} fail an example, {len(meeting)} fail none", end="")
    print(f", {len(without)} are of tasks without examples")
    print(f"{len(caught)} of {len(failing)} that fail an example are rejected by {LayerName.UNIT_TESTS.value}")
    missed = [item for item in failing if item not in caught]
    for item in missed[:SHOWN]:
        print(f"  MISSED {item.task}, {item.mutant.operator}, line {item.mutant.line}: {_why(item.answer)}")
        print("    " + item.mutant.source.replace("\n", "\n    "))
    print(f"\n{'layer':20}{'fail an example':>32}{'fail none':>26}{'no examples':>15}")
    print(f"{'':20}{'first':>16}{'rejected':>16}{'first':>16}{'rejected':>10}{'first':>15}")
    for layer in LayerName:
        print(
            f"{layer.value:20}{_first(failing, layer):16}{_all(failing, layer):16}"
            f"{_first(meeting, layer):16}{_all(meeting, layer):10}{_first(without, layer):15}"
        )
    print(f"{'none':20}{_first(failing, None):16}{'':16}{_first(meeting, None):16}{'':10}{_first(without, None):15}")
    odd = [item for item in judged if item.answer.error is not None]
    for item in odd[:SHOWN]:
        print(f"  NOT VERIFIED {item.task}, {item.mutant.operator}: {item.answer.error}")
    _print_operators(judged)
    return not missed and not odd


def _print_operators(judged: Iterable[Judged]) -> None:
    tried, failed, kept = Counter[str](), Counter[str](), Counter[str]()
    for item in judged:
        tried[item.mutant.operator] += 1
        failed[item.mutant.operator] += bool(item.failures)
        kept[item.mutant.operator] += item.answer.passed
    print(f"\n{'what was done':24}{'tried':>8}{'fail an example':>18}{'pass all layers':>18}")
    for operator, times in sorted(tried.items()):
        print(f"{operator:24}{times:8}{failed[operator]:18}{kept[operator]:18}")


async def _verified(
    tools: LadderTools, candidates: Iterable[tuple[str, TaskSpecification, str]]
) -> AsyncIterator[Verified]:
    every = [Candidate(name, task, source) for name, task, source in candidates]
    async for answer in Checking(tools, all_layers=True).verify(every):
        yield answer


def _says(answer: Verified, layer: LayerName) -> VerdictStatus | None:
    return next((line.verdict for line in answer.layers if line.layer is layer), None)


def _first(judged: Iterable[Judged], layer: LayerName | None) -> int:
    return sum(item.answer.rejected_by is layer for item in judged)


def _all(judged: Iterable[Judged], layer: LayerName) -> int:
    return sum(_says(item.answer, layer) is VerdictStatus.REJECTED for item in judged)


def _why(answer: Verified) -> str:
    if answer.error is not None:
        return f"could not be verified: {answer.error}"
    told = [
        f"{line.layer.value}: {finding.code}, line {finding.line}: {finding.message[:160]}"
        for line in answer.layers
        if line.verdict is VerdictStatus.REJECTED
        for finding in line.findings
        if finding.severity is Severity.ERROR
    ]
    return "; ".join(told) or "no layer rejects it"


if __name__ == "__main__":
    sys.exit(main())
