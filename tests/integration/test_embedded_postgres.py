"""The embedded Postgres alone: its data, its crashes, its users."""

import asyncio
import os
import pwd
import shutil
import signal
import tempfile
from pathlib import Path

import psycopg
import pytest

from millwright.adapters.embedded.home import Home, Purpose, held
from millwright.adapters.embedded.postgres_private import choose_account
from millwright.adapters.embedded.postgres_server import EmbeddedPostgres, PostgresServer, binaries, reach_database
from millwright.adapters.embedded.processes import SAME, Account, belonging_to, spawn
from millwright.errors import BadInput, DatabaseUnavailable

pytestmark = pytest.mark.postgres


async def test_what_is_written_is_there_at_the_next_start(tmp_path: Path) -> None:
    """Two uses of one home see the same rows, and nothing runs between them."""
    async with EmbeddedPostgres(tmp_path) as url:
        await _execute(url, "create table kept (word text)")
        await _execute(url, "insert into kept values ('here')")
    assert belonging_to(tmp_path) == ()
    async with EmbeddedPostgres(tmp_path) as url:
        assert await _value(url, "select word from kept") == "here"


async def test_committed_rows_survive_a_killed_server(tmp_path: Path) -> None:
    """After SIGKILL of the postmaster the next start recovers by itself."""
    home = Home(tmp_path)
    async with held(home, Purpose.POSTGRES):
        server = PostgresServer(home)
        await server.start()
        await _execute(server.url, "create table kept (word text)")
        await _execute(server.url, "insert into kept values ('here')")
        os.kill(server.pid, signal.SIGKILL)
        await server.wait()
        url = server.url
        await server.stop()
        await server.start()
        assert server.url == url
        assert await _value(url, "select word from kept") == "here"
        await server.stop()
    assert belonging_to(tmp_path) == ()


async def test_a_home_with_a_path_too_long_for_a_socket_works(tmp_path: Path) -> None:
    """The socket moves to a short private folder, which goes when the server stops."""
    home = tmp_path / ("long," + "x" * 120)
    async with EmbeddedPostgres(home) as url:
        folder = Path(url.partition("host=")[2].partition("&")[0])
        assert not folder.is_relative_to(home)
        assert _mode(folder) == 0o700
        assert (await reach_database(url)).startswith("18.")
    assert _mode(folder) is None


async def test_two_homes_run_side_by_side(tmp_path: Path) -> None:
    """Each home has a database of its own."""
    async with EmbeddedPostgres(tmp_path / "one") as one, EmbeddedPostgres(tmp_path / "two") as two:
        await _execute(one, "create table only_here (x int)")
        assert await _value(one, "select to_regclass('only_here')::text") == "only_here"
        assert await _value(two, "select to_regclass('only_here')::text") is None


async def test_a_second_reader_waits_for_the_first(tmp_path: Path) -> None:
    """Two reading commands at once both get their answer."""

    async def read() -> object:
        async with EmbeddedPostgres(tmp_path) as url:
            return await _value(url, "select 1")

    assert tuple(await asyncio.gather(read(), read())) == (1, 1)


async def test_a_reader_does_not_wait_for_ever(tmp_path: Path) -> None:
    """The message names the process that keeps the home."""
    async with held(Home(tmp_path), Purpose.POSTGRES):
        with pytest.raises(DatabaseUnavailable, match=f"by process {os.getpid()}"):
            async with EmbeddedPostgres(tmp_path, patience=0.0):
                pass


async def test_a_stale_pid_file_with_a_living_pid_does_not_stop_the_start(tmp_path: Path) -> None:
    """After a crash of the machine the old pid may be anybody's."""
    async with EmbeddedPostgres(tmp_path):
        pass
    (Home(tmp_path).postgres_data / "postmaster.pid").write_text(f"{os.getppid()}\n", encoding="utf-8")
    async with EmbeddedPostgres(tmp_path) as url:
        assert await _value(url, "select 1") == 1


async def test_an_interrupted_first_start_leaves_nothing_half_made(tmp_path: Path) -> None:
    """A cluster gets its name only when it is whole."""
    starting = asyncio.create_task(EmbeddedPostgres(tmp_path).__aenter__())
    while _mode(tmp_path / "data" / "postgres.new" / "PG_VERSION") is None:  # noqa: ASYNC110 - initdb sets no event
        await asyncio.sleep(0.01)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not Home(tmp_path).postgres_data.exists()
    assert belonging_to(tmp_path) == ()
    async with EmbeddedPostgres(tmp_path) as url:
        assert await _value(url, "select 1") == 1


async def test_a_cluster_of_another_version_is_refused(tmp_path: Path) -> None:
    """The message says which version made it; nothing is touched."""
    data = Home(tmp_path).postgres_data
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("12\n", encoding="ascii")
    with pytest.raises(BadInput, match="PostgreSQL 12"):
        async with EmbeddedPostgres(tmp_path):
            pass


async def test_a_server_that_cannot_start_shows_its_log(tmp_path: Path) -> None:
    """The reason is in the message, not only in a file."""
    async with EmbeddedPostgres(tmp_path):
        pass
    (Home(tmp_path).postgres_data / "global" / "pg_control").unlink()
    with pytest.raises(DatabaseUnavailable, match="pg_control"):
        async with EmbeddedPostgres(tmp_path):
            pass
    assert belonging_to(tmp_path) == ()


async def test_the_message_about_a_bad_url_holds_no_password() -> None:
    """A URL of another driver is refused before a driver can repeat it."""
    with pytest.raises(BadInput) as refusal:
        await reach_database("postgresql+asyncpg://user:secret@localhost/db")
    assert "secret" not in str(refusal.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_root_without_user_namespaces_lends_the_data_to_another_user() -> None:
    """The same data serves first another user, then root in disguise."""
    # Not tmp_path: the folders above that one are closed to other users.
    path = Path(tempfile.mkdtemp(prefix="millwright-test-"))
    os.chmod(path, 0o711)
    nobody = pwd.getpwnam("nobody")
    home = Home(path / "home")
    try:
        home.prepare()
        accounts = [Account(f"{nobody.pw_uid}:{nobody.pw_gid}"), await choose_account(home.path, home.log("probe"))]
        for account in accounts:
            if await _can_run_postgres(home, account):
                server = PostgresServer(home, account=account)
                await server.start()
                await _execute(server.url, "create table if not exists kept (x int)")
                await server.stop()
    finally:
        shutil.rmtree(path)


async def test_an_ordinary_user_runs_it_as_itself(tmp_path: Path) -> None:
    """Nobody but root changes the account."""
    account = await choose_account(tmp_path, tmp_path / "log")
    assert (account == SAME) == (os.geteuid() != 0)


def _mode(path: Path) -> int | None:
    return path.stat().st_mode & 0o777 if path.exists() else None


async def _can_run_postgres(home: Home, account: Account) -> bool:
    """Say whether the account can reach the programs: an environment under /root is closed to others."""
    process = await spawn(
        [str(binaries() / "postgres"), "--version"],
        home=home.path,
        log=home.log("probe"),
        environment={},
        death_signal=signal.SIGKILL,
        account=account,
    )
    return await process.wait() == 0


async def _execute(url: str, statement: str) -> None:
    async with await psycopg.AsyncConnection.connect(_plain(url)) as connection:
        await connection.execute(statement.encode())


async def _value(url: str, query: str) -> object:
    async with await psycopg.AsyncConnection.connect(_plain(url)) as connection:
        row = await (await connection.execute(query.encode())).fetchone()
        return row[0] if row else None


def _plain(url: str) -> str:
    return url.replace("+psycopg", "", 1)
