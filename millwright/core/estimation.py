"""Forecasts what a project takes, each figure with an interval, before anything is spent.

It learns nothing: the widths and the defaults below are priors of judgment, not measurements, and a forecast says in
its ``basis`` what it rests on. The task count per line of code is the customer's prior for very large systems; for
small ones it is far too high, and the number of parts that prose suggests, or the plan when there is one, takes its
place.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from millwright.core.budget import FREE, Price
from millwright.core.reliability import expected_ballots, margin_required
from millwright.errors import BadInput
from schemas.evidence import Forecast

LINES_PER_TASK = 12
"""Lines of code that an atomic task of at most 20 lines comes to on average."""

CHILDREN_PER_PLAN = 5
"""Parts that one decomposition yields on average."""

SMALL_PROJECT_LINES = 10_000
"""Below this many lines the prior of very large systems is reported, not used."""

_STATED_SIZE = re.compile(
    r"(\d{1,3}(?:[,_ ]\d{3})+|\d+(?:\.\d+)?)\s*(k|thousand|m|million)?\s+(?:lines of code|loc)\b", re.IGNORECASE
)
_MULTIPLIERS = {"": 1, "k": 1_000, "thousand": 1_000, "m": 1_000_000, "million": 1_000_000}
_SMALLEST_STATED = 1_000
"""Smaller numbers of lines in prose limit a function or a file; they do not size the system."""

_ODDS_FACTOR = 2.0
"""The odds of a right ballot lie within this factor of the assumed ones."""

_USE_FACTOR = 1.4
"""Usable answers, tokens and seconds a call lie within this factor of the assumed ones."""


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
    stated = [size for found in _STATED_SIZE.finditer(text) if (size := _stated(found)) >= _SMALLEST_STATED]
    if stated:
        most = max(stated)
        return Interval(most * 3 // 4, most, most * 5 // 4)
    mid = max(LINES_PER_TASK, len(text.split()) * 2 // 5)
    return Interval(max(1, mid // 3), mid, mid * 3)


def forecast(
    *,
    lines: Interval | tuple[int, int, int],
    complexity: int = 5,
    atomic_tasks: int | None = None,
    p: float = 0.9,
    target: float = 0.95,
    k: int | None = None,
    price: Price = FREE,
    seconds_per_call: float = 5.0,
    concurrency: int = 8,
    usable: float = 0.7,
    prompt_tokens: int = 900,
    completion_tokens: int = 300,
    max_attempts: int = 20,
) -> Forecast:
    """Forecast tasks, calls, tokens, cost and wall-clock of a project.

    With a plan, ``atomic_tasks`` is its number of atomic tasks, and planning is taken as paid; without, tasks follow
    from ``lines``. ``k`` None takes the margin that ``target`` for the whole project requires at ``p``, the chance that
    a verified ballot is right. ``usable`` is the share of answers that become ballots, ``seconds_per_call`` the time
    from asking to verdict, ``concurrency`` how many calls run at once; the token counts are of one call.

    Raises:
        BadInput: a figure outside its bounds.
    """
    _check(lines, p, usable, concurrency, seconds_per_call, atomic_tasks)
    lines = Interval(*lines)
    tasks = _tasks(lines, complexity, atomic_tasks)
    margin = margin_required(target, tasks.mid, p) if k is None else k
    elections = tasks if atomic_tasks is not None else Interval(*(_with_planning(count) for count in tasks))
    three = [_draws(right, share, margin, max_attempts) for right, share in _assumptions(p, usable)]
    draws = (min(three), three[1], max(three))  # below one half, worse odds decide sooner, for the wrong side
    calls = Interval(*(max(1, round(count * each)) for count, each in zip(elections, draws, strict=True)))
    each_call = prompt_tokens + completion_tokens
    tokens = Interval(*(round(value) for value in _spread(calls, each_call)))
    cost = _spread(calls, price.of(prompt_tokens, completion_tokens))
    # No concurrency shortens the longest chain: one round after another, level below level.
    chain = 2 * _levels(tasks.mid)
    waits = Interval(*(chain + -(-count // concurrency) for count in calls))
    wall = _spread(waits, seconds_per_call)
    prior = prior_tasks(lines.mid, complexity)
    large = atomic_tasks is None and lines.mid >= SMALL_PROJECT_LINES
    scale = scale_class(tasks.mid if large else prior)
    return Forecast(
        lines=lines.mid,
        lines_range=(lines.low, lines.high),
        tasks=tasks.mid,
        tasks_range=(tasks.low, tasks.high),
        calls=calls.mid,
        calls_range=(calls.low, calls.high),
        tokens=tokens.mid,
        tokens_range=(tokens.low, tokens.high),
        cost=cost[1],
        cost_range=(cost[0], cost[2]),
        wall_seconds=wall[1],
        wall_seconds_range=(wall[0], wall[2]),
        k=margin,
        agents=scale.agents if large else min(concurrency, tasks.mid * margin),
        timeline=scale.timeline if large else f"{duration(wall[0])} to {duration(wall[2])}",
        basis=(
            f"{_source(atomic_tasks, large)}; a ballot is right with p = {p:g}, {usable:.0%} of answers are usable, "
            f"{concurrency} calls at once; prior for very large systems: {prior:,} tasks, {scale.agents:,} agents, "
            f"{scale.timeline}, {prior * scale.price_per_task:,.2f} USD"
        ),
    )


def duration(seconds: float) -> str:
    """Write a duration in words, in the largest unit of which it holds at least two (of days: any number)."""
    for name, unit in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * unit:
            return f"{seconds / unit:,.0f} {name}"
    return f"{max(1, round(seconds))} seconds" if seconds >= 1.5 else "1 second"


def _stated(found: re.Match[str]) -> int:
    digits = re.sub(r"[,_ ]", "", found[1])
    return int(float(digits) * _MULTIPLIERS[(found[2] or "").lower()])


def _check(
    lines: tuple[int, int, int],
    p: float,
    usable: float,
    concurrency: int,
    seconds_per_call: float,
    atomic_tasks: int | None,
) -> None:
    if not 0 <= lines[0] <= lines[1] <= lines[2]:
        raise BadInput(f"the lines {tuple(lines)} are not a low, middle and high figure in that order")
    if not 1e-6 < p < 1 - 1e-6:
        raise BadInput(f"p is {p}: give a probability above 0 and below 1")
    if not 0 < usable <= 1:
        raise BadInput(f"the usable share is {usable}: give more than 0 and at most 1")
    if concurrency < 1:
        raise BadInput(f"the concurrency is {concurrency}: give at least 1")
    if seconds_per_call <= 0:
        raise BadInput(f"the seconds a call takes are {seconds_per_call}: give more than 0")
    if atomic_tasks is not None and atomic_tasks < 1:
        raise BadInput(f"the plan has {atomic_tasks} atomic tasks: give at least 1, or none without a plan")


def _tasks(lines: Interval, complexity: int, atomic_tasks: int | None) -> Interval:
    if atomic_tasks is not None:
        return Interval(atomic_tasks, atomic_tasks, atomic_tasks)
    if lines.mid >= SMALL_PROJECT_LINES:
        return Interval(*(max(1, prior_tasks(count, complexity)) for count in lines))
    return Interval(*(max(1, -(-count // LINES_PER_TASK)) for count in lines))


def _with_planning(tasks: int) -> int:
    """Add the elections before the first atomic task: the specification, and a decomposition for each parent."""
    return tasks + 1 + -(-tasks // CHILDREN_PER_PLAN)


def _assumptions(p: float, usable: float) -> tuple[tuple[float, float], ...]:
    """Return (p, usable share) for the low, middle and high number of calls."""
    odds = p / (1 - p)
    better, worse = odds * _ODDS_FACTOR, odds / _ODDS_FACTOR
    return (
        (better / (1 + better), min(1.0, usable * _USE_FACTOR)),
        (p, usable),
        (worse / (1 + worse), usable / _USE_FACTOR),
    )


def _draws(p: float, usable: float, k: int, max_attempts: int) -> float:
    return min(float(max_attempts), expected_ballots(p, k) / usable)


def _spread(counts: Interval, each: float) -> tuple[float, float, float]:
    return counts.low * each / _USE_FACTOR, counts.mid * each, counts.high * each * _USE_FACTOR


def _levels(tasks: int) -> int:
    levels, reach = 1, 1
    while reach < tasks:
        levels, reach = levels + 1, reach * CHILDREN_PER_PLAN
    return levels


def _source(atomic_tasks: int | None, large: bool) -> str:
    if atomic_tasks is not None:
        return f"the plan's {atomic_tasks} atomic tasks"
    return "the prior for very large systems" if large else f"the requirements' length, {LINES_PER_TASK} lines a task"
