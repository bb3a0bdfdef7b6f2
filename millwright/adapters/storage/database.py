"""The way to Postgres: the URL, the engine, transactions, and the driver's failures as errors of ours.

It knows no table. Passwords never reach a message.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import psycopg
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from millwright.errors import BadInput, DatabaseUnavailable, MillwrightError, SchemaOutdated

UPGRADE_COMMAND = "python -m millwright.adapters.storage.migration upgrade"
"""Brings the database that ``MILLWRIGHT_DATABASE_URL`` names to this version's migration."""

CONNECTION_ARGUMENTS = {"connect_timeout": 10, "application_name": "millwright"}
"""What every connection is opened with; the timeout is in seconds."""

_DRIVER = "postgresql+psycopg"
_SPELLINGS = frozenset({"postgresql", "postgres", _DRIVER})
_SECRETS = ("password", "sslpassword")


def database_url(url: str) -> URL:
    """Read a database URL, in any of the spellings that Postgres tools use.

    Raises:
        BadInput: it is no URL, or names another database.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise BadInput(f"the database URL cannot be read: write {_DRIVER}://user@host:5432/database") from None
    if parsed.drivername not in _SPELLINGS:
        raise BadInput(f"the database URL begins with {parsed.drivername!r}: Millwright needs {_DRIVER}://…")
    return parsed.set(drivername=_DRIVER)


def shown_url(url: URL) -> str:
    """Write a URL for a person, its secrets masked."""
    masked = {name: "***" for name in _SECRETS if name in url.query}
    return url.update_query_dict(masked).render_as_string(hide_password=True)


def new_engine(url: str) -> AsyncEngine:
    """Make an engine; nothing is connected yet, and the caller disposes of it.

    Raises:
        BadInput: as ``database_url``.
    """
    return create_async_engine(
        database_url(url),
        connect_args=CONNECTION_ARGUMENTS,
        hide_parameters=True,  # parameters are prompts and source: they belong in no log
        isolation_level="READ COMMITTED",  # reserving relies on it: the sum after the lock must see what was committed
        pool_pre_ping=True,
        pool_size=10,
        max_overflow=10,
    )


@contextmanager
def own_errors(url: URL) -> Iterator[None]:
    """Turn failures of the database into errors of ours; errors in what was asked pass through.

    Raises:
        DatabaseUnavailable: no connection could be had, or it broke, or the server gave the transaction up.
        SchemaOutdated: a table or column is missing.
    """
    try:
        yield
    except DBAPIError as error:
        own = _own(error, url)
        if own is None:
            raise
        raise own from error
    except PoolTimeout as error:
        raise DatabaseUnavailable(f"Postgres at {shown_url(url)} has no free connection: {error}") from error


def _own(error: DBAPIError, url: URL) -> MillwrightError | None:
    reason = " ".join(str(error.orig).split())
    if isinstance(error.orig, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
        return SchemaOutdated(f"Postgres at {shown_url(url)} lacks a table or column ({reason}): run {UPGRADE_COMMAND}")
    if isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated:
        hint = "check that it runs and that MILLWRIGHT_DATABASE_URL is right"
        return DatabaseUnavailable(f"Postgres at {shown_url(url)} does not answer: {reason}; {hint}")
    return None


class Rows:
    """A part of a store over one engine."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        with own_errors(self._engine.url):
            async with self._engine.begin() as connection:
                yield connection
