"""Breakers as one worker sees them: shared through the store, believed for a second, and never lost to a race."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from activities.breaking import Breakers
from millwright.adapters.storage.memory import MemoryStore
from schemas.breakers import Breaker, BreakerRule, BreakerState

RULE = BreakerRule(failures=3, open_seconds=60, successes=2)
URL = "http://m/v1"


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


async def _state(breakers: Breakers) -> tuple[BreakerState, float]:
    return (await breakers.states([URL]))[URL]


async def test_an_endpoint_opens_is_tried_and_closes() -> None:
    """The whole life of a breaker, by the worker that sees it."""
    clock = Clock()
    breakers = Breakers(MemoryStore(), RULE, clock)
    for _ in range(3):
        assert await _state(breakers) == (BreakerState.CLOSED, 0)
        await breakers.failed(URL, dead=False)
    assert await _state(breakers) == (BreakerState.OPEN, 60)
    clock.now += timedelta(seconds=60)
    assert await _state(breakers) == (BreakerState.HALF_OPEN, 0)
    await breakers.tried(URL)
    await breakers.succeeded(URL)
    assert await _state(breakers) == (BreakerState.HALF_OPEN, 0)
    await breakers.succeeded(URL)
    assert await _state(breakers) == (BreakerState.CLOSED, 0)


async def test_workers_share_what_they_learn() -> None:
    """One worker's failures and another's add up, and both see the endpoint given up."""
    store = MemoryStore()
    one, other = Breakers(store, RULE), Breakers(store, RULE)
    assert await _state(other) == (BreakerState.CLOSED, 0)
    for each in (one, other, one):
        await each.failed(URL, dead=False)
    assert (await store.breakers([URL]))[URL].state is BreakerState.OPEN
    await other.succeeded(URL)  # late news of a call from before
    assert (await _state(other))[0] is BreakerState.OPEN


async def test_no_change_is_lost_to_a_race() -> None:
    """Twenty failures that are noted at the same time are twenty, although each replaces what the others read."""
    store, rule = MemoryStore(), BreakerRule(failures=100)

    class Slow(MemoryStore):
        async def breakers(self, endpoints: Sequence[str]) -> dict[str, Breaker]:
            found = await store.breakers(endpoints)
            await asyncio.sleep(0)
            return found

        async def replace_breaker(self, breaker: Breaker) -> bool:
            await asyncio.sleep(0)
            return await store.replace_breaker(breaker)

    workers = [Breakers(Slow(), rule) for _ in range(20)]
    await asyncio.gather(*(worker.failed(URL, dead=False) for worker in workers))
    assert (await store.breakers([URL]))[URL].failures == 20


async def test_a_healthy_endpoint_costs_no_writing() -> None:
    """Successes of a closed breaker change nothing in the store."""
    store = MemoryStore()
    breakers = Breakers(store, RULE)
    for _ in range(5):
        await breakers.succeeded(URL)
    assert (await store.breakers([URL]))[URL].version == 0
