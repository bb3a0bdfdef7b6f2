"""The ledger in Postgres: every model call, reserved before it is made and settled together with its completion.

It counts calls, tokens and cost; a cap on time is watched by whoever holds the project's clock.
"""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Row, and_, cast, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from millwright.adapters.storage.database import Rows
from millwright.adapters.storage.rules import completion_key, demand_same_call, is_capped, refusal
from millwright.adapters.storage.statements import inserted_once, read, replaced, row_of
from millwright.adapters.storage.tables import completions, ledger
from millwright.errors import BudgetReached, NotFound
from schemas.evidence import CompletionRecord, ProjectSpend
from schemas.identity import NodePath, ProjectId
from schemas.models import Budget, CallKey, LedgerEntry, LedgerStatus, Spend

_KEY = ("path", "purpose", "round", "index", "revision")
_LEDGER_ORDER = [ledger.c[name] for name in _KEY]
_COMPLETION_ORDER = [completions.c[name] for name in _KEY]

_RESERVE = replaced(ledger, where=ledger.c.status == LedgerStatus.RELEASED)
_SETTLE = replaced(ledger, where=ledger.c.status != LedgerStatus.SETTLED).returning(ledger.c.status)
_STORE = inserted_once(completions)

_SPENT = (
    func.count(),
    cast(func.coalesce(func.sum(ledger.c.prompt_tokens), 0), BigInteger),
    cast(func.coalesce(func.sum(ledger.c.completion_tokens), 0), BigInteger),
    func.coalesce(func.sum(ledger.c.cost), 0.0),
)


class LedgerRows(Rows):
    """The part of the project store that deals in model calls."""

    async def reserve(self, entry: LedgerEntry, budget: Budget) -> None:
        """Reserve a call at its upper bound; a key that is reserved or settled stays as it is.

        Raises:
            BudgetReached: the reservation would pass a cap, all settled and reserved calls of its revision counted.
        """
        row = _ledger_row(entry, LedgerStatus.RESERVED)
        async with self._transaction() as connection:
            if is_capped(budget) and not await _room(connection, entry, budget):
                return
            await connection.execute(_RESERVE, row)

    async def settle(self, entry: LedgerEntry, completion: CompletionRecord) -> None:
        """Store a completion and settle its call in one transaction; the first to settle a key wins.

        Raises:
            ValueError: the completion answers another call.
        """
        demand_same_call(entry, completion)
        row = _ledger_row(entry, LedgerStatus.SETTLED)
        async with self._transaction() as connection:
            first = (await connection.execute(_SETTLE, row)).first() is not None
            if first:
                await connection.execute(_STORE, {"project": entry.key.project, **row_of(completion)})

    async def release(self, key: CallKey) -> None:
        """Give a reservation back; a settled call stays settled."""
        statement = (
            update(ledger)
            .where(_is(ledger.c, key), ledger.c.status == LedgerStatus.RESERVED)
            .values(status=LedgerStatus.RELEASED, updated_at=func.now())
        )
        async with self._transaction() as connection:
            await connection.execute(statement)

    async def completions(
        self, project: ProjectId, path: NodePath, purpose: str, round_: int, revision: int = 1
    ) -> tuple[CompletionRecord, ...]:
        """Read the completions of one round of a revision in order of index."""
        columns = completions.c
        return await self._completions(
            columns.project == project,
            columns.path == path,
            columns.purpose == purpose,
            columns.round == round_,
            columns.revision == revision,
        )

    async def all_completions(self, project: ProjectId) -> tuple[CompletionRecord, ...]:
        """Read every completion of a project in order of (path, purpose, round, index, revision)."""
        return await self._completions(completions.c.project == project)

    async def label_completion(self, project: ProjectId, completion: CompletionRecord) -> None:
        """Record what was extracted from a completion; its text stays as it was settled.

        Raises:
            NotFound: the call has no completion.
        """
        key = completion_key(project, completion)
        statement = (
            update(completions)
            .where(_is(completions.c, key))
            .values(
                candidate=completion.candidate,
                flag=completion.flag,
                detail=completion.detail,
                updated_at=func.now(),
            )
            .returning(completions.c.index)
        )
        async with self._transaction() as connection:
            if (await connection.execute(statement)).first() is None:
                raise NotFound(f"the call {key} has no completion: settle it before it is labelled")

    async def ledger(self, project: ProjectId) -> tuple[LedgerEntry, ...]:
        """Read a project's ledger in order of key."""
        statement = select(ledger).where(ledger.c.project == project).order_by(*_LEDGER_ORDER)
        async with self._transaction() as connection:
            found = (await connection.execute(statement)).all()
        return tuple(map(_ledger_entry, found))

    async def spend(self, project: ProjectId, revision: int | None = None) -> ProjectSpend:
        """Sum a project's ledger, or one revision's part of it."""
        counted = ledger.c.project == project
        if revision is not None:
            counted = and_(counted, ledger.c.revision == revision)
        statement = select(ledger.c.status, *_SPENT).where(counted).group_by(ledger.c.status)
        async with self._transaction() as connection:
            found = (await connection.execute(statement)).all()
        sums = {status: _spend(figures) for status, *figures in found}
        return ProjectSpend(
            settled=sums.get(LedgerStatus.SETTLED, Spend()), reserved=sums.get(LedgerStatus.RESERVED, Spend())
        )

    async def _completions(self, *conditions: ColumnElement[bool]) -> tuple[CompletionRecord, ...]:
        statement = select(completions).where(*conditions).order_by(*_COMPLETION_ORDER)
        async with self._transaction() as connection:
            found = (await connection.execute(statement)).all()
        return tuple(read(CompletionRecord, row) for row in found)


async def _room(connection: AsyncConnection, entry: LedgerEntry, budget: Budget) -> bool:
    """Tell whether the key is still free, with the project locked until the transaction ends.

    Raises:
        BudgetReached: the key is free and the budget is not.
    """
    await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(entry.key.project, 0))))
    counted = ledger.c.status.in_([LedgerStatus.RESERVED, LedgerStatus.SETTLED])
    if await connection.scalar(select(ledger.c.status).where(_is(ledger.c, entry.key), counted)) is not None:
        return False
    mine = and_(ledger.c.project == entry.key.project, ledger.c.revision == entry.key.revision)
    figures = (await connection.execute(select(*_SPENT).where(mine, counted))).one()
    reason = refusal(_spend(list(figures)), entry, budget)
    if reason is not None:
        raise BudgetReached(reason)
    return True


def _is(columns: Any, key: CallKey) -> ColumnElement[bool]:
    return and_(*(columns[name] == value for name, value in key.model_dump().items()))


def _spend(figures: list[Any]) -> Spend:
    calls, prompt_tokens, completion_tokens, cost = figures
    return Spend(calls=calls, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens, cost=cost)


def _ledger_row(entry: LedgerEntry, status: LedgerStatus) -> dict[str, Any]:
    row = row_of(entry)
    return {**row.pop("key"), **row, "status": status}


def _ledger_entry(row: Row[Any]) -> LedgerEntry:
    values = row._mapping
    fields = {name: values[name] for name in LedgerEntry.model_fields if name != "key"}
    return LedgerEntry(key=read(CallKey, row), **fields)
