"""The campaign, second part: endpoints that go away, for a while or for good, and a database that is restarted."""

import asyncio
from pathlib import Path

import pytest

from millwright.adapters.embedded.home import StackState
from schemas.breakers import BreakerState
from tests.faults.building import Outcome, build, restarted_postgres
from tests.faults.conftest import Shown
from tests.faults.judging import demand_unharmed, passed_through
from tests.faults.plans import mixed
from tests.faults.sample import TASKS, answers
from tests.faults.server import FaultyEndpoint, Outage

OUTAGE_SECONDS = 6.0

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.temporal, pytest.mark.sandbox]


def test_an_outage_opens_the_breaker_and_its_end_closes_it(calm: Outcome, shown: Shown, tmp_path: Path) -> None:
    """While the only endpoint is away nothing fails and nothing is asked; a few calls try it, and the build goes on."""
    outage = Outage(after=calm.requests // 3, seconds=OUTAGE_SECONDS)
    endpoint = FaultyEndpoint(answers(), outage=outage, latency_seconds=0.2)
    outcome = asyncio.run(build(tmp_path / "build", TASKS, endpoint))
    shown(f"away for {OUTAGE_SECONDS:g} s", outcome, calm)
    (seen,) = outcome.breakers.values()
    assert passed_through(seen, BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED), (
        seen
    )
    demand_unharmed(outcome, calm)


def test_one_of_two_endpoints_is_dead_for_good(calm: Outcome, shown: Shown, tmp_path: Path) -> None:
    """The other one serves the rest; the dead one's breaker never closes again."""
    lasting = FaultyEndpoint(answers())
    dying = FaultyEndpoint(answers(), outage=Outage(after=calm.requests // 6, seconds=None))
    outcome = asyncio.run(build(tmp_path / "build", TASKS, lasting, dying))
    shown("one of two dies", outcome, calm)
    assert outcome.injected["outage"] >= 1
    assert lasting.requests > dying.requests
    assert passed_through(outcome.breakers[dying.url], BreakerState.OPEN)
    assert outcome.breakers[dying.url][-1] is not BreakerState.CLOSED
    assert set(outcome.breakers[lasting.url]) == {BreakerState.CLOSED}
    demand_unharmed(outcome, calm)


def test_postgres_is_restarted_in_the_middle(calm: Outcome, shown: Shown, tmp_path: Path) -> None:
    """Answers that could not be stored are asked for again, and both requests are in the ledger."""
    outcome = asyncio.run(_with_postgres_restarted(tmp_path / "build", calm.requests // 2))
    shown("Postgres restarted", outcome, calm)
    assert "postgres runs again" in outcome.output
    demand_unharmed(outcome, calm)


async def _with_postgres_restarted(place: Path, after: int) -> Outcome:
    """Build with Postgres told to leave once so many requests were read."""
    reached = asyncio.Event()

    def notice(requests: int) -> None:
        if requests >= after:
            reached.set()

    async def restart(state: StackState) -> None:
        await reached.wait()
        await restarted_postgres(state)

    return await build(place, TASKS, FaultyEndpoint(answers(), on_request=notice), meanwhile=restart)


def test_everything_at_once(calm: Outcome, shown: Shown, tmp_path: Path) -> None:
    """Two endpoints with all faults mixed, of which one goes away for a while as well."""
    first = FaultyEndpoint(answers(), mixed(0.3, seed=1))
    second = FaultyEndpoint(
        answers(), mixed(0.3, seed=2), outage=Outage(after=calm.requests // 3, seconds=OUTAGE_SECONDS)
    )
    outcome = asyncio.run(build(tmp_path / "build", TASKS, first, second))
    shown("two, mixed, one away", outcome, calm)
    demand_unharmed(outcome, calm)
