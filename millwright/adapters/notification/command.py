"""Tells people by a program that is run: the JSON of a notice on its input, the most wanted fields in its environment.

No shell is involved, and the program gets none of our own settings. It is run once; a later attempt is its caller's.
"""

import asyncio
import contextlib
import errno
import os
import re
import signal
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence

from millwright.adapters.notification.message import message, notice_json
from millwright.errors import NotifierRefused, NotifierUnavailable
from schemas.people import Notice
from schemas.shortening import shortened

TIMEOUT_SECONDS = 30.0
"""How long the program may run; then it is killed, with all that it has started in its process group."""

TRY_LATER = 75
"""The exit code by which a program says that a later attempt may reach people (sysexits.h: EX_TEMPFAIL)."""

KEPT = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|DISPLAY|WAYLAND_DISPLAY|XDG_RUNTIME_DIR"
    r"|DBUS_SESSION_BUS_ADDRESS|https?_proxy|HTTPS?_PROXY|no_proxy|NO_PROXY|SSL_CERT_FILE|SSL_CERT_DIR"
)
"""The names of variables that the program has from the worker: what finds programs, people's screens and the network.

A list of what is kept, since nobody can list every name under which somebody's keys stand.
"""

_MOST_ERRORS = 8 * 1024
_LONGEST_REASON = 200
_DRAIN_SECONDS = 1.0
_SHORT_OF = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
_NO_VARIABLE = re.compile("[\x00\ud800-\udfff]")


class CommandNotifier:
    """Runs a program for each notice: exit code 0 told, ``TRY_LATER`` or no end in time to be tried again."""

    name = "command"

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        """Take a program with its arguments, at least the program; of ``environment`` it gets what ``KEPT`` names."""
        self._command = tuple(command)
        self._environment = {name: value for name, value in environment.items() if KEPT.fullmatch(name)}
        self._timeout_seconds = timeout_seconds

    def __repr__(self) -> str:
        return f"CommandNotifier({self._command[0]!r})"

    async def notify(self, notice: Notice) -> None:
        """Run the program, see ``millwright.ports.Notifier``; its group is gone when this ends, however it does."""
        program = self._command[0]
        async with _tail_of_errors() as (errors, tail):
            with tempfile.TemporaryFile() as given:
                given.write(notice_json(notice) + b"\n")
                given.seek(0)
                try:
                    process = await asyncio.create_subprocess_exec(
                        *self._command,
                        stdin=given,
                        stdout=asyncio.subprocess.DEVNULL,
                        stderr=errors,
                        env={**self._environment, **_variables(notice)},
                        start_new_session=True,
                    )
                except OSError as error:
                    problem = f"{program} cannot be run: {error.strerror}"
                    if error.errno in _SHORT_OF:
                        raise NotifierUnavailable(problem) from error
                    raise NotifierRefused(f"{problem}; check MILLWRIGHT_NOTIFY_COMMAND") from error
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    code = await process.wait()
            except TimeoutError as error:
                raise NotifierUnavailable(f"{program} did not end in {self._timeout_seconds:g} s") from error
            finally:
                await _end(process)
        if code == 0:
            return
        ended = f"{program} ended with {f'exit code {code}' if code > 0 else f'signal {-code}'}"
        reason = _last_line(bytes(tail))
        said = f"{ended}: {reason}" if reason else ended
        if code == TRY_LATER:
            raise NotifierUnavailable(said)
        raise NotifierRefused(said)


def _variables(notice: Notice) -> dict[str, str]:
    given = {
        "EVENT": notice.event.value,
        "PROJECT": notice.question.project,
        "QUESTION": notice.question.id,
        "COMMAND": notice.command,
        "ASSIGNEE": notice.question.assignee,
        "TEXT": message(notice),
    }
    return {f"MILLWRIGHT_NOTICE_{name}": _NO_VARIABLE.sub("\ufffd", value) for name, value in given.items()}


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the program's group, what it left running included; one that became another user's is left alone."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # nobody is left
    except PermissionError:
        return
    await process.wait()


@contextlib.asynccontextmanager
async def _tail_of_errors() -> AsyncIterator[tuple[int, bytearray]]:
    """Give an end of a pipe to write errors into, and the last of what came out of it, complete after the body.

    The pipe is not the subprocess's own: whoever left the program's group may hold its end for as long as they like,
    and nobody waits for them longer than ``_DRAIN_SECONDS``.
    """
    outlet, inlet = os.pipe()
    tail = bytearray()
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(outlet, "rb")
    )

    async def keep() -> None:
        while piece := await reader.read(_MOST_ERRORS):
            tail.extend(piece)
            del tail[:-_MOST_ERRORS]

    keeping = asyncio.create_task(keep())
    try:
        try:
            yield inlet, tail
        finally:
            os.close(inlet)
        await asyncio.wait([keeping], timeout=_DRAIN_SECONDS)
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        transport.close()


def _last_line(errors: bytes) -> str:
    lines = [line for line in errors.decode("utf-8", "replace").splitlines() if line.strip()]
    if not lines:
        return ""
    printable = "".join(character if character.isprintable() else " " for character in lines[-1])
    return shortened(" ".join(printable.split()), _LONGEST_REASON)
