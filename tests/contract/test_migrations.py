"""What the migrations promise: they make what the tables say, from nothing, twice, at once, and from anywhere."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from millwright.adapters.storage import migration
from millwright.adapters.storage.database import UPGRADE_COMMAND
from millwright.adapters.storage.postgres import open_store
from millwright.adapters.storage.tables import metadata
from millwright.errors import DatabaseUnavailable, SchemaOutdated

ROOT = Path(__file__).resolve().parents[2]
DESIGNED = (
    "projects nodes specifications completions candidates verdicts inputs artifacts manifests ledger breakers "
    "questions decisions forecasts further_inputs claims further_examples revisions accepted "
    "prompts spent"
)


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Connect in a transaction, and leave nothing open."""
    with create_engine(url, poolclass=NullPool).begin() as connection:
        yield connection


@pytest.mark.postgres
def test_an_empty_database_is_brought_to_the_newest_revision(empty_database: str) -> None:
    """Every designed table is there afterwards, and a second upgrade changes nothing."""
    assert migration.current_revision(empty_database) is None
    migration.upgrade(empty_database)
    migration.upgrade(empty_database)
    assert migration.current_revision(empty_database) == migration.newest_revision()
    migration.check_up_to_date(empty_database)
    with connected(empty_database) as connection:
        assert set(inspect(connection).get_table_names()) == {*DESIGNED.split(), "alembic_version"}


@pytest.mark.postgres
def test_the_migrations_make_what_the_tables_say(database_url: str) -> None:
    """Columns, types, defaults, keys, indices and collations of the migrated database are those of the metadata."""
    with connected(database_url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
        unordered = connection.scalars(
            text(
                "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public' "
                "AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'"
            )
        )
        assert unordered.all() == []
        for table in metadata.sorted_tables:
            made = inspect(connection).get_pk_constraint(table.name)["constrained_columns"]
            assert made == [column.name for column in table.primary_key.columns]


@pytest.mark.postgres
def test_upgrades_at_once_all_succeed(empty_database: str) -> None:
    """Workers that start together on an empty database do not trip over each other."""
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(migration.upgrade, empty_database) for _ in range(4)]:
            done.result(timeout=60)
    migration.check_up_to_date(empty_database)


@pytest.mark.postgres
async def test_an_outdated_database_is_refused_with_the_command(empty_database: str) -> None:
    """Neither the check nor the store goes on with a database that lacks the tables."""
    with pytest.raises(SchemaOutdated, match=r"has no tables .* run python -m millwright") as caught:
        migration.check_up_to_date(empty_database)
    assert UPGRADE_COMMAND in str(caught.value)
    with pytest.raises(SchemaOutdated, match="has no tables"):
        async with open_store(empty_database):
            pytest.fail("an empty database was opened")


@pytest.mark.postgres
def test_a_database_of_a_newer_version_is_left_alone(database_url: str) -> None:
    """A revision that this version does not know is neither used nor upgraded."""
    with connected(database_url) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for act in (migration.check_up_to_date, migration.upgrade):
        with pytest.raises(SchemaOutdated, match="9999, which this version does not know"):
            act(database_url)
    assert migration.current_revision(database_url) == "9999"


@pytest.mark.postgres
def test_a_developer_can_go_down_and_up_again(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alembic's own command, with the ini file at the root, empties the database and fills it again."""
    monkeypatch.setenv("MILLWRIGHT_DATABASE_URL", database_url)
    ini = Config(ROOT / "alembic.ini")
    command.downgrade(ini, "base")
    with connected(database_url) as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]
    command.upgrade(ini, "head")
    command.check(ini)
    migration.check_up_to_date(database_url)


def test_the_migrations_can_be_written_as_sql(capsys: pytest.CaptureFixture[str]) -> None:
    """Who may not run them can have them reviewed and run as a script."""
    command.upgrade(Config(ROOT / "alembic.ini", output_buffer=sys.stdout), "head", sql=True)
    script = capsys.readouterr().out
    assert all(f"CREATE TABLE {table}" in script for table in DESIGNED.split())


@pytest.mark.postgres
def test_the_command_works_from_any_folder(empty_database: str, tmp_path: Path) -> None:
    """A folder named migrations where it is called is not mistaken for ours."""
    (tmp_path / "migrations").mkdir()

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "millwright.adapters.storage.migration", *arguments],
            cwd=tmp_path,
            env={**os.environ, "MILLWRIGHT_DATABASE_URL": empty_database, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    before = run("check")
    assert (before.returncode, before.stdout) == (1, "")
    assert UPGRADE_COMMAND in before.stderr
    assert run("upgrade").returncode == 0
    assert migration.current_revision(empty_database) == migration.newest_revision()


@pytest.mark.postgres
def test_the_command_reports_the_revision(
    empty_database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each command does what it is called and ends with a command's exit code; any other word shows the usage."""
    monkeypatch.setenv("MILLWRIGHT_DATABASE_URL", empty_database)
    assert migration.main(["current"]) == 0
    assert migration.main(["check"]) == 1
    assert migration.main(["upgrade"]) == 0
    assert migration.main(["check"]) == 0
    assert migration.main(["current"]) == 0
    newest = migration.newest_revision()
    reached = f"the database is at migration {newest}"
    assert capsys.readouterr().out.splitlines() == ["none", reached, reached, newest]
    assert migration.main(["sideways"]) == 2
    assert "usage" in capsys.readouterr().err


def test_the_command_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a URL it is a usage error, with an unreadable one bad input, with a dead one an unreachable service."""
    monkeypatch.delenv("MILLWRIGHT_DATABASE_URL", raising=False)
    assert migration.main(["upgrade"]) == 2
    monkeypatch.setenv("MILLWRIGHT_DATABASE_URL", "mysql://db/mill")
    assert migration.main(["upgrade"]) == 2
    monkeypatch.setenv("MILLWRIGHT_DATABASE_URL", "postgresql://ada:secret@/mill?host=/nonexistent-folder")
    assert migration.main(["upgrade"]) == 5
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == 3
    assert "secret" not in told.err


def test_a_dead_database_is_unavailable() -> None:
    """Every call that needs the server says that it does not answer."""
    for act in (migration.upgrade, migration.current_revision, migration.check_up_to_date):
        with pytest.raises(DatabaseUnavailable):
            act("postgresql://ada@/mill?host=/nonexistent-folder")
