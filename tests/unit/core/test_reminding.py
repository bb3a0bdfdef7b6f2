"""When people are reminded."""

from hypothesis import given
from hypothesis import strategies as st

from millwright.core.reminding import LONGEST_GAP_SECONDS, next_reminder

DAY = 86_400.0


def test_gaps_double_up_to_a_week() -> None:
    """Daily at first, weekly in the end."""
    days = [(next_reminder(DAY, done) or 0) / DAY for done in range(6)]
    assert days == [1, 3, 7, 14, 21, 28]


def test_nobody_is_reminded_without_an_interval() -> None:
    """None means never."""
    assert next_reminder(None, 3) is None


@given(st.floats(60, 366 * DAY), st.integers(0, 200))
def test_reminders_move_on_and_no_gap_passes_the_longest(first: float, done: int) -> None:
    """Each comes after the one before it, and a year of them stays few."""
    before, after = next_reminder(first, done), next_reminder(first, done + 1)
    assert before is not None
    assert after is not None
    assert 0 < after - before <= max(first, LONGEST_GAP_SECONDS) * (1 + 1e-9)
