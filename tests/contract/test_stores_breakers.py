"""What every store promises of circuit breakers, run on memory and Postgres alike."""

import asyncio
from datetime import UTC, datetime

import pytest

from schemas.breakers import Breaker, BreakerState
from tests.contract.stores_fixtures import Store

HERE, THERE = "http://here:8000/v1", "http://there:8000/v1"
NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


async def test_a_breaker_that_was_never_stored_is_closed(store: Store) -> None:
    """Nobody has to make one before it can be read."""
    assert await store.breakers([HERE, THERE]) == {HERE: Breaker(endpoint=HERE), THERE: Breaker(endpoint=THERE)}
    assert await store.breakers([]) == {}


async def test_a_breaker_keeps_every_field_and_counts_its_versions(store: Store) -> None:
    """What was stored comes back as the next version; another endpoint's is not touched."""
    opened = Breaker(endpoint=HERE, state=BreakerState.OPEN, failures=5, opened_at=NOON)
    assert await store.replace_breaker(opened)
    tried = Breaker(endpoint=HERE, state=BreakerState.HALF_OPEN, failures=5, successes=1, opened_at=NOON, version=1)
    assert (await store.breakers([HERE]))[HERE] == opened.model_copy(update={"version": 1})
    assert await store.replace_breaker(tried)
    assert await store.breakers([HERE, THERE]) == {
        HERE: tried.model_copy(update={"version": 2}),
        THERE: Breaker(endpoint=THERE),
    }


async def test_only_the_version_that_was_read_is_replaced(store: Store) -> None:
    """Whoever comes late changes nothing and is told so."""
    first = Breaker(endpoint=HERE, failures=1)
    assert await store.replace_breaker(first)
    assert not await store.replace_breaker(first)
    assert not await store.replace_breaker(first.model_copy(update={"version": 2, "failures": 9}))
    assert not await store.replace_breaker(Breaker(endpoint=THERE, version=1))
    assert await store.breakers([HERE, THERE]) == {
        HERE: first.model_copy(update={"version": 1}),
        THERE: Breaker(endpoint=THERE),
    }


@pytest.mark.parametrize("workers", [2, 5, 12])
async def test_of_changes_by_concurrent_workers_none_is_lost(store: Store, workers: int) -> None:
    """Each adds failures, reading again whenever somebody else was first; all are there at the end."""
    each, refused = 4, 0

    async def fail(endpoint: str) -> None:
        nonlocal refused
        for _ in range(each):
            while True:
                read = (await store.breakers([endpoint]))[endpoint]
                await asyncio.sleep(0)  # lets the others read the same version
                if await store.replace_breaker(read.model_copy(update={"failures": read.failures + 1})):
                    break
                refused += 1

    await asyncio.gather(*(fail(endpoint) for endpoint in (HERE, THERE) for _ in range(workers)))
    for breaker in (await store.breakers([HERE, THERE])).values():
        assert (breaker.failures, breaker.version) == (workers * each, workers * each)
    assert refused > 0


async def test_a_moment_without_a_time_zone_is_refused(store: Store) -> None:
    """A server would read it in a zone of its own."""
    naive = Breaker(endpoint=HERE, opened_at=NOON.replace(tzinfo=None))
    with pytest.raises(ValueError, match="no time zone"):
        await store.replace_breaker(naive)
