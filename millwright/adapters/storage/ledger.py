"""The ledger in Postgres: every request to a model, reserved before it is sent, and concluded after.

It counts requests, tokens and cost; a project's cap on time is watched by whoever holds the project's clock.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Date, Row, bindparam, func, insert, select, update
from sqlalchemy import cast as as_type
from sqlalchemy.ext.asyncio import AsyncConnection

from millwright.adapters.storage import spent
from millwright.adapters.storage.completions import store_completions
from millwright.adapters.storage.counting import (
    Account,
    account_of,
    demand_room,
    demand_room_for_all,
    demand_time_for_all,
    is_capped,
    limits_installation,
    sums_of,
)
from millwright.adapters.storage.database import Rows
from millwright.adapters.storage.rules import concluded, demand_conclusion, demand_same_call, unreserved
from millwright.adapters.storage.statements import read, row_of
from millwright.adapters.storage.tables import ledger
from millwright.ports import NO_CAPS
from schemas.evidence import CompletionRecord, ProjectSpend
from schemas.identity import ProjectId
from schemas.models import Budget, CallKey, InstallationBudget, LedgerEntry, LedgerStatus

_KEY = tuple(CallKey.model_fields)
_ORDER = [ledger.c[name] for name in ("path", "purpose", "round", "index", "revision", "attempt")]
_RESERVED_ON = as_type(func.timezone("UTC", ledger.c.created_at), Date)

# Named otherwise than the columns, for which SQLAlchemy keeps the columns' own names.
_SAME_CALL = [ledger.c[name] == bindparam(f"call_{name}", type_=ledger.c[name].type) for name in _KEY]
_NEXT_ATTEMPT = select(func.coalesce(func.max(ledger.c.attempt), 0) + 1).where(*_SAME_CALL).scalar_subquery()
_RESERVE = insert(ledger).values(attempt=_NEXT_ATTEMPT).returning(ledger.c.attempt)
_FIND = select(ledger, _RESERVED_ON.label("reserved_on")).where(*_SAME_CALL, ledger.c.attempt == bindparam("number"))
_CONCLUDE = update(ledger).where(*_SAME_CALL, ledger.c.attempt == bindparam("number")).values(updated_at=func.now())


class LedgerRows(Rows):
    """The part of the project store that deals in requests to models."""

    async def reserve(
        self, entry: LedgerEntry, budget: Budget, installation: InstallationBudget = NO_CAPS
    ) -> LedgerEntry:
        """Reserve another attempt at a call, at its upper bound; returns it with its number.

        Raises:
            BudgetReached: it would pass a cap of the project's revision, or one of the installation.
        """
        reserved = entry.model_copy(update={"status": LedgerStatus.RESERVED})
        async with self._transaction() as connection:
            if limits_installation(installation):
                await spent.lock_installation(connection)
            today = await spent.lock_project(connection, entry.key.project)
            asked = account_of(reserved)
            now = await spent.add(connection, entry.key, today, asked)
            if is_capped(budget):
                demand_room(now.minus(asked).used, reserved, budget)
            if limits_installation(installation):
                await _demand_room(connection, reserved, installation, today)
            number = (await connection.execute(_RESERVE, _values(reserved) | _place(reserved))).scalar_one()
        return reserved.model_copy(update={"attempt": number})

    async def settle(self, entry: LedgerEntry, completions: Sequence[CompletionRecord]) -> None:
        """Store what an attempt brought and settle it, in one transaction; the first completion under a key stays.

        Raises:
            ValueError: a completion answers another call.
            NotFound: the attempt was never reserved.
        """
        demand_same_call(entry, completions)
        settled = entry.model_copy(update={"status": LedgerStatus.SETTLED})
        async with self._transaction() as connection:
            await spent.lock_project(connection, entry.key.project)
            stored, day = await _attempt(connection, entry)
            if stored.status is not LedgerStatus.SETTLED:
                await _change(connection, stored, settled, day)
            await store_completions(connection, entry.key.project, completions)

    async def conclude(self, entry: LedgerEntry) -> None:
        """Record how an attempt ended that brought no answer; only one that is still reserved changes.

        Raises:
            ValueError: its status is none of refused, lost and released.
            NotFound: the attempt was never reserved.
        """
        demand_conclusion(entry)
        async with self._transaction() as connection:
            await spent.lock_project(connection, entry.key.project)
            stored, day = await _attempt(connection, entry)
            if stored.status is LedgerStatus.RESERVED:
                await _change(connection, stored, concluded(stored, entry), day)

    async def ledger(self, project: ProjectId) -> tuple[LedgerEntry, ...]:
        """Read a project's ledger in order of key and attempt."""
        statement = select(ledger).where(ledger.c.project == project).order_by(*_ORDER)
        async with self._transaction() as connection:
            found = (await connection.execute(statement)).all()
        return tuple(map(_entry, found))

    async def spend(self, project: ProjectId, revision: int | None = None) -> ProjectSpend:
        """Read what a project's requests add up to, or those of one revision."""
        async with self._transaction() as connection:
            account = await spent.of_project(connection, project, revision)
        return ProjectSpend(settled=account.spent.spend(), reserved=account.reserved.spend())


async def _demand_room(
    connection: AsyncConnection, entry: LedgerEntry, installation: InstallationBudget, today: date
) -> None:
    """Check an installation's caps, with ``entry`` added to the totals already. Raises BudgetReached."""
    if is_capped(installation):
        with_it = (await spent.of_installation(connection, installation.period, today)).used
        demand_room_for_all(with_it.minus(sums_of(entry)), entry, installation)
    if installation.max_time_seconds is not None:
        seconds = await spent.seconds_run(connection, installation.period, today)
        demand_time_for_all(seconds, entry, installation)


async def _attempt(connection: AsyncConnection, entry: LedgerEntry) -> tuple[LedgerEntry, date]:
    """Find an attempt as it is stored, and the day of its reservation. Raises NotFound."""
    row = (await connection.execute(_FIND, _place(entry) | {"number": entry.attempt})).one_or_none()
    if row is None:
        raise unreserved(entry)
    return _entry(row), row.reserved_on


async def _change(connection: AsyncConnection, stored: LedgerEntry, entry: LedgerEntry, day: date) -> None:
    """Write what became of an attempt, and what that changes in the totals."""
    change = account_of(entry).minus(account_of(stored))
    if change != Account():
        await spent.add(connection, entry.key, day, change)
    changes = _values(entry)
    for name in _KEY:
        del changes[name]
    await connection.execute(_CONCLUDE, changes | _place(entry) | {"number": stored.attempt})


def _place(entry: LedgerEntry) -> dict[str, Any]:
    return {f"call_{name}": value for name, value in entry.key.model_dump().items()}


def _values(entry: LedgerEntry) -> dict[str, Any]:
    row = row_of(entry)
    del row["attempt"]
    return {**row.pop("key"), **row}


def _entry(row: Row[Any]) -> LedgerEntry:
    values = row._mapping
    fields = {name: values[name] for name in LedgerEntry.model_fields if name != "key"}
    return LedgerEntry(key=read(CallKey, row), **fields)
