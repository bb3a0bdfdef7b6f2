"""Prints how many calls a second the ledger in Postgres can reserve, with many rows in it, beside adding them up.

It judges nothing and asserts no time: figures of a busy machine are not figures. The database is an embedded one with
its safe settings, made for the run and deleted after it. The ways take turns, so that whatever else the machine does
falls on all of them alike. Run: ``python -m benchmarks.model_client.ledger``.
"""

import argparse
import asyncio
import itertools
import os
import statistics
import tempfile
import time
import zlib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from millwright.adapters.embedded.postgres_server import EmbeddedPostgres
from millwright.adapters.storage import migration
from millwright.adapters.storage.counting import Sums, demand_room
from millwright.adapters.storage.database import new_engine
from millwright.adapters.storage.postgres import PostgresStore
from millwright.ports import NO_CAPS
from schemas.digests import digest_of_bytes
from schemas.identity import Archetype, NodePath, ProjectId
from schemas.models import Budget, CallKey, InstallationBudget, LedgerEntry

_CAP = Budget(max_calls=10**9, max_tokens=10**15, max_cost=10**6)
_CAPS = InstallationBudget(max_calls=10**9, max_tokens=10**15, max_cost=10**6)
_AT_ONCE = 8
_TURN_SECONDS = 0.3

_FILL = text(
    """
    INSERT INTO ledger (project, path, purpose, round, index, revision, attempt, choices, failure, archetype,
        prompt_version, prompt_digest, temperature, seed, max_tokens, status, model, model_revision, endpoint,
        prompt_tokens, completion_tokens, cost, latency_seconds)
    SELECT :project, 'root.n' || n % 1000, 'code', n / 1000, n % 7, 1, 1, 1, '', 'coder', '1', :digest, 0.5, 1, 2048,
        'settled', 'm', '', 'http://127.0.0.1:8000/v1', 900, 300, 0.001, 1.0
    FROM generate_series(1, :rows) AS n
    """
)
_FILL_TOTALS = text(
    """
    INSERT INTO spent SELECT project, DATE '1970-01-01', 1, count(*), sum(prompt_tokens), sum(completion_tokens),
        sum(CAST(round(cost * 1000000000) AS bigint)), 0, 0, 0, 0
    FROM ledger WHERE project = :project GROUP BY project
    """
)
_OLD_LEDGER = (
    text("CREATE TABLE old_ledger (LIKE ledger INCLUDING ALL)"),
    text("INSERT INTO old_ledger SELECT * FROM ledger"),
    text("CREATE INDEX ON old_ledger (project, revision, status) INCLUDE (prompt_tokens, completion_tokens, cost)"),
)
"""The ledger as it was before there were totals: with an index that carries what a sum needs."""
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:project, 0))")
_ADD_UP = text(
    """
    SELECT count(*), sum(prompt_tokens), sum(completion_tokens), sum(CAST(round(cost * 1000000000) AS bigint))
    FROM old_ledger WHERE project = :project AND revision = 1 AND status IN ('reserved', 'settled', 'refused', 'lost')
    """
)
_INSERT = text(
    """
    INSERT INTO old_ledger (project, path, purpose, round, index, revision, attempt, choices, failure, archetype,
        prompt_version, prompt_digest, temperature, seed, max_tokens, status, model, model_revision, endpoint,
        prompt_tokens, completion_tokens, cost, latency_seconds)
    VALUES (:project, 'root.new', 'code', 0, :index, 1, 1, 1, '', 'coder', '1', :digest, 0.5, 1, 2048,
        'reserved', '', '', '', 900, 300, 0.001, 0.0)
    """
)
_DIGEST = digest_of_bytes(b"prompt")

Act = Callable[[], Awaitable[object]]
_FRESH = itertools.count()
"""Indices of calls that nobody has reserved yet, so that each is a first attempt."""


def _entry(project: ProjectId, index: int) -> LedgerEntry:
    return LedgerEntry(
        key=CallKey(project=project, path=NodePath("root.new"), purpose="code", round=1, index=index),
        archetype=Archetype.CODER,
        prompt_version="1",
        prompt_digest=_DIGEST,
        temperature=0.5,
        seed=1,
        max_tokens=2048,
        prompt_tokens=900,
        completion_tokens=300,
        cost=0.001,
    )


async def _rate(act: Act, seconds: float, at_once: int) -> float:
    """Return how often a second ``act`` was done, by so many workers."""
    ends, done = time.perf_counter() + seconds, 0

    async def work() -> None:
        nonlocal done
        while time.perf_counter() < ends:
            done += 1
            await act()

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(at_once)))
    return done / (time.perf_counter() - began)


def _reserving(store: PostgresStore, projects: Sequence[ProjectId], caps: InstallationBudget = NO_CAPS) -> Act:
    async def act() -> None:
        number = next(_FRESH)
        await store.reserve(_entry(projects[number % len(projects)], number), _CAP, caps)

    return act


def _adding_up(engine: AsyncEngine, project: ProjectId) -> Act:
    async def act() -> None:
        number = next(_FRESH)
        async with engine.begin() as connection:
            await connection.execute(_LOCK, {"project": project})
            used = Sums(*(int(figure) for figure in (await connection.execute(_ADD_UP, {"project": project})).one()))
            demand_room(used, _entry(project, number), _CAP)
            await connection.execute(_INSERT, {"project": project, "index": number, "digest": _DIGEST})

    return act


def _name(rows: int) -> ProjectId:
    return ProjectId(f"rows-{rows}")


async def _fill(engine: AsyncEngine, sizes: Sequence[int]) -> None:
    async with engine.begin() as connection:
        for rows in sizes:
            filled = {"project": _name(rows), "rows": rows, "digest": _DIGEST}
            await connection.execute(_FILL, filled)
            await connection.execute(_FILL_TOTALS, {"project": _name(rows)})
        for statement in _OLD_LEDGER:
            await connection.execute(statement)
    async with engine.connect() as connection:
        alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await alone.execute(text("VACUUM ANALYZE"))


def _part(project: ProjectId) -> int:
    """Return the part of the installation's totals that has a project's share, as ``adapters.storage.spent`` does."""
    return zlib.crc32(project.encode()) % 16


def _colliding(wanted: int) -> list[ProjectId]:
    """Name projects whose share of the installation's totals lies in one and the same part."""
    names = (ProjectId(f"hot-{number}") for number in range(10_000))
    return [name for name in names if _part(name) == 0][:wanted]


def _spread(wanted: int) -> list[ProjectId]:
    """Name projects whose shares lie in parts of their own."""
    names = (ProjectId(f"cool-{number}") for number in range(10_000))
    return list({_part(name): name for name in names}.values())[:wanted]


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mw-bench-") as home:
        async with EmbeddedPostgres(Path(home)) as url:
            await asyncio.to_thread(migration.upgrade, url)
            print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
            await _measure(new_engine(url), given.rows, given.rounds)


async def _measure(engine: AsyncEngine, sizes: Sequence[int], rounds: int) -> None:
    store = PostgresStore(engine)
    own, shared = _spread(_AT_ONCE), _colliding(_AT_ONCE)
    ways: dict[str, Act] = {}
    for rows in sizes:
        ways[f"a project of {rows:,} rows, added up each time"] = _adding_up(engine, _name(rows))
        ways[f"a project of {rows:,} rows"] = _reserving(store, [_name(rows)])
        ways[f"a project of {rows:,} rows, installation capped"] = _reserving(store, [_name(rows)], _CAPS)
    ways |= {
        f"{_AT_ONCE} projects, in parts of their own": _reserving(store, own),
        f"{_AT_ONCE} projects, all in one part": _reserving(store, shared),
        f"{_AT_ONCE} projects, installation capped": _reserving(store, own, _CAPS),
    }
    rates: dict[str, list[tuple[float, float]]] = {what: [] for what in ways}
    try:
        await _fill(engine, sizes)
        for _ in range(rounds):
            for what, act in ways.items():
                rates[what].append((await _rate(act, _TURN_SECONDS, 1), await _rate(act, _TURN_SECONDS, _AT_ONCE)))
    finally:
        await engine.dispose()
    print(f"{'reservations a second (median of the turns)':<60}{'one':>10}{f'{_AT_ONCE} at once':>10}")
    for what, found in rates.items():
        alone, together = (statistics.median(column) for column in zip(*found, strict=True))
        print(f"{what:<60}{alone:>10.0f}{together:>10.0f}")


if __name__ == "__main__":
    asyncio.run(main())
