"""Prints how many wrong answers each source of inputs tells from the right ones, what it adds, and what it costs.

``python -m benchmarks.voting.sources --data DIR --outcomes FILE``. It runs nothing: what the answers did is read from
the file that ``benchmarks.voting.outcomes`` writes. The verdicts of the hidden tests are read here and nowhere in the
product.

An input tells a wrong answer apart where all right answers that are known on it do the same, and the wrong one is known
to do something else. What was lost (too slow, or not tried) tells nothing. Where right answers differ, the input is
counted as one that splits right answers: most likely it is outside of what the task promises.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VERDICTS = "verdicts.jsonl"
ORDER = ("example", "boundary", "generated", "mutated", "proposed", "splitting")
BASELINE = "example"

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Wrong:
    """A wrong answer that no flag stopped: the sources that tell it apart, and whether it meets all examples."""

    task: str
    told_by: frozenset[str]
    meets_examples: bool


@dataclass
class Figures:
    """All that is counted; ``inputs`` and ``unsound`` by source, the latter where right answers differ."""

    wrong: list[Wrong] = field(default_factory=list)
    inputs: dict[str, int] = field(default_factory=dict)
    unsound: dict[str, int] = field(default_factory=dict)
    tasks: int = 0
    without_right: int = 0

    @property
    def sources(self) -> list[str]:
        """The sources that have inputs, the known ones in their order first."""
        known = [source for source in ORDER if source in self.inputs]
        return known + sorted(set(self.inputs) - set(known))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; returns 0 also when there is no data, which it says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.voting.sources", description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help=f"folder with {VERDICTS}")
    parser.add_argument("--outcomes", type=Path, required=True, metavar="FILE", help="written by voting.outcomes")
    options = parser.parse_args(arguments)
    for path in (options.data / VERDICTS, options.outcomes):
        if not path.is_file():
            print(f"skipped: voting/sources needs {path}")
            return 0
    show(measure(read_lines(options.outcomes), verdicts_of(options.data / VERDICTS)))
    return 0


def verdicts_of(path: Path) -> dict[str, list[bool]]:
    """Read which answers are right, by task."""
    return {str(line["task"]): [mark == "1" for mark in line["verdicts"]] for line in read_lines(path)}


def votes(answer: Line) -> bool:
    """Say whether an answer may vote: it loads, no flag stopped it, and it is not useless."""
    return bool(answer["loads"]) and answer["flag"] is None and not answer["useless"]


def measure(lines: Iterable[Line], verdicts: Mapping[str, Sequence[bool]]) -> Figures:
    """Count, task by task; a task without a right answer among those that vote says nothing."""
    figures = Figures()
    for line in lines:
        right = [answer for answer in _voters(line) if verdicts[line["task"]][answer["index"]]]
        wrong = [answer for answer in _voters(line) if not verdicts[line["task"]][answer["index"]]]
        if not right:
            figures.without_right += 1
            continue
        figures.tasks += 1
        standard = [_standard(right, place) for place in range(len(line["inputs"]))]
        for source, known in zip(line["inputs"], standard, strict=True):
            figures.inputs[source] = figures.inputs.get(source, 0) + 1
            figures.unsound[source] = figures.unsound.get(source, 0) + (known is not None and len(known) > 1)
        for answer in wrong:
            told_by = {
                source
                for source, known, did in zip(line["inputs"], standard, answer["outcomes"], strict=True)
                if known is not None and len(known) == 1 and did is not None and did not in known
            }
            figures.wrong.append(Wrong(line["task"], frozenset(told_by), answer["passes_examples"] is True))
    return figures


def show(figures: Figures) -> None:
    """Print one line a source, first of all wrong answers, then of those that meet all examples."""
    print(f"{figures.tasks} tasks with a right answer that votes; {figures.without_right} without one are left out")
    every, meeting = figures.wrong, [answer for answer in figures.wrong if answer.meets_examples]
    for title, wrong in (("wrong answers that vote", every), ("of these, those that meet all examples", meeting)):
        print(f"\n{len(wrong)} {title}")
        if wrong:
            _table(figures, wrong)
    missing = [source for source in ORDER if source not in figures.inputs]
    if missing:
        print(f"\nno inputs in the file: {', '.join(missing)}")


def _table(figures: Figures, wrong: Sequence[Wrong]) -> None:
    base = sum(BASELINE in answer.told_by for answer in wrong)
    print(
        f"{'source':12}{'inputs/task':>13}{'told apart':>12}{f'vs {BASELINE}':>12}{'by it alone':>13}{'so far':>9}"
        f"{'per input':>11}{'splits right':>14}"
    )
    so_far: set[str] = set()
    for source in figures.sources:
        so_far.add(source)
        told = sum(source in answer.told_by for answer in wrong)
        alone = sum(answer.told_by == {source} for answer in wrong)
        together = sum(bool(answer.told_by & so_far) for answer in wrong)
        inputs = figures.inputs[source]
        ratio = f"{told / base:.2f}x" if base else "-"
        print(
            f"{source:12}{inputs / figures.tasks:13.1f}{told / len(wrong):12.1%}{ratio:>12}{alone / len(wrong):13.2%}"
            f"{together / len(wrong):9.1%}{told / inputs:11.2f}{figures.unsound[source] / inputs:14.1%}"
        )
    nowhere = [answer for answer in wrong if not answer.told_by]
    tasks = len({answer.task for answer in nowhere})
    print(f"{'none':12}{'':13}{len(nowhere) / len(wrong):12.1%}  ({len(nowhere)} answers of {tasks} tasks)")


def _voters(line: Line) -> list[Line]:
    return [answer for answer in line["answers"] if votes(answer)]


def _standard(right: Sequence[Line], place: int) -> set[str] | None:
    """Return what right answers do on an input, None where that is known of none."""
    known = {answer["outcomes"][place] for answer in right} - {None}
    return known or None


def read_lines(path: Path) -> Iterator[Any]:
    """Read a file of one JSON value a line."""
    with path.open(encoding="utf-8") as file:
        for text in file:
            if text.strip():
                yield json.loads(text)


if __name__ == "__main__":
    sys.exit(main())
