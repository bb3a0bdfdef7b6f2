"""The arithmetic of margins against the published figures, simulation and its own inverse."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.reliability import (
    ballots_variance,
    expected_ballots,
    loss,
    margin_for,
    margin_required,
    project_success,
    success_probability,
)
from millwright.errors import BadInput

CHANCES = st.floats(0.51, 0.999)
TARGETS = st.floats(0.01, 0.999)


@pytest.mark.parametrize(("p", "k"), [(0.9978, 3), (0.9960, 4), (0.6429, 29), (0.9642, 6), (0.8161, 12), (0.7658, 15)])
def test_gives_the_margins_of_the_published_table(p: float, k: int) -> None:
    """MAKER's table for 2^20 - 1 steps at a target of 0.95."""
    assert margin_required(0.95, 2**20 - 1, p) == k


@pytest.mark.parametrize(
    ("tasks", "p", "k", "ballots"),
    [(50, 0.6, 17, 85), (50, 0.99, 2, 2.0), (300, 0.9, 4, 5.0), (1000, 0.7, 12, 30), (10_000, 0.95, 5, 5.6)],
)
def test_gives_the_margins_and_costs_of_ordinary_projects(tasks: int, p: float, k: int, ballots: float) -> None:
    """Figures computed apart from this code, rounded to two digits."""
    assert margin_required(0.95, tasks, p) == k
    assert expected_ballots(p, k) == pytest.approx(ballots, rel=0.025)


@given(TARGETS, st.integers(1, 10**7), CHANCES)
def test_the_margin_reaches_the_target_and_one_less_does_not(target: float, tasks: int, p: float) -> None:
    """The margin is the least that suffices, up to the cap of 100."""
    k = margin_required(target, tasks, p)
    if k < 100:
        assert project_success(p, k, tasks) >= target * (1 - 1e-6)
    if k > 1:
        assert project_success(p, k - 1, tasks) < target * (1 + 1e-6)


@given(TARGETS, st.integers(1, 10**7), CHANCES, CHANCES)
def test_better_voters_never_need_a_wider_margin(target: float, tasks: int, p: float, q: float) -> None:
    """The margin falls as p rises."""
    assert margin_required(target, tasks, min(p, q)) >= margin_required(target, tasks, max(p, q))


def test_a_margin_of_one_is_a_single_vote() -> None:
    """At k = 1 the first ballot decides."""
    assert success_probability(0.8, 1) == pytest.approx(0.8)
    assert expected_ballots(0.8, 1) == pytest.approx(1.0)
    assert margin_required(0.8, 1, 0.8) == 1


def test_a_coin_needs_k_squared_ballots() -> None:
    """The symmetric walk leaves an interval of width 2k after k² steps on average."""
    assert expected_ballots(0.5, 5) == 25
    assert expected_ballots(0.5 + 1e-9, 5) == pytest.approx(25)
    assert success_probability(0.5, 5) == pytest.approx(0.5)


@given(st.floats(0.001, 0.999), st.integers(1, 100))
def test_the_wrong_side_wins_with_what_is_left(p: float, k: int) -> None:
    """Right and wrong are symmetric, and one of them wins."""
    assert success_probability(p, k) + success_probability(1 - p, k) == pytest.approx(1)
    assert expected_ballots(p, k) == pytest.approx(expected_ballots(1 - p, k), rel=1e-6)


@given(st.floats(0.001, 0.999), st.integers(1, 100), st.integers(1, 10**6))
def test_a_project_succeeds_when_every_task_does(p: float, k: int, tasks: int) -> None:
    """The tasks' chances multiply."""
    assert project_success(p, k, tasks) == pytest.approx(success_probability(p, k) ** tasks, rel=1e-6, abs=1e-300)


@given(st.floats(1e-300, 1 - 1e-15), st.integers(1, 100), st.integers(1, 10**9))
def test_no_figure_leaves_its_bounds(p: float, k: int, tasks: int) -> None:
    """Extreme chances neither overflow nor produce anything but probabilities and counts."""
    assert 0 <= project_success(p, k, tasks) <= 1
    assert k * (1 - 1e-9) <= expected_ballots(p, k) <= k * k * (1 + 1e-9)


@pytest.mark.parametrize("p", [0.6, 0.75, 0.9])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_the_formulas_agree_with_simulated_votes(p: float, k: int) -> None:
    """Success and cost of 4,000 seeded elections lie within four standard errors of the formulas."""
    rng, runs, won, lengths = random.Random(f"{p}/{k}"), 4_000, 0, []
    for _ in range(runs):
        lead = ballots = 0
        while abs(lead) < k:
            lead += 1 if rng.random() < p else -1
            ballots += 1
        won += lead > 0
        lengths.append(ballots)
    success, mean = success_probability(p, k), sum(lengths) / runs
    deviation = math.sqrt(sum((length - mean) ** 2 for length in lengths) / runs)
    assert abs(won / runs - success) <= 4 * math.sqrt(success * (1 - success) / runs)
    assert abs(mean - expected_ballots(p, k)) <= 4 * deviation / math.sqrt(runs) + 1e-9


@pytest.mark.parametrize("p", [0.0, 0.5, 0.3, 1.0, math.nan])
def test_refuses_voters_that_voting_cannot_help(p: float) -> None:
    """At p of one half and below no margin suffices, and nobody is always right."""
    with pytest.raises(BadInput, match="voting needs"):
        margin_required(0.95, 10, p)


@pytest.mark.parametrize(("target", "tasks"), [(0.0, 1), (1.0, 1), (math.nan, 1), (0.95, 0), (0.95, -1)])
def test_refuses_targets_and_task_counts_out_of_bounds(target: float, tasks: int) -> None:
    """A target is a probability, and a project has a task."""
    with pytest.raises(BadInput, match="give"):
        margin_required(target, tasks, 0.9)


@pytest.mark.parametrize(("p", "k"), [(0.0, 1), (1.0, 1), (math.nan, 1), (0.9, 0)])
def test_refuses_impossible_votes(p: float, k: int) -> None:
    """The formulas hold for a probability and a margin of at least one."""
    with pytest.raises(BadInput):
        success_probability(p, k)
    with pytest.raises(BadInput):
        expected_ballots(p, k)


def test_refuses_a_project_without_tasks() -> None:
    """Nothing is not a project."""
    with pytest.raises(BadInput, match="at least 1"):
        project_success(0.9, 3, 0)


def test_extreme_targets_stay_within_the_cap() -> None:
    """The smallest and the largest targets give a margin from 1 to 100."""
    assert margin_required(5e-324, 1, 0.9) == 1
    assert margin_required(math.nextafter(1, 0), 10**12, 0.500001) == 100


@given(TARGETS, st.integers(1, 10**6), CHANCES)
def test_an_even_share_of_the_target_gives_the_margin_of_the_project(target: float, tasks: int, p: float) -> None:
    """Sharing out -ln(target) evenly is the published formula."""
    assert margin_for(p, -math.log(target) / tasks) == margin_required(target, tasks, p)


@given(CHANCES, st.floats(1e-9, 10))
def test_the_margin_for_a_share_is_the_least_that_keeps_to_it(p: float, share: float) -> None:
    """A task takes no more than its share, and with one vote of margin less it would."""
    k = margin_for(p, share)
    if k < 100:
        assert loss(p, k) <= share * (1 + 1e-6)
    if k > 1:
        assert loss(p, k - 1) > share * (1 - 1e-6)


@given(st.floats(0.001, 0.999), st.integers(1, 100))
def test_losses_add_up_where_chances_multiply(p: float, k: int) -> None:
    """The loss is minus the logarithm of the success."""
    assert math.exp(-loss(p, k)) == pytest.approx(success_probability(p, k), rel=1e-9)


@pytest.mark.parametrize(("p", "share"), [(0.5, 0.1), (1.0, 0.1), (0.9, -0.1), (0.9, math.nan)])
def test_refuses_shares_that_are_none(p: float, share: float) -> None:
    """A share is not negative, and voting needs voters that it can help."""
    with pytest.raises(BadInput):
        margin_for(p, share)


@pytest.mark.parametrize(("p", "k"), [(0.5, 1), (0.5, 4), (0.6, 3), (0.7, 6), (0.9, 2), (0.95, 8)])
def test_the_variance_of_the_ballots_is_no_more_than_told(p: float, k: int) -> None:
    """The exact distribution of the walk's length, step by step until nothing is left."""
    inside, moments, step = {0: 1.0}, [0.0, 0.0], 0
    while sum(inside.values()) > 1e-13:
        step += 1
        following: dict[int, float] = {}
        for lead, share in inside.items():
            for turn, chance in ((1, p), (-1, 1 - p)):
                following[lead + turn] = following.get(lead + turn, 0.0) + share * chance
        ended = following.pop(k, 0.0) + following.pop(-k, 0.0)
        moments[0] += ended * step
        moments[1] += ended * step**2
        inside = following
    variance = moments[1] - moments[0] ** 2
    assert moments[0] == pytest.approx(expected_ballots(p, k))
    assert variance <= ballots_variance(p, k) + 1e-6
    assert variance == pytest.approx(ballots_variance(p, k), rel=0.01, abs=1e-6) or 0.5 < p < 0.95
