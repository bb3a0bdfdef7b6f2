"""What the ledger in Postgres promises beyond every store: totals that equal its rows, periods, a server that goes."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from millwright.adapters.storage.counting import EVER, Account, Sums, account_of
from millwright.adapters.storage.database import database_url as read_url
from millwright.adapters.storage.memory import MemoryStore
from millwright.adapters.storage.postgres import PostgresStore, open_store
from millwright.errors import BudgetReached, DatabaseUnavailable
from schemas.evidence import ProjectSpend
from schemas.identity import ProjectId
from schemas.models import Budget, InstallationBudget, LedgerEntry, LedgerStatus, Period
from tests.contract.stores_fixtures import BANK, NO_CAP, SHOP, completion, entry, project
from tests.postgres_fixture import PostgresServer

pytestmark = pytest.mark.postgres

CONCLUSIONS = (LedgerStatus.REFUSED, LedgerStatus.LOST, LedgerStatus.RELEASED)
PROJECTS = [ProjectId(f"p{number}") for number in range(4)]
Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def rows(database_url: str, postgres_server: PostgresServer) -> Iterator[Connection]:
    """Connect to the database past the store."""
    with postgres_server.connect(read_url(database_url).database or "") as connection:
        yield connection


Totals = dict[tuple[str, int, date], Account]
"""By project, its revision and 1970-01-01; of all projects by "", 0 and the day or 1970-01-01."""


def added_up(rows: Connection) -> Totals:
    """Add the ledger's rows up, each to all totals that it belongs to."""
    sums: Totals = defaultdict(Account)
    columns = "project, revision, status, prompt_tokens, completion_tokens, cost"
    found = rows.execute(f"SELECT {columns}, CAST(timezone('UTC', created_at) AS date) FROM ledger").fetchall()
    for owner, revision, status, prompt_tokens, completion_tokens, cost, day in found:
        figures = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens, "cost": cost}
        counted = account_of(entry().model_copy(update={"status": LedgerStatus(str(status)), **figures}))
        for place in ((owner, revision, EVER), ("", 0, EVER), ("", 0, day)):
            sums[place] = sums[place].plus(counted)
    return {place: account for place, account in sums.items() if account != Account()}


def totals(rows: Connection) -> Totals:
    """Read the totals as stored, the parts of all projects put together."""
    sums: Totals = defaultdict(Account)
    for scope, begins, part, *figures in rows.execute("SELECT * FROM spent").fetchall():
        place = (scope, part if scope else 0, begins)
        sums[place] = sums[place].plus(Account(spent=Sums(*figures[:4]), reserved=Sums(*figures[4:])))
    return {place: account for place, account in sums.items() if account != Account()}


@pytest.mark.parametrize("seed", range(3))
async def test_totals_equal_the_rows_whatever_workers_do_at_once(
    database_url: str, rows: Connection, seed: int
) -> None:
    """Reservations, answers, failures and workers that are cancelled in the middle leave sums that are right, and no
    cap is passed; of equal keys every attempt has a number of its own."""
    chance = random.Random(seed)
    caps = {PROJECTS[0]: Budget(max_calls=12), PROJECTS[1]: Budget(max_tokens=400), PROJECTS[2]: Budget(max_cost=0.5)}
    everybody = InstallationBudget(max_calls=60, period=chance.choice(list(Period)))

    async def work(store: PostgresStore, number: int) -> None:
        owner = chance.choice(PROJECTS)
        asked = entry(number % 3, owner=owner, tokens=(chance.randrange(50), 10), cost=chance.randrange(100) / 700)
        try:
            attempt = await store.reserve(asked, caps.get(owner, NO_CAP), everybody)
        except BudgetReached:
            return
        if chance.random() < 0.1:
            return
        if chance.random() < 0.5:
            used = {"completion_tokens": chance.randrange(11), "cost": asked.cost * chance.random()}
            await store.settle(attempt.model_copy(update=used), [completion(asked)])
        if chance.random() < 0.6:
            await store.conclude(attempt.model_copy(update={"status": chance.choice(CONCLUSIONS)}))

    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(open_store(database_url)) for _ in range(3)]
        tasks = [asyncio.create_task(work(stores[number % 3], number)) for number in range(120)]
        for task in chance.sample(tasks, 20):
            for _ in range(chance.randrange(40)):
                await asyncio.sleep(0)
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        spent = {owner: await stores[0].spend(owner) for owner in PROJECTS}
    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    assert totals(rows) == added_up(rows) != {}
    used = [one.settled.plus(one.reserved) for one in spent.values()]
    assert used[0].calls <= 12
    assert used[1].prompt_tokens + used[1].completion_tokens <= 400
    assert used[2].cost <= 0.5
    assert sum(one.calls for one in used) <= 60


class Step(NamedTuple):
    """Something that a worker does, with all that any act may need."""

    act: str
    owner: ProjectId
    revision: int
    number: int
    tokens: int
    cost: float
    status: LedgerStatus
    most_calls: int | None
    room_for_all: int | None


_STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(["reserve", "reserve", "settle", "conclude"]),
        st.sampled_from(PROJECTS[:2]),
        st.integers(1, 2),
        st.integers(0, 2),
        st.integers(0, 2**41),
        st.floats(0, 1e6),
        st.sampled_from(CONCLUSIONS),
        st.none() | st.integers(1, 6),
        st.none() | st.integers(0, 3),
    ),
    max_size=25,
)


def test_postgres_keeps_the_books_that_memory_keeps(database_url: str, rows: Connection) -> None:
    """Whatever is done in whatever order, both have the same entries, sums and refusals, and totals equal the rows."""

    async def in_both(steps: list[Step]) -> None:
        rows.execute("TRUNCATE ledger, spent, completions")
        memory = MemoryStore()
        async with open_store(database_url) as store:
            await _do(steps, memory, store)
            for owner in PROJECTS[:2]:
                assert await memory.ledger(owner) == await store.ledger(owner)
                assert await memory.all_completions(owner) == await store.all_completions(owner)
                for number in (None, 1, 2):
                    assert await memory.spend(owner, number) == await store.spend(owner, number)
        assert totals(rows) == added_up(rows)

    @settings(database=None, max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(_STEPS)
    def checked(steps: list[Step]) -> None:
        asyncio.run(in_both(steps))

    checked()


async def _do(steps: list[Step], memory: MemoryStore, store: PostgresStore) -> None:
    made = list[LedgerEntry]()
    for step in steps:
        if step.act == "reserve":
            asked = entry(step.number, owner=step.owner, tokens=(step.tokens, step.number), cost=step.cost)
            asked = asked.model_copy(update={"key": asked.key.model_copy(update={"revision": step.revision})})
            every = [await memory.spend(owner) for owner in PROJECTS]
            used = sum(one.settled.calls + one.reserved.calls for one in every)
            room = step.room_for_all
            cap = InstallationBudget(max_calls=None if room is None else max(1, used + room))
            first, second = [
                await _outcome(one, asked, Budget(max_calls=step.most_calls), cap) for one in (memory, store)
            ]
            assert first == second
            made += [first] if isinstance(first, LedgerEntry) else []
        elif made:
            for one in (memory, store):
                await _end(one, made[step.tokens % len(made)], step)


async def _end(store: MemoryStore | PostgresStore, attempt: LedgerEntry, step: Step) -> None:
    if step.act == "settle":
        measured = attempt.model_copy(update={"prompt_tokens": step.tokens, "cost": step.cost})
        answer = completion(attempt, step.status.value)
        await store.settle(measured, [answer.model_copy(update={"revision": attempt.key.revision})])
    else:
        await store.conclude(attempt.model_copy(update={"status": step.status}))


async def _outcome(
    store: MemoryStore | PostgresStore, asked: LedgerEntry, budget: Budget, cap: InstallationBudget
) -> LedgerEntry | str:
    try:
        return await store.reserve(asked, budget, cap)
    except BudgetReached as reached:
        return str(reached)


def _put_back(rows: Connection, days: int) -> None:
    """Let all that is stored have happened so many days earlier."""
    rows.execute(sql.SQL("UPDATE ledger SET created_at = created_at - interval '{} days'").format(sql.Literal(days)))
    rows.execute("UPDATE spent SET begins = begins - %s WHERE begins <> %s", (days, EVER))


async def test_a_request_counts_in_the_period_in_which_it_was_reserved(database_url: str, rows: Connection) -> None:
    """Yesterday's requests leave today's cap alone, also those that are answered only today; for ever they count."""
    async with open_store(database_url) as store:
        attempt = await store.reserve(entry(tokens=(10, 20)), NO_CAP)
        _put_back(rows, 1)
        today = InstallationBudget(max_calls=1, period=Period.DAY)
        await store.reserve(entry(owner=BANK), NO_CAP, today)
        await store.settle(attempt.model_copy(update={"completion_tokens": 5}), [completion(attempt)])
        with pytest.raises(BudgetReached, match="1 calls a day, 1 used"):
            await store.reserve(entry(1), NO_CAP, today)
        with pytest.raises(BudgetReached, match="2 calls, 2 used"):
            await store.reserve(entry(1), NO_CAP, InstallationBudget(max_calls=2))
        for period, days in ((Period.WEEK, 7), (Period.MONTH, 31)):
            _put_back(rows, days)
            await store.reserve(entry(2), NO_CAP, InstallationBudget(max_calls=1, period=period))
    assert totals(rows) == added_up(rows)


async def test_only_the_time_within_the_period_counts(database_url: str, rows: Connection) -> None:
    """Of a project that has run for years, a day's cap sees the day so far."""
    now = datetime.now(UTC)
    so_far = (now - now.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    async with open_store(database_url) as store:
        began = now - timedelta(days=1000)
        await store.open_project(project(SHOP).model_copy(update={"started_at": began}))
        cap = InstallationBudget(max_time_seconds=so_far + 3600, period=Period.DAY)
        await store.reserve(entry(), NO_CAP, cap)
        with pytest.raises(BudgetReached, match="of all projects' time, and they have taken 864"):
            await store.reserve(entry(), NO_CAP, cap.model_copy(update={"period": Period.EVER}))


@contextmanager
def _locked(rows: Connection, owner: ProjectId) -> Iterator[None]:
    """Hold a project's lock, so that whoever changes its ledger waits in the middle of a transaction."""
    rows.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (owner,))
    yield
    rows.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (owner,))


async def _cut(rows: Connection, work: Awaitable[object]) -> None:
    """Stop the server's side of a piece of work as soon as it waits."""
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    task = asyncio.ensure_future(work)
    for _ in range(6000):
        if rows.execute(f"SELECT 1 {others} AND wait_event_type = 'Lock'").fetchall():
            break
        await asyncio.sleep(0.01)
    rows.execute(f"SELECT pg_terminate_backend(pid) {others}")
    with pytest.raises(DatabaseUnavailable):
        await task


@contextmanager
def _closed(rows: Connection, server: PostgresServer) -> Iterator[None]:
    """Refuse every new connection to the database, as a server does that is starting."""
    name = sql.Identifier(rows.info.dbname)
    with server.connect("postgres") as other:
        other.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        yield
        other.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))


async def test_a_server_that_goes_in_the_middle_leaves_no_half_done_work(
    database_url: str, rows: Connection, postgres_server: PostgresServer
) -> None:
    """Reserving, settling and concluding fail as an unavailable database, and work again once it is back."""
    async with open_store(database_url) as store:
        attempt = await store.reserve(entry(), NO_CAP)
        lost = await store.reserve(entry(1), NO_CAP)
        acts: list[Callable[[], Awaitable[object]]] = [
            lambda: store.reserve(entry(2), Budget(max_calls=3), InstallationBudget(max_calls=3)),
            lambda: store.settle(attempt, [completion(attempt, "said")]),
            lambda: store.conclude(lost.model_copy(update={"status": LedgerStatus.LOST})),
        ]
        for act in acts:
            before = await store.ledger(SHOP), await store.all_completions(SHOP), totals(rows)
            with _locked(rows, SHOP):
                await _cut(rows, act())
                with _closed(rows, postgres_server), pytest.raises(DatabaseUnavailable):
                    await act()
            assert (await store.ledger(SHOP), await store.all_completions(SHOP), totals(rows)) == before
            await act()
        assert [one.status for one in await store.ledger(SHOP)] == [
            LedgerStatus.SETTLED,
            LedgerStatus.LOST,
            LedgerStatus.RESERVED,
        ]
        assert (await store.spend(BANK)) == ProjectSpend()
    assert totals(rows) == added_up(rows)
