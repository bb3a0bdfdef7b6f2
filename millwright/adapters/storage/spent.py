"""The totals of the ledger in Postgres: kept up in the transaction that changes a row, so that none is ever summed.

Every change to a project's part of the ledger holds the project's lock (``lock_project``), and one that must fit under
an installation's cap holds the installation's before it; rows of ``spent`` are only touched after that, the shared ones
first. In this one order nobody waits in a circle.

The totals of all projects are kept in ``_PARTS`` rows, by project, and always: a project waits for another only where
both are in one part, for as long as the other commits, and a cap that is set later finds what came before it counted.
"""

import zlib
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import BigInteger, Date, Integer, Text, bindparam, cast, func, literal, select, text, union_all
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from millwright.adapters.storage.columns import Moment
from millwright.adapters.storage.counting import EVER, Account, Sums, period_start
from millwright.adapters.storage.tables import spent
from schemas.identity import ProjectId
from schemas.models import CallKey, Period

_EVERYBODY = ""
_PARTS = 16
_INSTALLATION_LOCK = 0x6D696C6D  # beside the migration's 0x6D696C6C: all advisory locks share one space of numbers

_SUMS = ("calls", "prompt_tokens", "completion_tokens", "nano_cost")
_FIGURES = (*_SUMS, *(f"reserved_{name}" for name in _SUMS))
_KEY = ("scope", "begins", "part")


def _adding() -> Insert:
    """Write the statement that adds one change to the three rows that it belongs to."""
    names = [bindparam(name, type_=spent.c[name].type) for name in _FIGURES]
    everybody, ever, part = literal(_EVERYBODY), literal(EVER), bindparam("part", type_=Integer)
    rows = union_all(
        select(everybody, bindparam("day", type_=Date), part, *names),
        select(everybody, ever, part, *names),
        select(bindparam("project", type_=Text), ever, bindparam("revision", type_=Integer), *names),
    )
    adding = insert(spent).from_select([*_KEY, *_FIGURES], rows)
    return adding.on_conflict_do_update(
        index_elements=list(_KEY), set_={name: spent.c[name] + adding.excluded[name] for name in _FIGURES}
    )


_ADD = _adding().returning(spent.c.scope, *(spent.c[name] for name in _FIGURES))
_LOCK_PROJECT = select(
    func.pg_advisory_xact_lock(func.hashtextextended(bindparam("project"), 0)),
    cast(func.timezone("UTC", func.now()), Date),
)
_LOCK_INSTALLATION = select(func.pg_advisory_xact_lock(_INSTALLATION_LOCK))
_TOTALS = tuple(cast(func.coalesce(func.sum(spent.c[name]), 0), BigInteger) for name in _FIGURES)
_RUN = text(
    """
    SELECT coalesce(sum(extract(epoch FROM least(ended, now()) - greatest(started_at, :since))), 0)::double precision
    FROM (
        SELECT started_at, coalesce(finished_at, now()) AS ended FROM projects
        UNION ALL SELECT started_at, coalesce(finished_at, created_at) FROM revisions
    ) AS times
    WHERE started_at < now() AND ended > :since
    """
).bindparams(bindparam("since", type_=Moment()))


async def lock_project(connection: AsyncConnection, project: ProjectId) -> date:
    """Wait until no other transaction changes this project's ledger, and none will until this one ends.

    Returns the day on which this transaction began, in UTC: that of the rows that it writes.
    """
    row = (await connection.execute(_LOCK_PROJECT, {"project": project})).one()
    today: date = row[1]
    return today


async def lock_installation(connection: AsyncConnection) -> None:
    """Wait until no other transaction reserves under the installation's caps; held until this one ends."""
    await connection.execute(_LOCK_INSTALLATION)


async def add(connection: AsyncConnection, key: CallKey, day: date, change: Account) -> Account:
    """Add a change to all totals that it belongs to; return the new one of the project's revision.

    ``day`` is the day of the reservation, in UTC, whenever the change comes.
    """
    figures = dict(zip(_FIGURES, (*_values(change.spent), *_values(change.reserved)), strict=True))
    place = {
        "part": zlib.crc32(key.project.encode()) % _PARTS,
        "day": day,
        "project": key.project,
        "revision": key.revision,
    }
    rows = (await connection.execute(_ADD, place | figures)).all()
    return next(_account(figures) for scope, *figures in rows if scope == key.project)


async def of_project(connection: AsyncConnection, project: ProjectId, revision: int | None) -> Account:
    """Read the totals of a project, or of one revision of it."""
    statement = select(*_TOTALS).where(spent.c.scope == project)
    if revision is not None:
        statement = statement.where(spent.c.part == revision)
    return _account(list((await connection.execute(statement)).one()))


async def of_installation(connection: AsyncConnection, period: Period, day: date) -> Account:
    """Read the totals of all projects in the period that ``day`` lies in."""
    since = period_start(period, day)
    begins = spent.c.begins == EVER if period is Period.EVER else spent.c.begins >= since
    statement = select(*_TOTALS).where(spent.c.scope == _EVERYBODY, begins)
    return _account(list((await connection.execute(statement)).one()))


async def seconds_run(connection: AsyncConnection, period: Period, day: date) -> float:
    """Add up the wall-clock of all projects, earlier revisions included, in the period that ``day`` lies in."""
    since = datetime.combine(period_start(period, day), time(), UTC)
    return float(await connection.scalar(_RUN, {"since": since}) or 0.0)


def _values(sums: Sums) -> tuple[int, ...]:
    return sums.calls, sums.prompt_tokens, sums.completion_tokens, sums.nano_cost


def _account(figures: list[Any]) -> Account:
    return Account(spent=Sums(*figures[:4]), reserved=Sums(*figures[4:]))
