"""Measures how often the one answer that is chosen from all 100 is right, beside CodeT's rule in the same run.

``python -m benchmarks.voting.selection --data DIR --outcomes FILE``; the file is what ``benchmarks.voting.outcomes``
writes. The judge's verdicts are read here for scoring alone: no rule sees one, but for those that say they are tuned;
these are scored on tasks that they were not tuned on.
"""

import argparse
import itertools
import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path
from statistics import mean
from typing import Any

from millwright.core.grouping import group_rows
from millwright.core.selection import STANDARD, Contender, Weighing, scores
from schemas.verification import InputOrigin

VERDICTS = "verdicts.jsonl"
WANTED = {False: 43.0, True: 65.0}
"""Right in percent that is aimed at, without the examples and with them."""

RESAMPLES = 10_000

GRID = tuple(
    Weighing(claims=claims, doubt=doubt, alike=alike)
    for claims, doubt, alike in itertools.product((0.0, 0.5, 1.0, 2.0, 4.0), (0.0, 10.0, 30.0), (0.0, 1.0, 2.0))
)
"""The weighings of which the tuned rows take the best."""


@dataclass(frozen=True)
class Answer:
    """One recorded answer, what is known of it, and whether it is right by the judge."""

    outcomes: tuple[str | None, ...]
    loads: bool
    useless: bool
    passed: int
    merit: tuple[int, ...]
    right: bool


@dataclass(frozen=True)
class Asked:
    """One task: its answers, what generated asserts claim of its inputs, and which inputs are those of its examples."""

    id: str
    answers: tuple[Answer, ...]
    claims: tuple[tuple[int, str], ...]
    of_examples: frozenset[int]

    def without_examples(self) -> "Asked":
        """Return the task as it is to somebody who knows none of its examples, nor their inputs."""

        def kept(answer: Answer) -> Answer:
            seen = tuple(None if at in self.of_examples else text for at, text in enumerate(answer.outcomes))
            return replace(answer, outcomes=seen, passed=0)

        return replace(self, answers=tuple(map(kept, self.answers)))


Chosen = Mapping[int, float]
"""How likely each answer is to be the one chosen, by position."""

Choice = Callable[[Asked, Sequence[int]], Chosen]
"""A rule: how likely it chooses which of some answers of a task."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns 0 also when there is no data, which it says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.voting.selection", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help=f"folder with {VERDICTS}")
    parser.add_argument("--outcomes", type=Path, required=True, metavar="FILE", help="by benchmarks.voting.outcomes")
    options = parser.parse_args(arguments)
    for path, how in ((options.data / VERDICTS, "--data"), (options.outcomes, "--outcomes")):
        if not path.is_file():
            print(f"skipped: voting/selection needs {path}; give it by {how}")
            return 0
    asked = read(options.data, options.outcomes)
    print(f"{len(asked)} tasks, {sum(len(task.answers) for task in asked)} answers; right in %, 95% intervals paired")
    _print_all(asked)
    return 0


def read(data: Path, outcomes: Path) -> list[Asked]:
    """Read the tasks of a file of outcomes, with the judge's verdicts."""
    lines = map(json.loads, (data / VERDICTS).read_text(encoding="utf-8").splitlines())
    verdicts = {line["task"]: line["verdicts"] for line in lines}
    with outcomes.open(encoding="utf-8") as file:
        return [_asked(line, verdicts[line["task"]]) for line in map(json.loads, file)]


def _asked(line: dict[str, Any], verdicts: str) -> Asked:
    answers = tuple(
        Answer(
            outcomes=tuple(answer["outcomes"]) or (None,) * len(line["inputs"]),
            loads=answer["loads"],
            useless=answer["useless"],
            passed=answer["examples_passed"],
            merit=tuple(answer["merit"] or ()),
            right=verdicts[answer["index"]] == "1",
        )
        for answer in line["answers"]
    )
    examples = frozenset(at for at, origin in enumerate(line["inputs"]) if origin == InputOrigin.EXAMPLE)
    return Asked(line["task"], answers, tuple((index, text) for index, text in line["claims"]), examples)


def anyone(task: Asked, among: Sequence[int]) -> Chosen:
    """Choose any answer."""
    return {place: 1 / len(among) for place in among}


def codet(root: bool, once: bool = True) -> Choice:
    """Make CodeT's rule (Chen et al. 2022, dual execution agreement).

    Answers that meet the same set of generated asserts are one set; the set whose answers times asserts is the most is
    chosen, and any answer of it. ``root``: the square root of the answers instead. ``once``: equal asserts are one.
    """

    def chosen(task: Asked, among: Sequence[int]) -> Chosen:
        claims = list(dict.fromkeys(task.claims)) if once else task.claims
        sets: dict[frozenset[int], list[int]] = {}
        for place in among:
            outcomes = task.answers[place].outcomes
            met = (at for at, (index, text) in enumerate(claims) if outcomes and outcomes[index] == text)
            sets.setdefault(frozenset(met), []).append(place)
        score = {met: (sqrt(len(some)) if root else len(some)) * len(met) for met, some in sets.items()}
        best = [some for met, some in sets.items() if score[met] == max(score.values())]
        return {place: 1 / len(best) / len(some) for some in best for place in some}

    return chosen


def crowd(task: Asked, among: Sequence[int]) -> Chosen:
    """Choose any answer of the largest group that does the same on all inputs."""
    groups = group_rows([_row(task.answers[place].outcomes) for place in among])
    sizes = Counter(groups)
    best = [place for place, number in zip(among, groups, strict=True) if sizes[number] == max(sizes.values())]
    return {place: 1 / len(best) for place in best}


def _row(outcomes: Iterable[str | None]) -> tuple[int | None, ...]:
    return tuple(None if text is None else hash(text) for text in outcomes)


def soft(weighing: Weighing) -> Choice:
    """Make the product's rule (``millwright.core.selection``), which breaks every tie."""

    def chosen(task: Asked, among: Sequence[int]) -> Chosen:
        contenders = [Contender(task.answers[place].outcomes, merit=task.answers[place].merit) for place in among]
        worth = scores(contenders, task.claims, weighing)
        order = [
            (-round(score, 9), item.merit, place) for score, item, place in zip(worth, contenders, among, strict=True)
        ]
        return {min(order)[2]: 1.0}

    return chosen


def rights(tasks: Sequence[Asked], choice: Choice, examples: bool, useful: bool) -> list[float]:
    """Return how likely a rule is right, task by task, in percent.

    ``useful``: only of answers that load and are not useless; where there is none, of all. ``examples``: only of those
    of them that pass the most of the specification's examples.
    """
    found = []
    for task in tasks if examples else [task.without_examples() for task in tasks]:
        among = [place for place, answer in enumerate(task.answers) if answer.loads and not answer.useless]
        if not useful or not among:
            among = list(range(len(task.answers)))
        if examples:
            most = max(task.answers[place].passed for place in among)
            among = [place for place in among if task.answers[place].passed == most]
        chosen = choice(task, among)
        found.append(100 * sum(share for place, share in chosen.items() if task.answers[place].right))
    return found


def oracle(tasks: Sequence[Asked]) -> list[float]:
    """Return 100 for each task with any right answer, else 0."""
    return [100.0 * any(answer.right for answer in task.answers) for task in tasks]


def interval(some: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """Return the 95% interval of the mean difference, by bootstrap over tasks with a fixed seed."""
    chance = random.Random(0)
    differences = [a - b for a, b in zip(some, others, strict=True)]
    means = sorted(mean(chance.choices(differences, k=len(differences))) for _ in range(RESAMPLES))
    return means[int(0.025 * RESAMPLES)], means[int(0.975 * RESAMPLES) - 1]


def tuned(tasks: Sequence[Asked], examples: bool) -> tuple[list[float], list[Weighing]]:
    """Return the product's rule, tuned on each half of the tasks and scored on the other; and the two weighings."""
    by_weighing = {weighing: rights(tasks, soft(weighing), examples, useful=True) for weighing in GRID}
    found, taken = [0.0] * len(tasks), []
    for half in (0, 1):
        best = max(GRID, key=lambda weighing: sum(by_weighing[weighing][half::2]))
        found[1 - half :: 2] = by_weighing[best][1 - half :: 2]
        taken.append(best)
    return found, taken


def _print_all(tasks: Sequence[Asked]) -> None:
    baseline = rights(tasks, codet(root=False), examples=False, useful=False)
    _print("any answer", rights(tasks, anyone, False, False), baseline)
    _print("any that loads and is not useless", rights(tasks, anyone, False, True), baseline)
    _print("the best possible", oracle(tasks), baseline)
    for examples in (False, True):
        print(f"\n{'with' if examples else 'without'} the examples (aim {WANTED[examples]:.0f})")
        rows = {
            "CodeT, |S|*|T|": rights(tasks, codet(root=False), examples, False),
            "CodeT, sqrt(|S|)*|T|": rights(tasks, codet(root=True), examples, False),
            "CodeT, not useless": rights(tasks, codet(root=False), examples, True),
            "any": rights(tasks, anyone, examples, True),
            "largest group": rights(tasks, crowd, examples, True),
            "agreement on each input alone": rights(tasks, soft(Weighing(claims=0.0, alike=0.0)), examples, True),
            "agreement and claims of each input": rights(tasks, soft(Weighing(alike=0.0)), examples, True),
            "and on all inputs (the product's rule)": rights(tasks, soft(STANDARD), examples, True),
        }
        rows["the same, tuned on the other half"], taken = tuned(tasks, examples)
        for name, found in rows.items():
            _print(name, found, baseline)
            if examples and not name.startswith("CodeT, |S|"):
                _print("  beside CodeT's rule with the examples", found, rows["CodeT, |S|*|T|"], brief=True)
        product = rows["and on all inputs (the product's rule)"]
        print(f"  the product's rule on each half: {mean(product[::2]):.1f}, {mean(product[1::2]):.1f}")
        print(f"  tuned to: {'; '.join(map(str, taken))}")


def _print(name: str, found: Sequence[float], baseline: Sequence[float], brief: bool = False) -> None:
    low, high = interval(found, baseline)
    own = "      " if brief else f"{mean(found):6.1f}"
    print(f"{name:<45}{own}  CodeT {mean(found) - mean(baseline):+6.1f} [{low:+.1f}, {high:+.1f}]")


if __name__ == "__main__":
    sys.exit(main())
