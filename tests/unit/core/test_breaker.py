"""A circuit breaker: opens after failures in a row, is tried after a while, and closes after successes in a row."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from millwright.core.breaker import after_failure, after_success, recovers_in, trying
from schemas.breakers import Breaker, BreakerRule, BreakerState

RULE = BreakerRule()
NOW = datetime(2026, 11, 30, tzinfo=UTC)


def _failed(breaker: Breaker, times: int, now: datetime = NOW) -> Breaker:
    for _ in range(times):
        breaker = after_failure(breaker, now, RULE)
    return breaker


def test_it_opens_at_the_fifth_failure_in_a_row_and_not_before() -> None:
    """A success in between begins the count anew."""
    four = _failed(Breaker(endpoint="e"), 4)
    assert four.state is BreakerState.CLOSED
    assert _failed(after_success(four, RULE), 4).state is BreakerState.CLOSED
    opened = _failed(four, 1)
    assert (opened.state, opened.opened_at) == (BreakerState.OPEN, NOW)


def test_a_dead_endpoint_is_given_up_at_once() -> None:
    """One word of a dead engine is enough."""
    assert after_failure(Breaker(endpoint="e"), NOW, RULE, dead=True).state is BreakerState.OPEN


def test_it_is_tried_after_a_minute_and_closed_by_two_successes() -> None:
    """Before its time it stays open; then it is half-open until the second success in a row."""
    opened = _failed(Breaker(endpoint="e"), 5)
    soon, later = NOW + timedelta(seconds=59), NOW + timedelta(seconds=60)
    assert (trying(opened, soon, RULE), recovers_in(opened, soon, RULE)) == (opened, 1.0)
    half = trying(opened, later, RULE)
    assert (half.state, recovers_in(half, later, RULE)) == (BreakerState.HALF_OPEN, 0.0)
    once = after_success(half, RULE)
    assert once.state is BreakerState.HALF_OPEN
    closed = after_success(once, RULE)
    assert (closed.state, closed.failures, closed.opened_at) == (BreakerState.CLOSED, 0, None)


def test_a_failed_try_opens_it_anew_for_the_whole_time() -> None:
    """One failure while half-open is enough, also after a success."""
    half = after_success(trying(_failed(Breaker(endpoint="e"), 5), NOW + timedelta(minutes=1), RULE), RULE)
    again = after_failure(half, NOW + timedelta(minutes=2), RULE)
    assert (again.state, again.opened_at) == (BreakerState.OPEN, NOW + timedelta(minutes=2))
    assert recovers_in(again, NOW + timedelta(minutes=2), RULE) == RULE.open_seconds


@given(st.lists(st.tuples(st.sampled_from(["success", "failure", "dead", "try"]), st.integers(0, 90)), max_size=60))
def test_whatever_happens_an_open_breaker_is_tried_again_within_its_time(events: list[tuple[str, int]]) -> None:
    """No order of events leaves an endpoint given up for longer than the rule says, and late answers change nothing."""
    breaker, now = Breaker(endpoint="e"), NOW
    for what, seconds in events:
        now += timedelta(seconds=seconds)
        before = breaker
        match what:
            case "success":
                breaker = after_success(breaker, RULE)
            case "try":
                breaker = trying(breaker, now, RULE)
            case _:
                breaker = after_failure(breaker, now, RULE, dead=what == "dead")
        if before.state is BreakerState.OPEN and what != "try":
            assert breaker == before
        assert 0 <= recovers_in(breaker, now, RULE) <= RULE.open_seconds
        assert (breaker.state is BreakerState.OPEN) <= (breaker.opened_at is not None)
    assert trying(breaker, now + timedelta(seconds=60), RULE).state is not BreakerState.OPEN


def test_news_of_calls_from_before_it_opened_are_no_probes() -> None:
    """Half-open, a call that began before neither puts recovery off nor stands for it."""
    half = trying(_failed(Breaker(endpoint="e"), 5), NOW + timedelta(minutes=1), RULE)
    assert after_failure(half, NOW + timedelta(minutes=1), RULE, dead=True, probe=False) == half
    assert after_success(half, RULE, probe=False) == half
