"""Forecasts: the prior's figures, the prose, and intervals that contain what they frame."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.budget import Price
from millwright.core.estimation import duration, forecast, lines_from_prose, prior_tasks, scale_class
from millwright.core.reliability import margin_required
from millwright.errors import BadInput

COUNTS = st.integers(0, 10**8)


@pytest.mark.parametrize(
    ("lines", "complexity", "tasks"),
    [
        (10_000, 5, 136_000),
        (500_000, 5, 6_800_000),
        (30_000_000, 5, 408_000_000),
        (7, 3, 57),
        (1, 1, 2),
        (0, 10, 0),
    ],
)
def test_the_prior_is_exact(lines: int, complexity: int, tasks: int) -> None:
    """Both floors are taken in whole numbers: seven lines are ⌊95.2⌋ = 95, and ⌊95 × 3 / 5⌋ = 57."""
    assert prior_tasks(lines, complexity) == tasks


@pytest.mark.parametrize(("lines", "complexity"), [(-1, 5), (10, 0), (10, 11)])
def test_the_prior_refuses_what_it_does_not_know(lines: int, complexity: int) -> None:
    """Complexity runs from 1 to 10."""
    with pytest.raises(BadInput):
        prior_tasks(lines, complexity)


@pytest.mark.parametrize(
    ("tasks", "agents", "timeline", "price"),
    [
        (0, 1_000, "1–2 weeks", 5e-5),
        (99_999, 1_000, "1–2 weeks", 5e-5),
        (100_000, 10_000, "1–2 months", 4e-5),
        (999_999, 10_000, "1–2 months", 4e-5),
        (1_000_000, 100_000, "3–6 months", 3e-5),
        (10_000_000, 1_000_000, "6–12 months", 2e-5),
    ],
)
def test_classes_begin_where_they_should(tasks: int, agents: int, timeline: str, price: float) -> None:
    """Each class ends just below the next one's first task."""
    scale = scale_class(tasks)
    assert (scale.agents, scale.timeline, scale.price_per_task) == (agents, timeline, price)


@pytest.mark.parametrize(
    ("text", "mid"),
    [
        ("word " * 500, 200),
        ("", 12),
        ("A system of about 30,000 lines of code.", 30_000),
        ("roughly 1.5 million LOC in all", 1_500_000),
        ("30k lines of code, of which 10k lines of code are tests", 30_000),
        ("No function may have more than 20 lines of code", 12),
    ],
)
def test_prose_suggests_a_size(text: str, mid: int) -> None:
    """Words count, unless the prose states a size itself; a limit on functions is no size."""
    assert lines_from_prose(text).mid == mid


@given(st.text(max_size=2000))
def test_any_prose_gives_an_interval(text: str) -> None:
    """Low, middle and high stand in that order, above zero."""
    low, mid, high = lines_from_prose(text)
    assert 0 < low <= mid <= high


def test_a_plan_takes_the_place_of_guesses() -> None:
    """With a plan the number of tasks is known, and so planning is no longer forecast."""
    told = forecast(lines=(200, 200, 200), atomic_tasks=16, k=3)
    guessed = forecast(lines=(192, 192, 192), k=3)
    assert told.tasks == guessed.tasks == 16
    assert told.tasks_range == (16, 16)
    assert told.calls < guessed.calls
    assert told.basis.startswith("the plan's 16 atomic tasks")


def test_small_projects_report_the_prior_without_using_it() -> None:
    """A hundred lines are a handful of tasks; what the prior would say stands in the basis."""
    small = forecast(lines=(60, 100, 200))
    assert small.tasks == 9
    assert "prior for very large systems: 1,360 tasks" in small.basis
    assert small.agents <= 8


def test_very_large_systems_use_the_prior() -> None:
    """From ten thousand lines on, tasks, agents and timeline are the prior's."""
    large = forecast(lines=(7_500, 10_000, 12_500))
    assert (large.tasks, large.agents, large.timeline) == (136_000, 10_000, "1–2 months")


def test_the_margin_follows_from_the_target_unless_it_is_fixed() -> None:
    """Without a k the plan chooses the one that the whole project needs."""
    assert forecast(lines=(1, 1, 1), atomic_tasks=300, p=0.9).k == margin_required(0.95, 300, 0.9) == 4
    assert forecast(lines=(1, 1, 1), atomic_tasks=300, p=0.9, k=2).k == 2


def test_attempts_bound_the_calls() -> None:
    """An election never draws more than its rule allows, however poor the voters."""
    poor = forecast(lines=(1, 1, 1), atomic_tasks=10, p=0.55, k=10, max_attempts=20)
    assert poor.calls == poor.calls_range[1] == 200


@given(
    lines=st.tuples(COUNTS, COUNTS, COUNTS).map(lambda three: tuple(sorted(three))),
    complexity=st.integers(1, 10),
    atomic_tasks=st.none() | st.integers(1, 10**6),
    p=st.floats(0.51, 0.999),
    target=st.floats(0.5, 0.999),
    k=st.none() | st.integers(1, 10),
    seconds=st.floats(0.1, 100),
    concurrency=st.integers(1, 1000),
    usable=st.floats(0.05, 1),
    max_attempts=st.integers(1, 10_000),
    rate=st.just(0.0) | st.floats(0.01, 100),
)
def test_every_figure_lies_in_its_interval(
    lines: tuple[int, int, int],
    complexity: int,
    atomic_tasks: int | None,
    p: float,
    target: float,
    k: int | None,
    seconds: float,
    concurrency: int,
    usable: float,
    max_attempts: int,
    rate: float,
) -> None:
    """Whatever is assumed, no forecast contradicts itself, and nothing is free of calls or time."""
    found = forecast(
        lines=lines,
        complexity=complexity,
        atomic_tasks=atomic_tasks,
        p=p,
        target=target,
        k=k,
        price=Price(rate, rate),
        seconds_per_call=seconds,
        concurrency=concurrency,
        usable=usable,
        max_attempts=max_attempts,
    )
    for figure in ("lines", "tasks", "calls", "tokens", "cost", "wall_seconds"):
        low, high = getattr(found, f"{figure}_range")
        assert low <= getattr(found, figure) <= high
    assert found.tasks >= 1
    assert found.calls >= 1
    assert found.wall_seconds >= seconds
    assert found.agents >= 1
    assert (found.cost == 0) == (rate == 0)


@given(st.integers(1, 1000), st.integers(1, 1000), st.floats(0.55, 0.99))
def test_more_tasks_never_take_fewer_calls(first: int, second: int, p: float) -> None:
    """Calls grow with tasks."""
    fewer, more = (forecast(lines=(1, 1, 1), atomic_tasks=count, p=p) for count in sorted((first, second)))
    assert fewer.calls <= more.calls


@pytest.mark.parametrize(
    "wrong",
    [
        {"lines": (3, 2, 1)},
        {"p": 0.4},
        {"p": 1.0, "k": 3},
        {"usable": 0.0},
        {"concurrency": 0},
        {"seconds_per_call": 0.0},
        {"atomic_tasks": 0},
        {"complexity": 11},
    ],
)
def test_refuses_figures_out_of_bounds(wrong: dict[str, object]) -> None:
    """A forecast on nonsense is refused, not made."""
    given_ = {"lines": (100, 100, 100), **wrong}
    with pytest.raises(BadInput):
        forecast(**given_)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 second"),
        (45, "45 seconds"),
        (119, "119 seconds"),
        (180, "3 minutes"),
        (7_200, "2 hours"),
        (200_000, "2 days"),
        (10**8, "1,157 days"),
    ],
)
def test_writes_durations_in_words(seconds: float, words: str) -> None:
    """The unit fits the length."""
    assert duration(seconds) == words
