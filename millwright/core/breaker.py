"""The rules of a circuit breaker: closed, open after failures in a row, half-open after a while, closed again.

It reads no clock and stores nothing. What a failure is, the caller says.
"""

from datetime import datetime, timedelta

from schemas.breakers import Breaker, BreakerRule, BreakerState


def recovers_in(breaker: Breaker, now: datetime, rule: BreakerRule) -> float:
    """Return the seconds until an endpoint may be tried; 0 where it may be now."""
    if breaker.state is not BreakerState.OPEN or breaker.opened_at is None:
        return 0.0
    return max(0.0, (breaker.opened_at + timedelta(seconds=rule.open_seconds) - now).total_seconds())


def trying(breaker: Breaker, now: datetime, rule: BreakerRule) -> Breaker:
    """Return what an open breaker becomes when a call tries its endpoint: half-open, once its time has come."""
    if breaker.state is BreakerState.OPEN and recovers_in(breaker, now, rule) == 0:
        return breaker.model_copy(update={"state": BreakerState.HALF_OPEN, "successes": 0})
    return breaker


def after_success(breaker: Breaker, rule: BreakerRule, *, probe: bool = True) -> Breaker:
    """Return what a breaker becomes after a call that was answered; ``probe``: the call tried whether it had recovered.

    An answer to a call from before it opened changes nothing, also while it is half-open.
    """
    if breaker.state is BreakerState.CLOSED:
        return breaker.model_copy(update={"failures": 0})
    if breaker.state is BreakerState.OPEN or not probe:
        return breaker
    successes = breaker.successes + 1
    if successes < rule.successes:
        return breaker.model_copy(update={"successes": successes})
    return breaker.model_copy(update={"state": BreakerState.CLOSED, "failures": 0, "successes": 0, "opened_at": None})


def after_failure(
    breaker: Breaker, now: datetime, rule: BreakerRule, *, dead: bool = False, probe: bool = True
) -> Breaker:
    """Return what a breaker becomes after a call that failed; an endpoint that is ``dead`` needs no second failure.

    A failure of a call from before it opened changes nothing, so that its time is not put off; while it is half-open,
    such a call is told by being no ``probe``.
    """
    if breaker.state is BreakerState.OPEN or (breaker.state is BreakerState.HALF_OPEN and not probe):
        return breaker
    failures = breaker.failures + 1
    if breaker.state is BreakerState.HALF_OPEN or dead or failures >= rule.failures:
        opened = {"state": BreakerState.OPEN, "failures": failures, "successes": 0, "opened_at": now}
        return breaker.model_copy(update=opened)
    return breaker.model_copy(update={"failures": failures})
