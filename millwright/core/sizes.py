"""How large a system is: lines from prose, tasks from lines, and the size classes of very large systems.

It prices nothing and plans nothing. The task count per line of code is the customer's prior for very large systems; for
small ones it is far too high, and a rule of thumb takes its place.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from millwright.errors import BadInput

LINES_PER_TASK = 12
"""Lines of code that an atomic task of at most 20 lines comes to on average."""

SMALL_PROJECT_LINES = 10_000
"""Below this many lines the prior of very large systems is reported, not used."""

_STATED_SIZE = re.compile(
    r"(?<!\d)(\d{1,3}(?:[,_ ]\d{3}){1,4}|\d++(?:\.\d++)?)(?:\s*+(thousand|million|k|m))?\s++(?:lines of code|loc)\b",
    re.IGNORECASE,
)
_MULTIPLIERS = {"": 1, "k": 1_000, "thousand": 1_000, "m": 1_000_000, "million": 1_000_000}
_SMALLEST_STATED = 1_000
"""Smaller numbers of lines in prose limit a function or a file; they do not size the system."""

_LARGEST_STATED = 10**9
"""Nobody means more than that; it is also the most that ``estimate --lines`` takes."""


class Interval(NamedTuple):
    """A figure with the bounds between which it lies nine times in ten."""

    low: int
    mid: int
    high: int


@dataclass(frozen=True)
class ScaleClass:
    """A size class of very large systems: agents at work at once, how long, and the price of a task in US dollars."""

    agents: int
    timeline: str
    price_per_task: float


_SCALE_CLASSES = (
    (100_000, ScaleClass(1_000, "1–2 weeks", 5e-5)),
    (1_000_000, ScaleClass(10_000, "1–2 months", 4e-5)),
    (10_000_000, ScaleClass(100_000, "3–6 months", 3e-5)),
)
_LARGEST_CLASS = ScaleClass(1_000_000, "6–12 months", 2e-5)


def prior_tasks(lines: int, complexity: int) -> int:
    """Return the prior number of tasks of a very large system: ⌊⌊lines × 13.6⌋ × complexity / 5⌋.

    Raises:
        BadInput: lines below 0, or a complexity outside 1 to 10.
    """
    if lines < 0:
        raise BadInput(f"the number of lines is {lines}: give 0 or more")
    if not 1 <= complexity <= 10:
        raise BadInput(f"the complexity is {complexity}: give 1 (plain) to 10 (intricate)")
    return lines * 136 // 10 * complexity // 5


def scale_class(tasks: int) -> ScaleClass:
    """Return the size class for a number of tasks."""
    return next((scale for limit, scale in _SCALE_CLASSES if tasks < limit), _LARGEST_CLASS)


def lines_from_prose(text: str) -> Interval:
    """Estimate the lines of code that requirements ask for.

    A size that the prose states itself ("about 30k lines of code", at least 1,000) counts, give or take a quarter.
    Else two lines for every five words, within a factor of three: a rule of thumb, since terse and wordy authors ask
    for the same program.
    """
    stated = _stated_sizes(text)
    if stated:
        most = max(stated)
        return Interval(most * 3 // 4, most, most * 5 // 4)
    mid = max(LINES_PER_TASK, len(text.split()) * 2 // 5)
    return Interval(max(1, mid // 3), mid, mid * 3)


def states_size(text: str) -> bool:
    """Say whether requirements state the size of the system themselves."""
    return bool(_stated_sizes(text))


def _stated_sizes(text: str) -> list[int]:
    return [size for found in _STATED_SIZE.finditer(text) if (size := _stated(found)) >= _SMALLEST_STATED]


def _stated(found: re.Match[str]) -> int:
    digits = re.sub(r"[,_ ]", "", found[1])
    return int(min(float(digits) * _MULTIPLIERS[(found[2] or "").lower()], _LARGEST_STATED))
