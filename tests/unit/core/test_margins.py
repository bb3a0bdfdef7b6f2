"""The reliability plan: enough for the target, no dearer than it must be, and never past what is left."""

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.allocation import (
    Left,
    Remaining,
    Settled,
    allocate,
    allowance,
    remaining_tasks,
    widest_margin,
)
from millwright.core.learning import Experience, Known, Range, prior
from millwright.core.margins import plan
from millwright.core.reliability import expected_ballots, loss, margin_required
from millwright.errors import BadInput
from schemas.identity import Archetype
from schemas.lessons import Difficulty, Kind

TARGETS = st.floats(0.5, 0.99)


def exactly(share: float) -> Range:
    """Return a share that is known."""
    return Range(share, share, share)


def lot(name: str, tasks: int, p: float, usable: float = 1.0, cost: float = 0.0) -> Remaining:
    """Make tasks of a kind whose p is known."""
    return Remaining(name, tasks, exactly(p), exactly(usable), 1_000.0, cost)


def lots(most: int = 3, least_p: float = 0.55) -> st.SearchStrategy[list[Remaining]]:
    """Draw a few kinds of good voters."""
    parts = st.lists(st.tuples(st.integers(1, 50), st.floats(least_p, 0.99)), min_size=1, max_size=most)
    return parts.map(lambda some: [lot(f"kind {place}", tasks, p) for place, (tasks, p) in enumerate(some)])


def lost(kinds: list[Remaining], ks: tuple[int, ...]) -> float:
    """Sum the losses."""
    return sum(each.tasks * loss(each.p.mid, k) for each, k in zip(kinds, ks, strict=True))


def effort(kinds: list[Remaining], ks: tuple[int, ...]) -> float:
    """Sum the expected ballots."""
    return sum(each.tasks * expected_ballots(each.p.mid, k) for each, k in zip(kinds, ks, strict=True))


@given(TARGETS, st.integers(1, 1000), st.floats(0.6, 0.99))
def test_one_kind_gets_the_published_margin(target: float, tasks: int, p: float) -> None:
    """With nothing to share out, the plan is MAKER's k_min."""
    assert allocate(target, [lot("all", tasks, p)], max_attempts=10_000) == (margin_required(target, tasks, p),)


@given(TARGETS, lots())
def test_the_plan_meets_its_target_where_attempts_allow(target: float, kinds: list[Remaining]) -> None:
    """The losses of all tasks stay within the allowance."""
    ks = allocate(target, kinds, max_attempts=10_000)
    assert lost(kinds, ks) <= -math.log(target) * (1 + 1e-9)
    made = plan(target, kinds, max_attempts=10_000)
    assert made.reached
    assert made.success.mid >= target * (1 - 1e-9)


@given(TARGETS, st.lists(st.tuples(st.integers(1, 9), st.floats(0.7, 0.99)), min_size=2, max_size=2))
def test_the_plan_is_as_cheap_as_the_cheapest_by_trial_but_for_one_step(
    target: float, some: list[tuple[int, float]]
) -> None:
    """All pairs of margins up to twenty are tried: what the plan costs more is less than its dearest single step."""
    kinds = [lot(f"kind {place}", tasks, p) for place, (tasks, p) in enumerate(some)]
    ks = allocate(target, kinds, max_attempts=10_000)
    allowed = -math.log(target) * (1 + 1e-9)
    fitting = [pair for pair in itertools.product(range(1, 21), repeat=2) if lost(kinds, pair) <= allowed]
    if max(ks) < 20 and fitting:
        least = min(effort(kinds, pair) for pair in fitting)
        step = max(
            each.tasks * (expected_ballots(each.p.mid, k + 1) - expected_ballots(each.p.mid, k))
            for each, k in zip(kinds, ks, strict=True)
        )
        assert effort(kinds, ks) <= least + step * (1 + 1e-9)


@given(TARGETS, lots(), st.floats(0.001, 0.2))
def test_margins_adapt_both_ways(target: float, kinds: list[Remaining], change: float) -> None:
    """When a single kind turns out better its margin falls or stays, and the other way round."""
    alone = kinds[:1]
    better = [lot("kind 0", alone[0].tasks, min(0.995, alone[0].p.mid + change))]
    assert allocate(target, better, max_attempts=10_000) <= allocate(target, alone, max_attempts=10_000)


@given(TARGETS, lots(), st.integers(1, 5), st.floats(1, 500))
def test_no_margin_is_narrower_than_the_least(target: float, kinds: list[Remaining], least: int, calls: float) -> None:
    """Neither good voters nor a small budget take it further down."""
    ks = allocate(target, kinds, max_attempts=10_000, left=Left(calls=calls), least=least)
    assert min(ks) >= least


def test_better_voters_get_narrower_margins_than_worse_ones() -> None:
    """The allowance goes where a step gains the most for its cost."""
    made = plan(0.95, [lot("easy", 50, 0.95), lot("middling", 30, 0.85), lot("hard", 20, 0.7)], max_attempts=60)
    assert made.k_of("easy") < made.k_of("middling") < made.k_of("hard")
    assert made.notes == ()
    alike = margin_required(0.95, 100, 0.7)
    assert made.calls.mid < sum(count * expected_ballots(p, alike) for count, p in ((50, 0.95), (30, 0.85), (20, 0.7)))


@given(st.floats(0.01, 0.99), st.floats(0.1, 1.0), st.integers(1, 200))
def test_no_margin_passes_what_the_attempts_decide(p: float, usable: float, attempts: int) -> None:
    """The widest margin takes no more ballots on average than there are."""
    k = widest_margin(p, usable, attempts)
    assert k == 1 or expected_ballots(max(p, 0.5), k) <= attempts * usable * (1 + 1e-6)
    assert allocate(0.999999, [lot("all", 1000, p, usable)], max_attempts=attempts)[0] <= k


def test_voters_below_one_half_are_reported_and_get_the_widest_margin() -> None:
    """Voting cannot help them; the others are planned for their own share."""
    made = plan(0.95, [lot("good", 50, 0.95), lot("bad", 3, 0.4)])
    bad = next(margin for margin in made.margins if margin.name == "bad")
    assert not bad.voting_helps
    assert bad.k == widest_margin(0.4, 1.0, 20)
    assert made.k_of("good") == 3
    assert not made.reached
    assert "cannot help" in made.notes[0]
    assert "short of the target" in made.notes[1]


@given(TARGETS, lots(), st.floats(1, 500))
def test_what_is_left_is_not_passed_but_by_the_narrowest_margins(
    target: float, kinds: list[Remaining], calls: float
) -> None:
    """A plan is affordable, or it is the least that an election can be."""
    made = plan(target, kinds, max_attempts=1000, left=Left(calls=calls))
    assert made.affordable or all(margin.k == 1 for margin in made.margins)
    assert made.affordable == (made.calls.mid <= calls * (1 + 1e-9))


def test_tokens_and_cost_bind_as_calls_do() -> None:
    """Each cap alone narrows the margins."""
    kinds = [lot("all", 100, 0.8, cost=0.01)]
    free = plan(0.95, kinds, max_attempts=100)
    for left in (Left(calls=300), Left(tokens=300_000), Left(cost=3.0)):
        bound = plan(0.95, kinds, max_attempts=100, left=left)
        assert bound.k_of("all") < free.k_of("all")
        assert bound.calls.mid <= 300 * (1 + 1e-9)
        assert not bound.reached


def test_votes_are_bought_where_they_cost_least() -> None:
    """Of two kinds alike, the one whose calls are free gets the wider margin."""
    made = plan(0.95, [lot("free", 10, 0.8), lot("paid", 10, 0.8, cost=0.02)], max_attempts=200)
    assert made.k_of("free") > made.k_of("paid")
    assert made.cost.mid > 0


def test_settled_tasks_use_up_the_allowance_but_not_the_share_of_the_others() -> None:
    """What went well leaves more; what went badly leaves the even share."""
    whole = -math.log(0.95)
    assert allowance(0.95, 10, Settled()) == whole
    assert allowance(0.95, 10, Settled(90, 0.01)) == pytest.approx(whole - 0.01)
    assert allowance(0.95, 10, Settled(90, 5.0)) == pytest.approx(whole / 10)
    kinds = [lot("all", 10, 0.8)]
    ks = [allocate(0.95, kinds, max_attempts=100, settled=Settled(90, defects))[0] for defects in (0.0, 0.03, 5.0)]
    assert ks == sorted(ks)


def test_the_forecast_holds_its_middle_and_widens_with_doubt() -> None:
    """Every interval holds the figure, and less knowledge makes it wider."""
    sure = plan(0.95, [lot("all", 50, 0.8, 0.8)], max_attempts=100)
    doubtful = plan(0.95, [Remaining("all", 50, Range(0.65, 0.8, 0.9), Range(0.6, 0.8, 0.9))], max_attempts=100)
    for made in (sure, doubtful):
        for figure in (made.calls, made.tokens, made.cost, made.success):
            assert figure.low <= figure.mid <= figure.high
    assert doubtful.calls.high > sure.calls.high
    assert doubtful.calls.low < sure.calls.low
    assert doubtful.success.low < sure.success.low


def test_what_was_learned_becomes_a_plan() -> None:
    """A kind that nothing is known of is planned for by its prior, cautiously."""
    kind = Kind(archetype=Archetype.CODER, model="small", difficulty=Difficulty.EASY)
    each = remaining_tasks("easy", 10, Experience().of(kind))
    assert each.p.low < each.p.mid < Experience().right.mean < each.p.high < 1
    assert plan(0.95, [each]).k_of("easy") >= 3


def test_nothing_left_is_a_plan_of_nothing() -> None:
    """At the end of a project no margin is needed; the settled ones decide."""
    made = plan(0.95, [], settled=Settled(10, 0.2))
    assert made.margins == ()
    assert made.success.mid == pytest.approx(math.exp(-0.2))
    assert not made.reached
    with pytest.raises(BadInput, match="plan again"):
        made.k_of("all")


@pytest.mark.parametrize(
    ("target", "kinds", "attempts"),
    [
        (0.0, [lot("a", 1, 0.9)], 20),
        (1.0, [lot("a", 1, 0.9)], 20),
        (0.95, [lot("a", 0, 0.9)], 20),
        (0.95, [lot("a", 1, 1.0)], 20),
        (0.95, [lot("a", 1, 0.0)], 20),
        (0.95, [lot("a", 1, 0.9, 0.0)], 20),
        (0.95, [lot("a", 1, 0.9), lot("a", 1, 0.8)], 20),
        (0.95, [lot("a", 1, 0.9)], 0),
    ],
)
def test_refuses_what_is_no_project(target: float, kinds: list[Remaining], attempts: int) -> None:
    """Targets, counts and shares have bounds, and a kind is given once."""
    with pytest.raises(BadInput):
        plan(target, kinds, max_attempts=attempts)


def _drawn(rng: random.Random, p: float, usable: float, k: int, attempts: int) -> int:
    """Draw answers until one side leads by k, or the attempts end."""
    lead = drawn = 0
    while drawn < attempts and abs(lead) < k:
        drawn += 1
        if rng.random() < usable:
            lead += 1 if rng.random() < p else -1
    return drawn


@pytest.mark.parametrize("strength", [6.0, 60.0])
def test_nine_projects_in_ten_take_what_the_interval_says(strength: float) -> None:
    """Projects whose true p and usable share are drawn from what is believed stay within the forecast calls."""
    right, usable, tasks = prior(0.85, strength), prior(0.7, strength), 25
    kind = Kind(archetype=Archetype.CODER, model="m", difficulty=Difficulty.EASY)
    made = plan(0.95, [remaining_tasks("all", tasks, Known(kind=kind, right=right, usable=usable))])
    rng, inside, projects = random.Random(11), 0, 400
    for _ in range(projects):
        p, share = rng.betavariate(right.alpha, right.beta), rng.betavariate(usable.alpha, usable.beta)
        calls = sum(_drawn(rng, p, share, made.k_of("all"), 20) for _ in range(tasks))
        inside += made.calls.low <= calls <= made.calls.high
    assert inside >= 0.9 * projects
