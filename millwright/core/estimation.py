"""Forecasts what a project takes, each figure with an interval, before anything is spent.

It learns nothing: the widths and the defaults below are priors of judgment, not measurements, which ``corrections``
mends by what finished builds took; a forecast says in its ``basis`` what it rests on. The task count per line of code
is the customer's prior for very large systems; for small ones it is far too high, and the number of parts that prose
suggests, or the plan when there is one, takes its place.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from millwright.core.allocation import Left, Remaining, remaining_tasks
from millwright.core.basis import LEAST_MARGIN, Basis
from millwright.core.budget import Price
from millwright.core.corrections import Figure
from millwright.core.learning import Range
from millwright.core.margins import Margin, ReliabilityPlan, plan
from millwright.core.sizes import LINES_PER_TASK, SMALL_PROJECT_LINES, Interval, prior_tasks, scale_class
from millwright.errors import BadInput
from schemas.evidence import Forecast, PlannedKind
from schemas.identity import Archetype
from schemas.lessons import Difficulty, Kind

CHILDREN_PER_PLAN = 5
"""Parts that one decomposition yields on average."""

AT_ONCE = 8
"""Calls at once, unless more are said to be."""

_USE_FACTOR = 1.4
"""Tokens and seconds a call lie within this factor of the assumed ones."""


def forecast(
    basis: Basis,
    *,
    lines: Interval | tuple[int, int, int],
    complexity: int = 5,
    guessed: bool = False,
    tasks: Sequence[Remaining] | None = None,
    k: int | None = None,
    max_attempts: int = 20,
    proposals: int = 0,
    concurrency: int | None = None,
    left: Left | None = None,
) -> Forecast:
    """Forecast tasks, calls, tokens, cost and wall-clock of a project, and how sure all of it will be.

    ``tasks`` are those of a plan, by kind, and planning is taken as paid; without, their number follows from ``lines``,
    which are ``guessed`` where they come from a text's length. ``k`` None takes the margins that the target for the
    whole project requires. ``proposals`` agents propose inputs for each task before its vote. ``concurrency`` is how
    many calls run at once: None takes 8, or the agents of the size class of a very large system.

    Raises:
        BadInput: a figure outside its bounds.
    """
    _check(lines, concurrency, tasks)
    size = _size(basis, Interval(*lines), complexity, guessed=guessed, tasks=tasks)
    count = size.tasks
    agents = concurrency or (scale_class(count.mid).agents if size.large else AT_ONCE)
    lots = tasks or [_lot_of(basis, count.mid)]
    made = plan(basis.target, lots, max_attempts=max_attempts, left=left, k=k, least=LEAST_MARGIN)
    calls = _calls(basis, made, size, max_attempts, proposals)
    each = basis.corrections.of(Figure.TOKENS).applied(Range(1 / _USE_FACTOR, 1.0, _USE_FACTOR))
    tokens = _times(calls, each, basis.prompt_tokens + basis.completion_tokens)
    cost = _cost(basis, calls, each, size)
    wall = _wall(basis, calls, count, agents)
    margin = max(made.margins, key=lambda margin: margin.tasks).k
    scales = [scale_class(number) for number in count]
    times = (wall.low, wall.high)
    return Forecast(
        lines=round(size.lines.mid),
        lines_range=(round(size.lines.low), round(size.lines.high)),
        tasks=count.mid,
        tasks_range=(count.low, count.high),
        calls=round(calls.mid),
        calls_range=(round(calls.low), round(calls.high)),
        tokens=round(tokens.mid),
        tokens_range=(round(tokens.low), round(tokens.high)),
        cost=cost.mid,
        cost_range=(cost.low, cost.high),
        wall_seconds=wall.mid,
        wall_seconds_range=times,
        k=margin,
        agents=scales[1].agents if size.large else min(agents, count.mid * margin),
        agents_range=(scales[0].agents, scales[2].agents)
        if size.large
        else (min(agents, count.low), min(agents, count.high * margin)),
        timeline=scales[1].timeline if size.large else f"{duration(wall.low)} to {duration(wall.high)}",
        timeline_range=(scales[0].timeline, scales[2].timeline)
        if size.large
        else (duration(wall.low), duration(wall.high)),
        concurrency=agents,
        target=basis.target,
        success=made.success.mid,
        success_range=(made.success.low, made.success.high),
        kinds=tuple(_planned(lot, margin) for lot, margin in zip(lots, made.margins, strict=True)),
        notes=(*made.notes, *_unpriced(basis, left)),
        guessed=guessed and tasks is None and not size.large,
        corrected={figure.value: found.factor for figure, found in basis.corrections.figures.items() if found.builds},
        corrections=basis.corrections.told(),
        basis=_told(basis, size, lots, agents, complexity),
    )


def duration(seconds: float) -> str:
    """Write a duration in words, in the largest unit of which it holds at least two."""
    for name, unit in (("years", 31_557_600), ("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * unit:
            return f"{seconds / unit:,.0f} {name}"
    return f"{max(1, round(seconds))} seconds" if seconds >= 1.5 else "1 second"


def _check(lines: tuple[int, int, int], concurrency: int | None, tasks: Sequence[Remaining] | None) -> None:
    if not 0 <= lines[0] <= lines[1] <= lines[2]:
        raise BadInput(f"the lines {tuple(lines)} are not a low, middle and high figure in that order")
    if concurrency is not None and concurrency < 1:
        raise BadInput(f"the concurrency is {concurrency}: give at least 1")
    if tasks is not None and not tasks:
        raise BadInput("the plan has no tasks: give at least 1, or none without a plan")


class _Size(NamedTuple):
    """How large a project is: its lines, its tasks, the elections over them and before them, and where that is from."""

    lines: Range
    tasks: Interval
    elections: Interval
    large: bool
    planned: bool
    prior: int


def _size(basis: Basis, lines: Interval, complexity: int, *, guessed: bool, tasks: Sequence[Remaining] | None) -> _Size:
    prior = prior_tasks(lines.mid, complexity)
    if tasks is not None:
        count = sum(each.tasks for each in tasks)
        exactly = Interval(count, count, count)
        return _Size(_range(lines), exactly, exactly, large=False, planned=True, prior=prior)
    if lines.mid >= SMALL_PROJECT_LINES:
        many = Interval(*(max(1, prior_tasks(number, complexity)) for number in lines))
        return _Size(_range(lines), many, _with_planning(many), large=True, planned=False, prior=prior)
    few = Range(*(float(max(1, -(-number // LINES_PER_TASK))) for number in lines))
    shown = _range(lines)
    if guessed:
        few = basis.corrections.of(Figure.TASKS).applied(few)
        shown = basis.corrections.of(Figure.LINES).applied(shown)
    count_ = Interval(*(max(1, round(number)) for number in few))
    return _Size(shown, count_, _with_planning(count_), large=False, planned=False, prior=prior)


def _range(lines: Interval) -> Range:
    return Range(*map(float, lines))


def _with_planning(tasks: Interval) -> Interval:
    """Add the elections before the first atomic task: the specification, and a decomposition for each parent."""
    return Interval(*(count + 1 + -(-count // CHILDREN_PER_PLAN) for count in tasks))


def _lot_of(basis: Basis, count: int) -> Remaining:
    """Take tasks of which nothing is known yet as code of middling difficulty."""
    kind = Kind(archetype=Archetype.CODER, model=basis.model, difficulty=Difficulty.MEDIUM)
    return remaining_tasks(
        "any kind",
        count,
        basis.experience.of(kind),
        tokens_per_call=basis.tokens_per_call,
        cost_per_call=basis.cost_per_call,
    )


def _calls(basis: Basis, made: ReliabilityPlan, size: _Size, max_attempts: int, proposals: int) -> Range:
    """Count the calls of all elections, as often as there are elections to each task, and the proposals."""
    three = []
    for expected, elections, tasks in zip(made.calls, size.elections, size.tasks, strict=True):
        drawn = min(expected * elections / size.tasks.mid, float(elections * max_attempts))
        three.append(max(1.0, drawn) + proposals * tasks)
    return basis.corrections.of(Figure.CALLS).applied(Range(*three))


def _times(calls: Range, each: Range, amount: float) -> Range:
    return Range(*(count * share * amount for count, share in zip(calls, each, strict=True)))


def _cost(basis: Basis, calls: Range, each: Range, size: _Size) -> Range:
    """Price the calls; where no price is known, a very large system costs what its class does, and others nothing."""
    if not basis.priced and size.large:
        return Range(*(count * scale_class(count).price_per_task for count in sorted(size.tasks)))
    price = Price(basis.prompt_price, basis.completion_price)
    return _times(calls, each, price.of(basis.prompt_tokens, basis.completion_tokens))


def _wall(basis: Basis, calls: Range, tasks: Interval, agents: int) -> Range:
    """Forecast the wall-clock; no concurrency shortens the longest chain: round after round, level below level."""
    each = basis.corrections.of(Figure.SECONDS).applied(Range(1 / _USE_FACTOR, 1.0, _USE_FACTOR))
    chain = 2 * _levels(tasks.mid)
    waits = Range(*(chain + math.ceil(count / agents) for count in calls))
    return _times(waits, each, basis.seconds_per_call)


def _unpriced(basis: Basis, left: Left | None) -> tuple[str, ...]:
    if basis.priced or left is None or left.cost is None:
        return ()
    return ("no price is known for this model, so the cap on cost stops nothing: its preset can name the prices",)


def _planned(lot: Remaining, margin: Margin) -> PlannedKind:
    return PlannedKind(
        name=lot.name,
        tasks=lot.tasks,
        k=margin.k,
        p=lot.p.mid,
        p_range=(lot.p.low, lot.p.high),
        success=margin.success.mid,
        success_range=(margin.success.low, margin.success.high),
    )


def _levels(tasks: int) -> int:
    levels, reach = 1, 1
    while reach < tasks:
        levels, reach = levels + 1, reach * CHILDREN_PER_PLAN
    return levels


def _told(basis: Basis, size: _Size, lots: Sequence[Remaining], agents: int, complexity: int) -> str:
    if size.planned:
        source = f"the plan's {size.tasks.mid} tasks"
    elif size.large:
        source = f"the prior for very large systems at complexity {complexity}"
    else:
        source = f"the requirements' length, {LINES_PER_TASK} lines a task"
    most = max(lots, key=lambda lot: lot.tasks)
    scale = scale_class(size.prior)
    price = "" if basis.priced else "; no price is known for this model"
    if not basis.priced and size.large:
        price += ", so the cost is that of the size class"
    return (
        f"{source}; a ballot is right with p = {most.p.mid:.2f} ({most.p.low:.2f} to {most.p.high:.2f}), "
        f"{most.usable.mid:.0%} of answers are usable, {agents:,} calls at once; prior for very large systems: "
        f"{size.prior:,} tasks, {scale.agents:,} agents, {scale.timeline}, {size.prior * scale.price_per_task:,.2f} USD"
        f"{price}"
    )
