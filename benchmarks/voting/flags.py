"""Prints what the red flags do to recorded answers: how many each rule takes, and how many right ones among them.

The verdicts of the hidden tests are read here and nowhere in the product. Beside each rule stands the share of right
answers that its tasks have anyway: a rule whose share is not below it says nothing. Two rules that were dropped, lone
brackets and words anywhere in the code, are measured again as the baseline.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from millwright.core.red_flags.dialects import dialect_of
from millwright.core.red_flags.rule_set import CODE_RULES, Inspection
from millwright.core.verification.languages import language_named
from schemas.models import FinishReason

COMPLETIONS, VERDICTS = "completions.jsonl", "verdicts.jsonl"
SHOWN = 10
_WORDS = re.compile(r"\b(?:error|cannot|exception|might|maybe|i think|todo|bug)\b", re.IGNORECASE)


@dataclass
class Line:
    """How many answers something takes, and how many right ones; ``expected``: as many as chance would take."""

    taken: int = 0
    right: int = 0
    expected: float = 0.0

    def add(self, is_right: bool, share: float) -> None:
        """Count one answer of a task with this share of right ones."""
        self.taken += 1
        self.right += is_right
        self.expected += share


@dataclass
class Figures:
    """The lines by what takes answers, and the right answers that a rule rejects."""

    lines: dict[str, Line] = field(default_factory=dict)
    wronged: list[str] = field(default_factory=list)

    def add(self, name: str, is_right: bool, share: float) -> None:
        """Count one answer under a name."""
        self.lines.setdefault(name, Line()).add(is_right, share)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; 0 also where the data is missing, 1 where a rule that is on rejects a right answer."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.voting.flags", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("humaneval"), help=f"folder with {COMPLETIONS}, {VERDICTS}")
    options = parser.parse_args(arguments)
    if not all((options.data / name).is_file() for name in (COMPLETIONS, VERDICTS)):
        print(f"skipped: voting/flags needs {COMPLETIONS} and {VERDICTS} in {options.data}; give the folder by --data")
        return 0
    figures = measure(options.data)
    show(figures)
    return 1 if figures.wronged else 0


def measure(data: Path) -> Figures:
    """Hold every answer of a folder against the rules for code that are on by default."""
    language = language_named("python")
    verdicts = {str(line["task"]): str(line["verdicts"]) for line in _lines(data / VERDICTS)}
    figures = Figures()
    for line in _lines(data / COMPLETIONS):
        task, answers = str(line["task"]), line["completions"]
        right = [mark == "1" for mark in verdicts[task]]
        share = sum(right) / len(right)
        dialect = dialect_of(language, str(line["name"]))
        for number, (text, is_right) in enumerate(zip(answers, right, strict=True)):
            found = CODE_RULES.inspect(text, FinishReason.STOP, dialect)
            for name in _names(text, found):
                figures.add(name, is_right, share)
            if found.flag is not None and is_right:
                figures.wronged.append(f"{task}, answer {number}: {found.rule}: {found.flag.detail}")
    return figures


def show(figures: Figures) -> None:
    """Print the lines, and the right answers that were rejected."""
    print(f"{'':40}{'answers':>9}{'right':>8}{'share':>8}{'of their tasks':>16}")
    for name, line in sorted(figures.lines.items()):
        print(f"{name:40}{line.taken:9}{line.right:8}{line.right / line.taken:8.1%}{line.expected / line.taken:16.1%}")
    print(f"{len(figures.wronged)} right answers are rejected by a rule that is on by default")
    for told in figures.wronged[:SHOWN]:
        print(f"  {told}")


def _names(text: str, found: Inspection) -> Iterator[str]:
    yield "0 all"
    yield "1 kept" if found.flag is None else "1 rejected"
    if found.rule is not None:
        yield f"2 rule: {found.rule}"
    for advice in found.advice:
        yield f"3 advice: {advice.rule}"
    if any(text.count(opening) != text.count(closing) for opening, closing in ("()", "[]", "{}")):
        yield "4 dropped: brackets counted in the text"
        if found.flag is None:
            yield "5 the same, of those kept"
    if _WORDS.search(text):
        yield "4 dropped: words anywhere"
        if found.flag is None:
            yield "5 words, of those kept"


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            yield json.loads(line)


if __name__ == "__main__":
    sys.exit(main())
