"""The home: where the embedded stack keeps its data, its ports, its state, and the lock that gives it one user.

It starts nothing. The layout::

    data/temporal.db     the Temporal development server's history
    data/postgres/       the Postgres cluster
    logs/                one file a process
    ports.json           the ports of the last run, taken again when free
    stack.json           the running stack; absent when none runs
    guests.lock          shared by commands that use a stack which another command started
    stack.lock           held, by flock, for as long as somebody uses the data; names the holder
"""

import asyncio
import fcntl
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import ValidationError

from millwright.adapters.embedded.processes import Identity, is_running, own_identity
from millwright.errors import BadInput, ServiceUnavailable
from schemas.base import Schema

LOOPBACK = "127.0.0.1"
_POLL_SECONDS = 0.1

_LOOKS, _LOOK_SECONDS = 120, 0.5


class Purpose(StrEnum):
    """What a home is held for: the whole stack, or its Postgres alone for a reading command."""

    STACK = "stack"
    POSTGRES = "postgres"


class ProcessMark(Schema):
    """An identity as it is written down."""

    pid: int
    started: int

    @classmethod
    def of(cls, identity: Identity) -> "ProcessMark":
        """Write an identity down."""
        return cls(pid=identity.pid, started=identity.started)

    def is_running(self) -> bool:
        """Say whether this very process still runs."""
        return is_running(Identity(self.pid, self.started))


class Holder(Schema):
    """Who holds a home, and what for."""

    process: ProcessMark
    purpose: Purpose


class Ports(Schema):
    """The loopback ports of a run; None for a part that was not started."""

    temporal: int | None = None
    ui: int | None = None
    model: int | None = None


class StackState(Schema):
    """A running stack, as other processes may use it.

    An address is None where the stack was told to use a service of the caller's; the settings hold that one.
    ``model_name`` and ``external_model_url`` (with no credentials in it) tell which model of the caller's its worker
    uses. ``pids`` names the processes, the supervisor as ``millwright``.
    """

    home: Path
    temporal_address: str | None = None
    ui_url: str | None = None
    database_url: str | None = None
    model_url: str | None = None
    model_name: str | None = None
    external_model_url: str | None = None
    pids: dict[str, int]

    def whereabouts(self) -> str:
        """Say in a phrase where the stack's services are."""
        named = {"Temporal": self.temporal_address, "Web UI": self.ui_url, "model": self.model_url}
        return ", ".join(f"{what} at {where}" for what, where in named.items() if where) or "services of yours only"

    def environment(self) -> dict[str, str]:
        """Name the variables that point a process at this stack; the model's name and key are not among them."""
        named = {
            "MILLWRIGHT_HOME": str(self.home),
            "TEMPORAL_ADDRESS": self.temporal_address,
            "MILLWRIGHT_DATABASE_URL": self.database_url,
            "MILLWRIGHT_MODEL_URL": self.model_url,
        }
        return {name: value for name, value in named.items() if value is not None}


class StateFile(Schema):
    """What ``stack.json`` holds: ``ready`` turns true when every part answers."""

    supervisor: ProcessMark
    ready: bool
    state: StackState


@dataclass(frozen=True)
class Home:
    """The paths of a home."""

    path: Path

    @property
    def data(self) -> Path:
        """The folder that outlives a run."""
        return self.path / "data"

    @property
    def temporal_database(self) -> Path:
        """The development server's file."""
        return self.data / "temporal.db"

    @property
    def postgres_data(self) -> Path:
        """The Postgres cluster."""
        return self.data / "postgres"

    @property
    def state_file(self) -> Path:
        """The description of the running stack."""
        return self.path / "stack.json"

    @property
    def ports_file(self) -> Path:
        """The ports of the last run."""
        return self.path / "ports.json"

    @property
    def lock_file(self) -> Path:
        """The lock."""
        return self.path / "stack.lock"

    @property
    def guests_file(self) -> Path:
        """The file on which guests of the running stack hold a shared lock."""
        return self.path / "guests.lock"

    def log(self, name: str) -> Path:
        """Return the log of a process."""
        return self.path / "logs" / f"{name}.log"

    def prepare(self) -> None:
        """Create the folders, open to their owner alone.

        Raises:
            BadInput: the home cannot be created or written.
        """
        try:
            for folder in (self.path, self.data, self.path / "logs"):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(
                f"cannot use {self.path} as home ({error.strerror}): set MILLWRIGHT_HOME elsewhere"
            ) from error

    def last_ports(self) -> Ports:
        """Read the ports of the last run; those of a damaged file are no loss."""
        with suppress(FileNotFoundError, ValidationError):
            return Ports.model_validate_json(self.ports_file.read_bytes())
        return Ports()

    def write(self, file: Path, content: Schema) -> None:
        """Write one of the home's files in one step, so that a reader never meets half of it."""
        fresh = file.with_name(file.name + ".new")
        fresh.touch(mode=0o600)
        fresh.write_text(content.model_dump_json(indent=2) + "\n", encoding="utf-8")
        fresh.replace(file)


def read_state(home: Path) -> StackState | None:
    """Read the state of the stack that runs on a home; None if none runs, or it is not ready yet.

    Raises:
        BadInput: the state file is not one of this version's.
    """
    found = _read_state_file(Home(home))
    return found.state if found and found.ready and found.supervisor.is_running() else None


def _read_state_file(home: Home) -> StateFile | None:
    try:
        return StateFile.model_validate_json(home.state_file.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise BadInput(
            f"{home.state_file} is not readable by this version: stop the stack there, remove the file"
        ) from error


@asynccontextmanager
async def held(home: Home, purpose: Purpose, *, patience: float = 60.0) -> AsyncIterator[None]:
    """Hold a home alone; a command that is only reading is waited for, at most ``patience`` seconds.

    Raises:
        BadInput: a stack runs on this home, or the home cannot be used.
        ServiceUnavailable: a reading command did not end in time.
    """
    deadline = asyncio.get_running_loop().time() + patience
    while (descriptor := try_hold(home, purpose)) is None:
        holder = read_holder(home)
        if holder is not None and holder.purpose is Purpose.STACK:
            raise BadInput(_in_use(home, holder))
        if asyncio.get_running_loop().time() > deadline:
            raise ServiceUnavailable(f"{home.path} is still being read{by_holder(home)}: try again when that has ended")
        await asyncio.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        release(descriptor)


def try_hold(home: Home, purpose: Purpose) -> int | None:
    """Take the lock if it is free, and sign it; return what ``release`` wants, or None if another holds it.

    Raises:
        BadInput: the home cannot be used.
    """
    home.prepare()
    descriptor = os.open(home.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if not _lock(descriptor):
        os.close(descriptor)
        return None
    _write_holder(descriptor, Holder(process=ProcessMark.of(own_identity()), purpose=purpose))
    return descriptor


def release(descriptor: int) -> None:
    """Release the lock."""
    os.ftruncate(descriptor, 0)
    os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_holder(descriptor: int, holder: Holder) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, holder.model_dump_json().encode(), 0)


def read_holder(home: Home) -> Holder | None:
    """Read who holds the lock; None in the instant before the holder has signed, or after it has died."""
    with suppress(FileNotFoundError, ValidationError):
        holder = Holder.model_validate_json(home.lock_file.read_bytes())
        return holder if holder.process.is_running() else None
    return None


def by_holder(home: Home) -> str:
    """Say by which process a home is held, as the end of a phrase; nothing if that is not known."""
    holder = read_holder(home)
    return f" by process {holder.process.pid}" if holder else ""


def _in_use(home: Home, holder: Holder) -> str:
    state = read_state(home.path)
    where = state.whereabouts() if state else "it is still starting"
    return (
        f"a stack already runs on {home.path}: process {holder.process.pid}, {where}; "
        "stop it with Ctrl-C where it runs, or set MILLWRIGHT_HOME to another folder"
    )


def free_port(preferred: Sequence[int | None]) -> int:
    """Pick a loopback TCP port that is free now: the first preferred one that is, else one of the system's choice."""
    for port in preferred:
        if port is not None and is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        number: int = probe.getsockname()[1]
        return number


def is_free(port: int) -> bool:
    """Say whether a loopback TCP port can be listened on now."""
    with socket.socket() as probe:
        # As servers do: a connection that lingers in TIME_WAIT does not make the port busy.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


async def running_on(home: Path) -> StackState | None:
    """Find the stack that runs on a home; one that is just starting or stopping is waited for, a minute at most."""
    for _ in range(_LOOKS):
        state, holder = read_state(home), read_holder(Home(home))
        if state is not None or holder is None or holder.purpose is not Purpose.STACK:
            return state
        await asyncio.sleep(_LOOK_SECONDS)
    return None
