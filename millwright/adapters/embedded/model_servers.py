"""Downloads models and starts the servers that serve them, each in the background with a log of its own.

A server that was started is left running: it belongs to whoever asked for it, and ends by ``kill``.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import httpx

from millwright.adapters.embedded.home import is_free
from millwright.adapters.embedded.processes import tail
from millwright.errors import BadInput, ModelUnavailable

START_SECONDS = 1800.0
"""How long a server may take until it answers: it reads tens of GiB and compiles."""

_PAUSE_SECONDS = 1.0
_ANSWER_SECONDS = 5.0


def run_program(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a program to its end, with its output on stderr; return its status."""
    return subprocess.run(command, env=dict(environment), stdout=sys.stderr, check=False).returncode


async def start_server(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    port: int,
    log: Path,
    patience: float = START_SECONDS,
    pause: float = _PAUSE_SECONDS,
) -> int:
    """Start a server in a session of its own and wait until ``/health`` answers; return its process id.

    ``patience`` and ``pause``, between two questions, are in seconds. A server that is not waited for to the end is
    ended.

    Raises:
        BadInput: something else listens on the port.
        ModelUnavailable: the server ended, or did not answer in time; the message has the end of its log.
    """
    if not is_free(port):
        raise BadInput(f"port {port} is in use: is the server running already? `millwright models check` asks it")
    pid = _spawned(command, environment, log)
    try:
        await _healthy(pid, port, log, patience, pause)
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGTERM)
        raise
    return pid


def _spawned(command: Sequence[str], environment: Mapping[str, str], log: Path) -> int:
    """Start a program in a session of its own, its output at the end of the log. Raises ModelUnavailable."""
    log.parent.mkdir(parents=True, exist_ok=True)
    program = shutil.which(command[0], path=environment.get("PATH"))
    if program is None:
        raise ModelUnavailable(f"{command[0]} not found: install it and try again")
    output = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    files = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
    files += [(os.POSIX_SPAWN_OPEN, number, str(log), output, 0o600) for number in (1, 2)]
    return os.posix_spawn(program, list(command), environment, file_actions=files, setsid=True)


async def _healthy(pid: int, port: int, log: Path, patience: float, pause: float) -> None:
    async with httpx.AsyncClient(timeout=_ANSWER_SECONDS, trust_env=False) as client:
        try:
            async with asyncio.timeout(patience):
                while True:
                    with suppress(httpx.HTTPError):
                        if (await client.get(f"http://127.0.0.1:{port}/health")).is_success:
                            return
                    if (code := _status(pid)) is not None:
                        break
                    await asyncio.sleep(pause)
        except TimeoutError:
            raise ModelUnavailable(f"the server on port {port} did not answer in {patience:.0f} s; see {log}") from None
    raise ModelUnavailable(f"the server on port {port} ended with status {code}; {tail(log)}")


def _status(pid: int) -> int | None:
    """Return the exit status of a child; None while it runs."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None
