"""Starts, recognises and ends the processes of one home, so that none outlives its use.

It does not know what they are for, and it does not watch them. Linux only: it reads ``/proc``.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NewType

Account = NewType("Account", str)
"""Who a process runs as, in the launcher's words."""

SAME = Account("same")
HOME_MARK = "MILLWRIGHT_EMBEDDED"
"""The variable, set to the home, by which a process that has lost its parent is still recognised."""

POSTGRES = "postgres"
"""The name under which every process of a Postgres server runs."""

_LAUNCHER = Path(__file__).with_name("launcher.py")
_LOG_LIMIT = 8 * 1024 * 1024
_POLL_SECONDS = 0.05
_KILLED_SECONDS = 5.0


@dataclass(frozen=True)
class Identity:
    """A process that cannot be mistaken for a later one of the same pid; ``started`` is in ticks since boot."""

    pid: int
    started: int


def identify(pid: int) -> Identity | None:
    """Identify a running process; None if there is none, or only a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # proc_pid_stat(5): the name is in parentheses and may hold anything; the state is field 3, the start field 22.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else Identity(pid, int(fields[19]))


def is_running(process: Identity) -> bool:
    """Say whether this very process still runs."""
    return identify(process.pid) == process


def own_identity() -> Identity:
    """Identify the calling process."""
    identity = identify(os.getpid())
    assert identity is not None, "a process that asks is running"
    return identity


def belonging_to(home: Path, command: str | None = None) -> tuple[Identity, ...]:
    """Find every process that was started for a home, or those of one command; the caller and its ancestors apart."""
    family = _ancestry(os.getpid())
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) in family:
            continue
        # Processes end while we look, and those of other users are not ours to read.
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            name = (entry / "comm").read_text(encoding="utf-8", errors="replace").strip()
            wanted = command in (None, name) and _belongs(entry, name, home)
            if wanted and (known := identify(int(entry.name))):
                found.append(known)
    return tuple(found)


def _belongs(entry: Path, name: str, home: Path) -> bool:
    if f"{HOME_MARK}={home}".encode() in (entry / "environ").read_bytes().split(b"\0"):
        return True
    # Postgres' backends write their titles over the environment; they all work in the folder of their cluster.
    return name == POSTGRES and Path(os.readlink(entry / "cwd")).is_relative_to(home)


def _ancestry(pid: int) -> frozenset[int]:
    family: set[int] = set()
    while pid > 0 and pid not in family:
        family.add(pid)
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            break
        pid = int(stat.rpartition(")")[2].split()[1])
    return frozenset(family)


async def spawn(
    argv: Sequence[str],
    *,
    home: Path,
    log: Path,
    environment: Mapping[str, str],
    death_signal: signal.Signals,
    account: Account = SAME,
    stdin: int = asyncio.subprocess.DEVNULL,
) -> asyncio.subprocess.Process:
    """Start a program in a session of its own, its output appended to a log, that gets a signal when we die.

    "We" is the calling thread: the kernel watches the thread, not the process.
    """
    launch = [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), str(int(death_signal)), account]
    descriptor = _open_log(log)
    try:
        return await asyncio.create_subprocess_exec(
            *launch,
            *argv,
            stdin=stdin,
            stdout=descriptor,
            stderr=descriptor,
            env={**environment, HOME_MARK: str(home)},
            start_new_session=True,
        )
    finally:
        os.close(descriptor)


async def stop(process: asyncio.subprocess.Process, steps: Iterable[tuple[signal.Signals, float]]) -> None:
    """End a process we started: each signal in turn with its seconds of patience, then SIGKILL, for its session too."""
    for number, seconds in steps:
        if process.returncode is not None:
            break
        with suppress(ProcessLookupError):
            process.send_signal(number)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), seconds)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    await _group_gone_within(process.pid, _KILLED_SECONDS)


async def end_leftovers(home: Path, command: str | None = None, *, grace: float = 2.0, patience: float = 10.0) -> int:
    """End every process left from an earlier run of a home, or those of one command; return how many there were.

    The caller holds the home's lock. They get ``grace`` seconds to follow a parent that has just died, then a polite
    signal and ``patience`` seconds, then SIGKILL.
    """
    leftovers = belonging_to(home, command)
    remaining = await _gone_within(leftovers, grace)
    for process in remaining:
        _signal(process, signal.SIGINT if _command(process) == POSTGRES else signal.SIGTERM)
    remaining = await _gone_within(remaining, patience)
    for process in remaining:
        _signal(process, signal.SIGKILL)
    await _gone_within(remaining, patience)
    return len(leftovers)


async def uninterrupted(work: Coroutine[object, object, None]) -> None:
    """Run work to its end even when cancelled meanwhile, and pass the cancellation on afterwards."""
    task = asyncio.ensure_future(work)
    interruption: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            interruption = error
    task.result()
    if interruption is not None:
        raise interruption


def _signal(process: Identity, number: signal.Signals) -> None:
    if is_running(process):
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)


def _command(process: Identity) -> str:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{process.pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    return ""


async def _group_gone_within(group: int, seconds: float) -> None:
    """Wait until nothing of a killed group is left: on a busy machine its last members end a moment after the first."""
    deadline = asyncio.get_running_loop().time() + seconds
    with suppress(ProcessLookupError, PermissionError):
        while asyncio.get_running_loop().time() < deadline:
            os.killpg(group, 0)
            await asyncio.sleep(_POLL_SECONDS)


async def _gone_within(processes: Sequence[Identity], seconds: float) -> tuple[Identity, ...]:
    deadline = asyncio.get_running_loop().time() + seconds
    remaining = tuple(filter(is_running, processes))
    while remaining and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(_POLL_SECONDS)
        remaining = tuple(filter(is_running, remaining))
    return remaining


def listens(pid: int, port: int) -> bool:
    """Say whether this process, not another one, listens on a loopback TCP port."""
    # proc_net(5): column 1 is the local address (hexadecimal), column 3 the state (0A is LISTEN), column 9 the inode.
    wanted = f"0100007F:{port:04X}"
    try:
        rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
        sockets = {f"socket:[{row[9]}]" for row in rows if row[1] == wanted and row[3] == "0A"}
        descriptors = list(Path(f"/proc/{pid}/fd").iterdir()) if sockets else []
    except (FileNotFoundError, ProcessLookupError):
        return False
    return any(_target(descriptor) in sockets for descriptor in descriptors)


def _target(link: Path) -> str:
    with suppress(FileNotFoundError, ProcessLookupError):
        return os.readlink(link)
    return ""


def tail(log: Path, lines: int = 12) -> str:
    """Read the last lines of a log, indented under a heading that names the file."""
    if not log.exists():
        return f"{log} was not written"
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16_384))
        text = file.read().decode(errors="replace")
    last = [line for line in text.splitlines() if line.strip()][-lines:]
    return "\n".join([f"the end of {log}:", *(f"  {line}" for line in last)])


def _open_log(log: Path) -> int:
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _LOG_LIMIT:
        log.replace(log.with_name(log.name + ".1"))
    return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
