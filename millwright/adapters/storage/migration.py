"""Brings a database to the migration that this version needs, and checks that it is there.

It never goes back: downgrading is left to a developer with Alembic's own command. All of it blocks; call it from a
thread where an event loop runs. It finds the migrations beside the installed package, wherever it is called from.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, func, select
from sqlalchemy.pool import NullPool

from millwright.adapters.storage.database import (
    CONNECTION_ARGUMENTS,
    UPGRADE_COMMAND,
    database_url,
    own_errors,
    shown_url,
)
from millwright.errors import MillwrightError, SchemaOutdated
from millwright.settings import Settings

_DIRECTORY = Path(__file__).resolve().parents[3] / "migrations"
_LOCK = 0x6D696C6C  # "mill": one upgrade at a time, whoever starts it
_USAGE = "usage: python -m millwright.adapters.storage.migration {upgrade | check | current}\n"


def newest_revision() -> str:
    """Name the revision that this version needs."""
    head = ScriptDirectory.from_config(_configuration()).get_current_head()
    if head is None:
        raise SchemaOutdated(f"no migrations lie in {_DIRECTORY}: install Millwright again")
    return head


def upgrade(url: str) -> None:
    """Bring a database to the newest revision, all or nothing; one that is there already is left alone.

    Raises:
        BadInput: the URL cannot be read or names another kind of database.
        DatabaseUnavailable: Postgres does not answer.
        SchemaOutdated: the database is at a revision that this version does not know.
    """
    with _connected(url) as connection:
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        if _revision(connection) is not None:
            _demand_known(connection)
        configuration = _configuration()
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "head")


def current_revision(url: str) -> str | None:
    """Read the revision of a database; None when it holds no tables of ours. Raises as ``upgrade``."""
    with _connected(url) as connection:
        return _revision(connection)


def check_up_to_date(url: str) -> None:
    """Check that a database is at the newest revision.

    Raises:
        BadInput: the URL cannot be read or names another kind of database.
        DatabaseUnavailable: Postgres does not answer.
        SchemaOutdated: it is not; the message has the command.
    """
    with _connected(url) as connection:
        demand_newest(connection)


def demand_newest(connection: Connection) -> None:
    """Check that a connection's database is at the newest revision.

    Raises:
        SchemaOutdated: it is not; the message has the command.
    """
    found, needed = _revision(connection), newest_revision()
    if found == needed:
        return
    if found is not None:
        _demand_known(connection)
    state = "has no tables of Millwright's" if found is None else f"is at migration {found}"
    place = shown_url(connection.engine.url)
    raise SchemaOutdated(f"the database {place} {state}, and this version needs {needed}: run {UPGRADE_COMMAND}")


def _demand_known(connection: Connection) -> None:
    found = _revision(connection)
    known = {script.revision for script in ScriptDirectory.from_config(_configuration()).walk_revisions()}
    if found not in known:
        place = shown_url(connection.engine.url)
        raise SchemaOutdated(
            f"the database {place} is at migration {found}, which this version does not know: install the version of "
            f"Millwright that wrote it, or a newer one"
        )


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _configuration() -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(_DIRECTORY).replace("%", "%%"))
    return configuration


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    parsed = database_url(url)
    engine = create_engine(parsed, connect_args=CONNECTION_ARGUMENTS, hide_parameters=True, poolclass=NullPool)
    with own_errors(parsed), engine.begin() as connection:
        yield connection


def main(arguments: list[str]) -> int:
    """Run one command on the database that ``MILLWRIGHT_DATABASE_URL`` names; return the exit code (0, 1, 2 or 5)."""
    url = Settings.read(os.environ).database_url
    if url is None:
        sys.stderr.write("MILLWRIGHT_DATABASE_URL is not set: the embedded database is upgraded when it starts\n")
        return 2
    try:
        match arguments:
            case ["upgrade"]:
                upgrade(url)
                sys.stdout.write(f"the database is at migration {newest_revision()}\n")
            case ["check"]:
                check_up_to_date(url)
                sys.stdout.write(f"the database is at migration {newest_revision()}\n")
            case ["current"]:
                sys.stdout.write(f"{current_revision(url) or 'none'}\n")
            case _:
                sys.stderr.write(_USAGE)
                return 2
    except MillwrightError as error:
        sys.stderr.write(f"{error}\n")
        return _exit_code(error)
    return 0


def _exit_code(error: MillwrightError) -> int:
    if isinstance(error, SchemaOutdated):
        return 1
    return 5 if error.retryable else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
