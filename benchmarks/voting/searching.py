"""Runs the search for splitting inputs on recorded answers that meet all examples, against as many mutations at once.

``python -m benchmarks.voting.searching --data DIR --outcomes FILE``. The search begins with the examples alone, so that
what it finds is its own. The verdicts of the hidden tests are read here and nowhere in the product. A wrong answer is
hidden while some right one agrees with it on all inputs; right answers in more groups than one are split for nothing.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.verification.workload import SPECIFICATIONS, tasks
from benchmarks.voting.sources import VERDICTS, read_lines, verdicts_of, votes
from millwright.adapters.sandbox.bubblewrap import BubblewrapSandbox
from millwright.core.examples import example_calls
from millwright.core.grouping import Classes, rounding_noise
from millwright.core.mutation import Vector, mutations
from millwright.core.red_flags.dialects import dialect_of
from millwright.core.red_flags.rule_set import CODE_RULES
from millwright.core.signature import records_of
from millwright.core.specification import input_types, result_type
from millwright.core.splitting import Budget, Splitting, begin, learn, propose
from millwright.core.verification.languages import language_named
from millwright.ports import Sandbox
from schemas.execution import CallRequest, Limits, Outcome, Program
from schemas.models import FinishReason
from schemas.specification import TaskSpecification

COMPLETIONS = "completions.jsonl"
_LIMITS = Limits(call_seconds=0.5, wall_seconds=10.0, cpu_seconds=10.0)
_LOST_LIMIT = 2


@dataclass(frozen=True)
class Found:
    """What came of some inputs: wrong answers still hidden, groups of right ones, inputs used and kept."""

    hidden: int
    right_groups: int
    used: int
    kept: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; returns 0 also when there is no data, which it says."""
    summary = __doc__.partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.voting.searching", description=summary)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help=f"folder with {COMPLETIONS}")
    parser.add_argument("--outcomes", type=Path, required=True, metavar="FILE", help="written by voting.outcomes")
    parser.add_argument("--rounds", type=int, default=8, help="batches of 20 inputs at most")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="programs run at once")
    options = parser.parse_args(arguments)
    needed = [options.data / name for name in (SPECIFICATIONS, COMPLETIONS, VERDICTS)]
    for path in (*needed, options.outcomes):
        if not path.is_file():
            print(f"skipped: voting/searching needs {path}")
            return 0
    budget = Budget(rounds=options.rounds, inputs=20 * options.rounds, batch=20, patience=3)
    return asyncio.run(_search_all(options.data, options.outcomes, budget, options.jobs))


async def _search_all(data: Path, outcomes: Path, budget: Budget, jobs: int) -> int:
    known, verdicts = tasks(data), verdicts_of(data / VERDICTS)
    drawn = {line["task"]: line["completions"] for line in read_lines(data / COMPLETIONS)}
    sandbox = BubblewrapSandbox(slots=jobs)
    found: list[tuple[int, int, Found, Found]] = []
    try:
        for line in read_lines(outcomes):
            task = known[line["task"]]
            answers = _answers(task, line, drawn[task.id], verdicts[task.id])
            wrong = sum(not right for right in answers.values())
            if not 0 < wrong < len(answers):
                continue
            trial = _Trial(sandbox, task, answers)
            searched, at_once = await trial.search(budget), await trial.at_once(budget)
            found.append((len(answers), wrong, searched, at_once))
            print(
                f"{task.id}: {len(answers)} answers, {wrong} wrong; hidden {searched.hidden} after {searched.used} "
                f"inputs ({searched.kept} kept), {at_once.hidden} after {at_once.used} mutations at once; groups of "
                f"right answers {searched.right_groups} and {at_once.right_groups}",
                file=sys.stderr,
            )
    finally:
        sandbox.close()
    _show(found)
    return 0


def _show(found: Sequence[tuple[int, int, Found, Found]]) -> None:
    if not found:
        print("no task has both right and wrong answers that meet all examples")
        return
    wrong = sum(item[1] for item in found)
    print(
        f"{len(found)} tasks, {sum(item[0] for item in found)} distinct answers that meet all examples, {wrong} wrong"
    )
    print(f"{'inputs':22}{'still hidden':>14}{'used/task':>11}{'kept/task':>11}{'right groups/task':>19}")
    for title, place in (("search", 2), ("mutations at once", 3)):
        some: list[Any] = [item[place] for item in found]
        hidden, used, kept, groups = (
            sum(getattr(item, name) for item in some) for name in ("hidden", "used", "kept", "right_groups")
        )
        count = len(found)
        print(f"{title:22}{hidden / wrong:14.1%}{used / count:11.1f}{kept / count:11.1f}{groups / count:19.2f}")


def _answers(
    task: TaskSpecification, line: Mapping[str, Any], drawn: Sequence[str], right: Sequence[bool]
) -> dict[str, bool]:
    """Return the distinct sources that vote and meet all examples, and whether each is right."""
    dialect = dialect_of(language_named(task.target_language), task.name)
    found: dict[str, bool] = {}
    for answer in line["answers"]:
        if not votes(answer) or not answer["passes_examples"]:
            continue
        inspected = CODE_RULES.inspect(drawn[answer["index"]], FinishReason.STOP, dialect)
        if inspected.candidate is not None:
            found[inspected.candidate] = right[answer["index"]]
    return found


class _Trial:
    """The answers to one task, and the sandbox that runs them."""

    def __init__(self, sandbox: Sandbox, task: TaskSpecification, answers: Mapping[str, bool]) -> None:
        self._sandbox, self._task = sandbox, task
        self._sources, self._right = list(answers), list(answers.values())
        self._types, self._records = input_types(task), records_of(task)
        self._examples = example_calls(task)

    async def search(self, budget: Budget) -> Found:
        """Search until it ends."""
        state = self._begun(budget)
        while not state.done:
            state = learn(state, *await self._tried(propose(state)))
        return self._found(state)

    async def at_once(self, budget: Budget) -> Found:
        """Try as many mutations of the examples as the search may, without looking at what they tell."""
        state = self._begun(budget)
        vectors = mutations(self._examples, self._types, 0, budget.inputs, self._records)
        return self._found(learn(state, *await self._tried(vectors)))

    def _begun(self, budget: Budget) -> Splitting:
        names = [str(place) for place in range(len(self._sources))]
        return begin(self._examples, (), self._types, self._records, 0, budget, [names])

    async def _tried(self, vectors: Sequence[Vector]) -> tuple[Sequence[Vector], dict[str, list[str | None]]]:
        ran = await asyncio.gather(*(self._ran(source, vectors) for source in self._sources))
        noise = list(map(rounding_noise, vectors))
        classes = Classes(len(vectors), result_type(self._task), self._tolerance(), self._records, noise)
        rows = [classes.row(outcomes) for outcomes in ran]
        return vectors, {
            str(place): [None if number is None else str(number) for number in row] for place, row in enumerate(rows)
        }

    async def _ran(self, source: str, vectors: Sequence[Vector]) -> Sequence[Outcome]:
        if not vectors:
            return ()
        module = language_named(self._task.target_language).assemble(self._task, source, (), None)
        program = Program(modules={"answer.py": module}, module="answer", function=self._task.name, limits=_LIMITS)
        request = CallRequest(program=program, calls=tuple(vectors), lost_limit=_LOST_LIMIT)
        return (await self._sandbox.call(request)).outcomes

    def _tolerance(self) -> float | None:
        return min((case.tolerance for case in self._task.test_cases if case.tolerance is not None), default=None)

    def _found(self, state: Splitting) -> Found:
        groups = [[self._right[int(name)] for name in group] for group in state.grouped]
        mixed = [group for group in groups if any(group)]
        hidden = sum(not right for group in mixed for right in group)
        return Found(hidden, len(mixed), state.used, len(state.kept))


if __name__ == "__main__":
    sys.exit(main())
