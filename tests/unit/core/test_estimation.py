"""Forecasts: the prior's figures, the prose, and intervals that contain what they frame."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.allocation import Left, Remaining, remaining_tasks
from millwright.core.basis import Basis, basis
from millwright.core.corrections import Corrections, Figure, correction_of
from millwright.core.estimation import duration, forecast
from millwright.core.reliability import margin_required
from millwright.core.sizes import lines_from_prose, prior_tasks, scale_class, states_size
from millwright.errors import BadInput
from schemas.identity import Archetype
from schemas.lessons import Difficulty, Kind
from schemas.presets import ModelProfile, Prices, Share

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
        ("In 2024 3 000 lines of code, or 2 million lines of code?", 2_000_000),
        ("9" * 400 + " lines of code", 10**9),
        ("1" * 50_000, 12),
        ("1" * 50_000 + " k" + " " * 50_000, 12),
        ("111 " * 20_000, 8_000),
    ],
)
def test_prose_suggests_a_size(text: str, mid: int) -> None:
    """Words count, unless the prose states a size itself; a limit on functions is no size, and digits take no time."""
    started = time.process_time()
    assert lines_from_prose(text).mid == mid
    assert states_size(text) == ((mid >= 1_000 and "lines of code" in text.lower()) or "LOC" in text)
    assert time.process_time() - started < 2


@given(st.text(max_size=2000))
def test_any_prose_gives_an_interval(text: str) -> None:
    """Low, middle and high stand in that order, above zero."""
    low, mid, high = lines_from_prose(text)
    assert 0 < low <= mid <= high


def ground(p: float = 0.9, usable: float = 0.7, rate: float | None = None, strength: float = 10_000) -> Basis:
    """Plan from a model that is known well."""
    preset = ModelProfile(
        right=Share(mean=p, strength=strength),
        usable=Share(mean=usable, strength=strength),
        prices=None if rate is None else Prices(prompt=rate, completion=rate),
    )
    return basis(preset, "m", target=0.95)


def of_plan(made: Basis, count: int) -> list[Remaining]:
    """Make a plan of so many tasks of one kind."""
    kind = Kind(archetype=Archetype.CODER, model="m", difficulty=Difficulty.EASY)
    return [remaining_tasks("easy", count, made.experience.of(kind))]


def test_a_plan_takes_the_place_of_guesses() -> None:
    """With a plan the number of tasks is known, and so planning is no longer forecast."""
    told = forecast(ground(), lines=(200, 200, 200), tasks=of_plan(ground(), 16), k=3)
    guessed = forecast(ground(), lines=(192, 192, 192), guessed=True, k=3)
    assert told.tasks == guessed.tasks == 16
    assert told.tasks_range == (16, 16)
    assert told.calls < guessed.calls
    assert told.basis.startswith("the plan's 16 tasks")
    assert (told.guessed, guessed.guessed) == (False, True)


def test_small_projects_report_the_prior_without_using_it() -> None:
    """A hundred lines are a handful of tasks; what the prior would say stands in the basis."""
    small = forecast(ground(), lines=(60, 100, 200))
    assert small.tasks == 9
    assert "prior for very large systems: 1,360 tasks" in small.basis
    assert small.agents <= 8


@pytest.mark.parametrize(
    ("lines", "tasks", "agents", "timeline", "price"),
    [
        (10_000, 136_000, 10_000, "1–2 months", 4e-5),
        (500_000, 6_800_000, 100_000, "3–6 months", 3e-5),
        (30_000_000, 408_000_000, 1_000_000, "6–12 months", 2e-5),
        (100_000_000, 1_360_000_000, 1_000_000, "6–12 months", 2e-5),
    ],
)
def test_very_large_systems_use_the_prior(lines: int, tasks: int, agents: int, timeline: str, price: float) -> None:
    """From ten thousand lines on, tasks, agents, timeline and, without a price, the cost are the prior's."""
    large = forecast(ground(), lines=(lines * 3 // 4, lines, lines * 5 // 4))
    assert (large.tasks, large.agents, large.timeline) == (tasks, agents, timeline)
    assert large.cost == pytest.approx(tasks * price)
    assert large.concurrency == agents
    assert large.agents_range[0] <= agents <= large.agents_range[1]
    assert large.wall_seconds < 40 * 86_400


def test_more_calls_at_once_take_less_time_and_no_fewer_calls() -> None:
    """Only the longest chain is left when everything runs at once."""
    one, many = (forecast(ground(), lines=(300, 500, 900), concurrency=count) for count in (1, 1_000_000))
    assert one.calls == many.calls
    assert one.wall_seconds > 10 * many.wall_seconds > 0
    assert (one.agents, one.concurrency) == (1, 1)


def test_the_margin_follows_from_the_target_unless_it_is_fixed() -> None:
    """Without a k the plan chooses the one that the whole project needs; a fixed one is said to miss the target."""
    made = ground()
    planned = forecast(made, lines=(1, 1, 1), tasks=of_plan(made, 300))
    assert planned.k == margin_required(0.95, 300, planned.kinds[0].p) == 5
    assert planned.success is not None
    assert planned.success >= 0.95
    fixed = forecast(made, lines=(1, 1, 1), tasks=of_plan(made, 300), k=2)
    assert fixed.k == 2
    assert "short of the target" in fixed.notes[0]


def test_attempts_bound_the_calls() -> None:
    """An election never draws more than its rule allows, however poor the voters; proposals come on top."""
    made = ground(p=0.55)
    poor = forecast(made, lines=(1, 1, 1), tasks=of_plan(made, 10), k=10, max_attempts=20)
    assert poor.calls == poor.calls_range[1] == 200
    assert forecast(made, lines=(1, 1, 1), tasks=of_plan(made, 10), k=10, max_attempts=20, proposals=2).calls == 220


def test_a_cap_narrows_the_margins() -> None:
    """What may be spent bounds the plan, which says so."""
    made = ground()
    free = forecast(made, lines=(1, 1, 1), tasks=of_plan(made, 100))
    capped = forecast(made, lines=(1, 1, 1), tasks=of_plan(made, 100), left=Left(calls=200))
    assert capped.k < free.k
    assert any("short of the target" in note for note in capped.notes)
    dear = forecast(ground(rate=1.0), lines=(1, 1, 1), tasks=of_plan(made, 1), left=Left(cost=9.0))
    assert dear.notes == ()
    unknown = forecast(made, lines=(1, 1, 1), tasks=of_plan(made, 1), left=Left(cost=9.0))
    assert "stops nothing" in unknown.notes[0]


@given(
    lines=st.tuples(COUNTS, COUNTS, COUNTS).map(lambda three: tuple(sorted(three))),
    complexity=st.integers(1, 10),
    count=st.none() | st.integers(1, 10**6),
    p=st.floats(0.05, 0.999),
    k=st.none() | st.integers(1, 10),
    concurrency=st.none() | st.integers(1, 1000),
    usable=st.floats(0.05, 0.99),
    max_attempts=st.integers(1, 10_000),
    rate=st.none() | st.just(0.0) | st.floats(0.01, 100),
    seen=st.lists(st.floats(0.01, 100), max_size=5),
)
def test_every_figure_lies_in_its_interval(
    lines: tuple[int, int, int],
    complexity: int,
    count: int | None,
    p: float,
    k: int | None,
    concurrency: int | None,
    usable: float,
    max_attempts: int,
    rate: float | None,
    seen: list[float],
) -> None:
    """Whatever is assumed and corrected, no forecast contradicts itself, and nothing is free of calls or time."""
    corrections = Corrections(builds=len(seen), figures={figure: correction_of(seen) for figure in Figure})
    made = ground(p, usable, rate, strength=20).model_copy(update={"corrections": corrections})
    found = forecast(
        made,
        lines=lines,
        complexity=complexity,
        guessed=True,
        tasks=None if count is None else of_plan(made, count),
        k=k,
        concurrency=concurrency,
        max_attempts=max_attempts,
    )
    for figure in ("lines", "tasks", "calls", "tokens", "cost", "wall_seconds", "agents", "success"):
        low, high = getattr(found, f"{figure}_range")
        assert low <= getattr(found, figure) <= high, figure
    assert found.tasks >= 1
    assert found.calls >= 1 or seen
    assert found.wall_seconds > 0
    assert found.agents >= 1
    large = lines[1] >= 10_000 and count is None
    assert (found.cost == 0) == (rate == 0 or (rate is None and not large))


@given(st.integers(1, 1000), st.integers(1, 1000), st.floats(0.55, 0.99))
def test_more_tasks_never_take_fewer_calls(first: int, second: int, p: float) -> None:
    """Calls grow with tasks."""
    made = ground(p, strength=20)
    fewer, more = (forecast(made, lines=(1, 1, 1), tasks=of_plan(made, count)) for count in sorted((first, second)))
    assert fewer.calls <= more.calls


@pytest.mark.parametrize("wrong", [{"lines": (3, 2, 1)}, {"concurrency": 0}, {"tasks": []}, {"complexity": 11}])
def test_refuses_figures_out_of_bounds(wrong: dict[str, object]) -> None:
    """A forecast on nonsense is refused, not made."""
    given_ = {"lines": (100, 100, 100), **wrong}
    with pytest.raises(BadInput):
        forecast(ground(), **given_)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 second"),
        (45, "45 seconds"),
        (119, "119 seconds"),
        (180, "3 minutes"),
        (7_200, "2 hours"),
        (200_000, "2 days"),
        (6 * 10**7, "694 days"),
        (10**9, "32 years"),
    ],
)
def test_writes_durations_in_words(seconds: float, words: str) -> None:
    """The unit fits the length."""
    assert duration(seconds) == words
