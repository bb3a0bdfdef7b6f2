"""How many calls an endpoint is given at once, and how long one waits before it is tried again."""

from hypothesis import given
from hypothesis import strategies as st

from millwright.core.pace import LONGEST_PAUSE_SECONDS, faster, full, pause, slower


@given(st.integers(1, 500), st.lists(st.booleans(), max_size=200))
def test_the_limit_stays_between_one_and_the_most(most: int, answers: list[bool]) -> None:
    """Whatever comes back, there is room for one call, and never for more than the endpoint is said to bear."""
    pace = full(most)
    for second, answered in enumerate(answers):
        pace = faster(pace) if answered else slower(pace, second, second)
        assert 1 <= pace.room <= most


def test_a_crowd_that_is_turned_away_halves_the_limit_once() -> None:
    """Calls that began before the limit was lowered say nothing of the lowered one; later ones halve it again."""
    pace = full(64)
    for _ in range(10):
        pace = slower(pace, began=5.0, now=6.0)
    assert pace.room == 32
    assert slower(pace, began=6.5, now=7.0).room == 16


def test_a_limits_worth_of_answers_raises_it_by_about_one() -> None:
    """The increase is additive: 16 answers at 16 give 17."""
    pace = slower(full(32), 0, 1)
    for _ in range(16):
        pace = faster(pace)
    assert 16.9 < pace.limit <= 17


@given(st.integers(1, 100), st.text(max_size=10))
def test_pauses_grow_are_bounded_and_fixed_by_the_key(attempt: int, key: str) -> None:
    """The same call waits the same time in every run; no pause is longer than half a minute."""
    found = pause(attempt, key)
    assert found == pause(attempt, key)
    assert 0 < found <= LONGEST_PAUSE_SECONDS
    assert found <= pause(attempt + 2, key) or found > LONGEST_PAUSE_SECONDS / 2


def test_calls_that_failed_together_do_not_come_back_together() -> None:
    """A hundred keys have many different pauses."""
    assert len({pause(4, f"call {number}") for number in range(100)}) > 50
