"""Downloads models and starts the servers that serve them, each in the background with a log of its own.

A server that was started is left running: it belongs to whoever asked for it, and ends by ``kill``.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import httpx

from millwright.adapters.embedded.home import is_free
from millwright.errors import BadInput, ModelUnavailable

START_SECONDS = 1800.0
"""How long a server may take until it answers: it reads tens of GiB and compiles."""

_PAUSE_SECONDS = 1.0
_ANSWER_SECONDS = 5.0
_TAIL = 300


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
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: ASYNC220 - it outlives this process, and is only started here
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        await _healthy(process, port, log, patience, pause)
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        raise
    return process.pid


async def _healthy(process: "subprocess.Popen[bytes]", port: int, log: Path, patience: float, pause: float) -> None:
    async with httpx.AsyncClient(timeout=_ANSWER_SECONDS, trust_env=False) as client:
        try:
            async with asyncio.timeout(patience):
                while True:
                    with suppress(httpx.HTTPError):
                        if (await client.get(f"http://127.0.0.1:{port}/health")).is_success:
                            return
                    if process.poll() is not None:
                        break
                    await asyncio.sleep(pause)
        except TimeoutError:
            raise ModelUnavailable(f"the server on port {port} did not answer in {patience:.0f} s; see {log}") from None
    raise ModelUnavailable(f"the server on port {port} ended with status {process.returncode}; see {log}: {_end(log)}")


def _end(log: Path) -> str:
    return " ".join(log.read_bytes()[-_TAIL:].decode(errors="replace").split())
