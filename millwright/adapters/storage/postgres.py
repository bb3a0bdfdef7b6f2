"""The store in Postgres: projects, their record and their artifacts over one engine.

It creates no table: a database that lacks the newest migration is refused.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from millwright.adapters.storage.artifacts import ArtifactRows
from millwright.adapters.storage.breakers import BreakerRows
from millwright.adapters.storage.completions import CompletionRows
from millwright.adapters.storage.database import new_engine, own_errors
from millwright.adapters.storage.ledger import LedgerRows
from millwright.adapters.storage.migration import demand_newest
from millwright.adapters.storage.proposals import ProposalRows
from millwright.adapters.storage.records import RecordRows
from millwright.adapters.storage.revisions import RevisionRows


class PostgresStore(RecordRows, LedgerRows, CompletionRows, ProposalRows, RevisionRows, ArtifactRows, BreakerRows):
    """``ProjectStore``, ``ArtifactStore`` and ``BreakerStore``; safe for concurrent use by any number of processes."""


@asynccontextmanager
async def open_store(url: str) -> AsyncIterator[PostgresStore]:
    """Open the store of a database, and close its connections at the end.

    Raises:
        BadInput: the URL cannot be read or names another kind of database.
        DatabaseUnavailable: Postgres does not answer.
        SchemaOutdated: the database is not at this version's migration; the message has the command.
    """
    engine = new_engine(url)
    try:
        with own_errors(engine.url):
            async with engine.connect() as connection:
                await connection.run_sync(demand_newest)
        yield PostgresStore(engine)
    finally:
        await engine.dispose()
