"""What a project's caps become where a person lets it go on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.caps import described, is_of_installation, raised
from schemas.models import Budget

_counts = st.none() | st.integers(1, 10**9)
_amounts = st.none() | st.floats(0.01, 10**6)
BUDGETS = st.builds(Budget, max_calls=_counts, max_tokens=_counts, max_cost=_amounts, max_time_seconds=_amounts)


@given(BUDGETS, st.integers(1, 5))
def test_each_consent_without_caps_gives_once_more_what_was_given_at_first(first: Budget, times: int) -> None:
    """After n consents a cap is n + 1 times the first one, and what had no cap has none."""
    now = first
    for _ in range(times):
        now = raised(now, first)
    assert now.max_calls == (None if first.max_calls is None else first.max_calls * (times + 1))
    assert now.max_tokens == (None if first.max_tokens is None else first.max_tokens * (times + 1))
    for cap, given_first in ((now.max_cost, first.max_cost), (now.max_time_seconds, first.max_time_seconds)):
        assert cap == (None if given_first is None else pytest.approx(given_first * (times + 1)))


@given(BUDGETS, BUDGETS, BUDGETS)
def test_caps_that_are_named_hold_and_the_others_stay(now: Budget, first: Budget, named: Budget) -> None:
    """Naming one cap never takes another away."""
    after = raised(now, first, named)
    for (name, value), (_, before), (_, given_) in zip(after, now, named, strict=True):
        assert value == (before if given_ is None else given_), name


def test_the_time_that_a_person_took_does_not_use_the_cap_on_time_up() -> None:
    """Time counts from the start, so what was waited is added, unless a cap on time is named."""
    first = Budget(max_time_seconds=100)
    assert raised(first, first, waited_seconds=1000) == Budget(max_time_seconds=1200)
    assert raised(first, first, Budget(max_calls=3), waited_seconds=1000).max_time_seconds == 1100
    assert raised(first, first, Budget(max_time_seconds=50), waited_seconds=1000).max_time_seconds == 50


def test_caps_are_put_into_words() -> None:
    """Only the caps there are, with their units."""
    assert described(Budget(max_calls=3, max_time_seconds=60)) == "3 calls, 60 s"
    assert described(Budget()) == "none"


def test_a_cap_over_all_projects_is_told_from_a_projects_own() -> None:
    """Its message names the setting, and not an option."""
    assert is_of_installation("calls: 5 would pass the cap of 4 for all projects (MILLWRIGHT_MAX_CALLS)")
    assert not is_of_installation("--max-calls 4 is reached")
