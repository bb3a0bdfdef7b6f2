"""The figures of the model client's benchmark: what counts as used, of what could have been."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.model_client.slots import Latency
from benchmarks.model_client.utilisation import Span, utilisation


def test_a_slot_that_waits_for_ready_work_is_not_used() -> None:
    """Two requests were ready for ten seconds; the second came late into its slot by four."""
    found = utilisation([Span(0, 0, 10), Span(0, 4, 10)], slots=2)
    assert (found.usable_seconds, found.used_seconds, found.share) == (20, 16, 0.8)
    assert (found.saturated_seconds, found.saturated_share) == (10, 0.8)


def test_a_slot_without_ready_work_is_not_blamed() -> None:
    """With one request at a time, one of four slots is all that could be used, and none was saturated."""
    found = utilisation([Span(0, 0, 5), Span(20, 20, 25)], slots=4)
    assert (found.share, found.saturated_seconds, found.saturated_share) == (1, 0, 1)
    assert found.seconds == 25


def test_more_ready_work_than_slots_asks_for_all_slots_and_no_more() -> None:
    """Three requests take turns at one slot: it is busy throughout."""
    found = utilisation([Span(0, 0, 2), Span(0, 2, 4), Span(0, 4, 6)], slots=1)
    assert (found.usable_seconds, found.share) == (6, 1)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=20),
    st.integers(1, 5),
)
def test_shares_stay_between_none_and_all(drawn: list[tuple[int, int, int]], slots: int) -> None:
    """Whatever the spans, no more is used than could be."""
    found = utilisation([Span(at, at + wait, at + wait + length) for at, wait, length in drawn], slots)
    assert 0 <= found.share <= 1 + 1e-9
    assert 0 <= found.saturated_share <= 1 + 1e-9
    assert found.saturated_usable <= found.usable_seconds


def test_nothing_asked_is_nothing_wasted() -> None:
    """Without requests nothing could be used, and nothing was."""
    found = utilisation([], slots=3)
    assert (found.seconds, found.share) == (0, 1)


def test_latency_is_within_its_bounds_and_the_same_for_a_call() -> None:
    """It depends on the call alone."""
    latency = Latency(2, 4)
    seconds = [latency.of(str(number)) for number in range(200)]
    assert 2 <= min(seconds) < 2.2
    assert 3.8 < max(seconds) <= 4
    assert sum(seconds) / len(seconds) == pytest.approx(3, abs=0.2)
    assert latency.of("7") == latency.of("7")
