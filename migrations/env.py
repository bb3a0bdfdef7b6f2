"""Runs the migrations: on the connection that Millwright hands over, or for a developer's ``alembic`` command.

It holds no URL: the command reads ``MILLWRIGHT_DATABASE_URL``.
"""

import os
from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from millwright.adapters.storage.columns import AnyText, Moment
from millwright.adapters.storage.database import database_url
from millwright.adapters.storage.tables import metadata


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection, target_metadata=metadata, compare_server_default=True, render_item=_without_our_types
    )
    with context.begin_transaction():
        context.run_migrations()


def _without_our_types(kind: str, item: object, _: AutogenContext) -> str | Literal[False]:
    """Write our column types as what they are to the database: a migration must not change when they do."""
    if kind == "type" and isinstance(item, AnyText):
        return 'sa.Text(collation="C")'
    if kind == "type" and isinstance(item, Moment):
        return "sa.DateTime(timezone=True)"
    return False


def _write_sql() -> None:
    context.configure(dialect_name="postgresql", target_metadata=metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def _main() -> None:
    if context.is_offline_mode():
        _write_sql()
        return
    given: Connection | None = context.config.attributes.get("connection")
    if given is not None:
        _run(given)
        return
    engine = create_engine(database_url(os.environ["MILLWRIGHT_DATABASE_URL"]), poolclass=NullPool)
    with engine.connect() as connection:
        _run(connection)


_main()
