"""What migration 0008 does to a ledger that is in use: attempts, totals and times, up and down again."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from millwright.adapters.storage.postgres import open_store
from millwright.errors import BudgetReached
from schemas.models import InstallationBudget, LedgerStatus, Period, Spend
from tests.contract.stores_fixtures import BANK, NO_CAP, SHOP, completion, entry, settled

pytestmark = pytest.mark.postgres

INI = Path(__file__).resolve().parents[2] / "alembic.ini"
DAY = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
NEXT = datetime(2026, 3, 2, 0, 30, tzinfo=UTC)


@pytest.fixture
def old(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give a database at 0007 with calls of two projects, of which one was built twice."""
    monkeypatch.setenv("MILLWRIGHT_DATABASE_URL", empty_database)
    command.upgrade(Config(INI), "0007")
    with create_engine(empty_database, poolclass=NullPool).begin() as connection:
        for number, (owner, revision, status, when, cost) in enumerate(
            (
                ("shop", 1, "settled", DAY, 0.1),
                ("shop", 1, "reserved", NEXT, 0.2),
                ("shop", 1, "released", NEXT, 0.4),
                ("shop", 2, "settled", NEXT, 1 / 3),
                ("bank", 1, "settled", NEXT, 0.0),
            )
        ):
            _insert(connection, owner=owner, index=number, revision=revision, status=status, moment=when, cost=cost)
        connection.execute(
            text("INSERT INTO breakers VALUES ('http://a/v1', 'open', 5, 0, :moment, :moment)"), {"moment": DAY}
        )
        content = (
            r'{"project": {"id": "shop", "message": "\u0000 \"started_at\": \"1999-01-01T00:00:00Z\"", '
            r'"started_at": "2026-03-01T10:00:00Z", "finished_at": "2026-03-01T12:30:00+00:00"}, "nodes": []}'
        )
        never = '{"project": {"id": "shop", "started_at": "2026-03-01T10:00:00Z", "finished_at": null}, "nodes": []}'
        for revision, kept in ((1, content), (2, never)):
            connection.execute(
                text("INSERT INTO revisions VALUES ('shop', :revision, CAST(:content AS json), :moment)"),
                {"revision": revision, "content": kept, "moment": datetime(2026, 3, 1, 11, 0, tzinfo=UTC)},
            )
    return empty_database


def _insert(connection: Connection, **row: object) -> None:
    place = "'root.cart.subtotal', 'code', 0, :index, :revision"
    connection.execute(
        text(
            "INSERT INTO ledger (project, path, purpose, round, index, revision, archetype, prompt_version, "
            "prompt_digest, temperature, seed, max_tokens, status, model, endpoint, prompt_tokens, completion_tokens, "
            f"cost, latency_seconds, created_at) VALUES (:owner, {place}, 'coder', '1', 'd', 0.5, 1, 9, :status, 'm', "
            "'http://a/v1', 10, 20, :cost, 0.5, :moment)"
        ),
        row,
    )
    if row["status"] == "settled":
        connection.execute(
            text(
                "INSERT INTO completions (project, path, purpose, round, index, revision, archetype, text, "
                f"finish_reason, detail) VALUES (:owner, {place}, 'coder', 'said', 'stop', '')"
            ),
            row,
        )


async def test_old_calls_become_first_attempts_and_are_in_the_totals(old: str) -> None:
    """Nothing that was paid is lost or counted twice; the next attempt has the next number."""
    command.upgrade(Config(INI), "head")
    async with open_store(old) as store:
        ledger = await store.ledger(SHOP)
        assert [(one.key.index, one.attempt, one.choices, one.failure) for one in ledger] == [
            (number, 1, 1, "") for number in range(4)
        ]
        assert (await store.spend(SHOP, 1)).settled == Spend(calls=1, prompt_tokens=10, completion_tokens=20, cost=0.1)
        assert (await store.spend(SHOP, 1)).reserved == Spend(calls=1, prompt_tokens=10, completion_tokens=20, cost=0.2)
        assert (await store.spend(SHOP, 2)).settled.cost == 0.333333333
        answers = await store.all_completions(BANK)
        assert [(one.text, one.model, one.call, one.choice, one.recalled) for one in answers] == [
            ("said", "m", None, 0, False)
        ]
        assert (await store.breakers(["http://a/v1"]))["http://a/v1"].version == 1
        with pytest.raises(BudgetReached, match="the cap is 4 calls, 4 used"):
            await store.reserve(entry(), NO_CAP, InstallationBudget(max_calls=4))
        assert (await store.reserve(entry(), NO_CAP, InstallationBudget(max_calls=5))).attempt == 2
        await store.reserve(entry(), NO_CAP, InstallationBudget(max_calls=2, period=Period.DAY))
        # Two and a half hours of the first revision, one of the second, which was superseded without an end.
        with pytest.raises(BudgetReached, match="they have taken 12600 s"):
            await store.reserve(entry(), NO_CAP, InstallationBudget(max_time_seconds=12_600))
        await store.reserve(entry(), NO_CAP, InstallationBudget(max_time_seconds=12_601))
    with create_engine(old, poolclass=NullPool).begin() as connection:
        days = connection.execute(
            text("SELECT begins, calls, reserved_calls, nano_cost FROM spent WHERE scope = '' AND part = 0 ORDER BY 1")
        ).all()
    assert [tuple(row) for row in days[:3]] == [
        (date(1970, 1, 1), 3, 1, 433_333_333),
        (date(2026, 3, 1), 1, 0, 100_000_000),
        (date(2026, 3, 2), 2, 1, 333_333_333),
    ]


async def test_going_back_keeps_one_attempt_of_each_call_and_what_it_counts(old: str) -> None:
    """The attempt that tells the most stays; what the old version does not know is put in its words."""
    command.upgrade(Config(INI), "head")
    ends = (LedgerStatus.LOST, LedgerStatus.REFUSED, LedgerStatus.RELEASED)
    async with open_store(old) as store:
        for index, status in enumerate(ends, start=20):
            attempt = await store.reserve(entry(index), NO_CAP)
            await store.conclude(attempt.model_copy(update={"status": status}))
        await settled(store, entry(20), "at last")
        attempts = [await store.reserve(entry(30), NO_CAP) for _ in range(3)]
        await store.settle(attempts[1], [completion(entry(30))])
        await store.conclude(attempts[2].model_copy(update={"status": LedgerStatus.LOST}))
        only_lost = await store.reserve(entry(40), NO_CAP)
        await store.conclude(only_lost.model_copy(update={"status": LedgerStatus.LOST}))
    command.downgrade(Config(INI), "0007")
    with create_engine(old, poolclass=NullPool).begin() as connection:
        found = connection.execute(text("SELECT index, status FROM ledger WHERE project = 'shop' ORDER BY index")).all()
        answers = connection.scalar(text("SELECT count(*) FROM completions"))
    assert [tuple(row) for row in found] == [
        (0, "settled"),
        (1, "reserved"),
        (2, "released"),
        (3, "settled"),
        (20, "settled"),
        (21, "released"),
        (22, "released"),
        (30, "settled"),
        (40, "reserved"),
    ]
    assert answers == 5
    command.upgrade(Config(INI), "head")
    async with open_store(old) as store:
        assert (await store.spend(SHOP)).settled.calls == 4
