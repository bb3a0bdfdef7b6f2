"""Prints how far errors go together: pairs of answers to one task that are both wrong, and wrong in the same way.

``python -m benchmarks.voting.correlation --data DIR --outcomes FILE``. It runs nothing: what the answers did is read
from the file that ``benchmarks.voting.outcomes`` writes. The verdicts of the hidden tests are read here and nowhere in
the product. Cells are told by the fields ``model``, ``temperature`` and ``variant``, of an answer, of its line in the
outcomes, or of its task in the completions (one for all, or a list with one for each); what is nowhere is ``-``.

Only answers that vote are counted, and every task weighs the same. Independence is what two answers would do if tasks
were equally hard and answers drawn apart: the product of both shares of wrong ones. Wrong in the same way is the same
outcome on every input where the right answers agree (on every one, where there is no right answer); its baseline is
that all wrong behaviours seen in the task are equally frequent.
"""

import argparse
import math
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

from benchmarks.voting.sources import VERDICTS, read_lines, verdicts_of, votes

COMPLETIONS = "completions.jsonl"
FIELDS = ("model", "temperature", "variant")
UNKNOWN = "-"
SHOWN = 40

Line = Mapping[str, Any]
Cell = tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """One vote: its cell, whether it is right, and what it did on the inputs that count."""

    cell: Cell
    right: bool
    behaviour: tuple[str | None, ...]


@dataclass
class Pairs:
    """Pairs of two cells, task by task: each list has one entry for each task where both cells have answers."""

    wrong_here: list[float] = field(default_factory=list)
    wrong_there: list[float] = field(default_factory=list)
    both_wrong: list[float] = field(default_factory=list)
    same_way: list[float] = field(default_factory=list)
    if_even: list[float] = field(default_factory=list)
    count: int = 0

    @property
    def both(self) -> float:
        """How often both are wrong."""
        return _mean(self.both_wrong)

    @property
    def independent(self) -> float:
        """How often both would be wrong, were errors independent."""
        return _mean(self.wrong_here) * _mean(self.wrong_there)

    @property
    def phi(self) -> float:
        """The correlation of being wrong, from -1 to 1; nan where one of the cells is always right or always wrong."""
        here, there = _mean(self.wrong_here), _mean(self.wrong_there)
        spread = math.sqrt(here * (1 - here) * there * (1 - there))
        return (self.both - here * there) / spread if spread else math.nan

    @property
    def alike(self) -> float:
        """Of pairs that are both wrong, the share that is so in the same way."""
        return sum(self.same_way) / sum(self.both_wrong) if self.both else math.nan

    @property
    def alike_if_even(self) -> float:
        """The same share, were all wrong behaviours of a task equally frequent."""
        return sum(self.if_even) / sum(self.both_wrong) if self.both else math.nan


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; returns 0 also when there is no data, which it says."""
    summary = __doc__.partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.voting.correlation", description=summary)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help=f"folder with {VERDICTS}")
    parser.add_argument("--outcomes", type=Path, required=True, metavar="FILE", help="written by voting.outcomes")
    options = parser.parse_args(arguments)
    for path in (options.data / VERDICTS, options.outcomes):
        if not path.is_file():
            print(f"skipped: voting/correlation needs {path}")
            return 0
    completions = options.data / COMPLETIONS
    recorded = {line["task"]: line for line in read_lines(completions)} if completions.is_file() else {}
    show(answers_of(read_lines(options.outcomes), verdicts_of(options.data / VERDICTS), recorded))
    return 0


def answers_of(
    lines: Iterable[Line], verdicts: Mapping[str, Sequence[bool]], recorded: Mapping[str, Line]
) -> list[list[Answer]]:
    """Return the answers that vote, task by task."""
    return [_answers(line, verdicts[line["task"]], recorded.get(line["task"], {})) for line in lines]


def _answers(line: Line, right: Sequence[bool], recorded: Line) -> list[Answer]:
    voting = [answer for answer in line["answers"] if votes(answer)]
    standard = [answer["outcomes"] for answer in voting if right[answer["index"]]]
    sound = [len(set(did) - {None}) == 1 for did in zip(*standard, strict=True)] or [True] * len(line["inputs"])
    return [
        Answer(
            cell=tuple(_field(name, answer, line, recorded) for name in FIELDS),
            right=right[answer["index"]],
            behaviour=tuple(did for did, counts in zip(answer["outcomes"], sound, strict=True) if counts),
        )
        for answer in voting
    ]


def pairs_of(tasks: Iterable[Sequence[Answer]], fields: Sequence[int]) -> dict[tuple[Cell, Cell], Pairs]:
    """Count the pairs of every two cells, told apart by the fields at these places."""
    found: dict[tuple[Cell, Cell], Pairs] = {}
    for answers in tasks:
        cells: dict[Cell, list[Answer]] = {}
        for answer in answers:
            cells.setdefault(tuple(answer.cell[place] for place in fields), []).append(answer)
        for here, there in combinations_with_replacement(sorted(cells), 2):
            _count(found.setdefault((here, there), Pairs()), cells[here], cells[there], here == there)
    return {cells: pairs for cells, pairs in found.items() if pairs.count}


def show(tasks: Sequence[Sequence[Answer]]) -> None:
    """Print a table over whole cells, and one for each field that has several values."""
    cells = {answer.cell for answers in tasks for answer in answers}
    print(
        f"{sum(map(len, tasks))} answers that vote to {len(tasks)} tasks, {len(cells)} cell(s) of {', '.join(FIELDS)}"
    )
    _table("cell", pairs_of(tasks, range(len(FIELDS))))
    for place, name in enumerate(FIELDS):
        if len({cell[place] for cell in cells}) > 1:
            _table(name, pairs_of(tasks, [place]))


def _table(title: str, found: Mapping[tuple[Cell, Cell], Pairs]) -> None:
    print(
        f"\n{title:44}{'pairs':>9}{'both wrong':>12}{'independent':>13}{'ratio':>8}{'phi':>7}"
        f"{'same way':>10}{'if even':>11}{'ratio':>8}"
    )
    ordered = sorted(found.items(), key=lambda item: (item[0][0] != item[0][1], item[1].both - item[1].independent))
    for (here, there), pairs in ordered[:SHOWN]:
        name = " ".join(here) if here == there else f"{' '.join(here)} x {' '.join(there)}"
        print(
            f"{name:44}{pairs.count:9}{pairs.both:12.1%}{pairs.independent:13.1%}"
            f"{_ratio(pairs.both, pairs.independent)}{pairs.phi:7.2f}"
            f"{pairs.alike:10.1%}{pairs.alike_if_even:11.1%}{_ratio(pairs.alike, pairs.alike_if_even)}"
        )
    if len(ordered) > SHOWN:
        print(f"… and {len(ordered) - SHOWN} more")


def _count(pairs: Pairs, here: Sequence[Answer], there: Sequence[Answer], same: bool) -> None:
    every = len(here) * (len(here) - 1) if same else len(here) * len(there)
    if not every:
        return
    ways = [Counter(answer.behaviour for answer in answers if not answer.right) for answers in (here, there)]
    first, second = (sum(counter.values()) for counter in ways)
    both = first * (first - 1) if same else first * second
    alike = sum(times * (times - 1 if same else ways[1][way]) for way, times in ways[0].items())
    distinct = len(ways[0].keys() | ways[1].keys())
    pairs.count += every // 2 if same else every
    pairs.wrong_here.append(first / len(here))
    pairs.wrong_there.append(second / len(there))
    pairs.both_wrong.append(both / every)
    pairs.same_way.append(alike / every)
    evenly = (first / distinct - 1) / (first - 1) if same and first > 1 else 1 / max(distinct, 1)
    pairs.if_even.append(both / every * evenly)


def _field(name: str, answer: Line, line: Line, recorded: Line) -> str:
    for place in (answer, line):
        if place.get(name) is not None:
            return str(place[name])
    value = recorded.get(name)
    if isinstance(value, list):
        return str(value[answer["index"]])
    return UNKNOWN if value is None else str(value)


def _ratio(value: float, base: float) -> str:
    return f"{value / base:7.2f}x" if base and not math.isnan(base) else f"{'-':>8}"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


if __name__ == "__main__":
    sys.exit(main())
