"""Runs commands over files in a scratch directory that lives in the sandbox's memory.

Nothing is written on the host, so that no link or name that a command leaves behind can point out of the sandbox.
"""

import base64
import time
from pathlib import PurePosixPath
from typing import Any, Final

from millwright.errors import BadInput, SandboxUnavailable
from schemas.execution import CommandReport, CommandRequest, Ending

from .cell import Cancellation, Cell, Stopped
from .engine import Engine
from .layout import Purpose
from .protocol import Malformed, frame, read_line, read_loaded

_GRACE_SECONDS: Final = 10.0
_KILLED: Final = -9
_OVER_CPU: Final = -24  # SIGXCPU


def run(engine: Engine, request: CommandRequest, cancellation: Cancellation) -> CommandReport:
    """Run a command to its end or its limit.

    A path among the outputs that is a folder brings back every file in it. A command that is killed at its limit
    has the exit status -9.

    Raises:
        BadInput: a path is absolute or leads out of the scratch directory, or there is no command.
        SandboxUnavailable: the sandbox is at fault.
        Cancelled: the work was cancelled.
    """
    _check(request)
    started = time.monotonic()
    with engine.command(cancellation, request.limits, request.with_packages) as cell:
        cell.send(frame(_header(engine, request)))
        status, ending, files = _follow(cell, request)
        spent = time.monotonic() - started
    return CommandReport(
        exit_status=status,
        ending=ending,
        stdout=_text(cell.stdout.tail),
        stderr=_text(cell.stderr.tail),
        files=files,
        wall_seconds=spent,
    )


def _check(request: CommandRequest) -> None:
    if not request.argv:
        raise BadInput("the command is empty: give a program to run")
    for path in (*request.files, *request.outputs):
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts or "\0" in path or not pure.parts:
            raise BadInput(f"the path {path!r} leads out of the scratch directory: give a relative path without '..'")


def _header(engine: Engine, request: CommandRequest) -> dict[str, Any]:
    layout = engine.layout
    first = layout.interpreter.inside if request.argv[0] == "python" else request.argv[0]
    return {
        "mode": "command",
        "limits": engine.limits(request.limits, Purpose.COMMAND),
        "files": request.files,
        "argv": [first, *request.argv[1:]],
        "environment": layout.environment(Purpose.COMMAND, request.with_packages),
        "outputs": list(request.outputs),
        "output_bytes": request.limits.output_bytes,
    }


def _follow(cell: Cell, request: CommandRequest) -> tuple[int, Ending, dict[str, bytes]]:
    files: dict[str, bytes] = {}
    try:
        cell.greet()
        if (error := read_loaded(cell.receive(time.monotonic() + _GRACE_SECONDS))) is not None:
            raise SandboxUnavailable(f"the files could not be laid out: {error}")
        deadline = time.monotonic() + request.limits.wall_seconds
        while True:
            match read_line(cell.receive(deadline)):
                case ["file", str(path), str(content)]:
                    files[path] = base64.b64decode(content)
                case ["bye", int(status)]:
                    return status, _ending(status), files
                case _:
                    raise Malformed("neither a file nor the end")
    except Stopped as stopped:
        return _KILLED, stopped.ending, files
    except (Malformed, ValueError):
        return _KILLED, Ending.MALFORMED, files


def _ending(status: int) -> Ending:
    if status in (_KILLED, _OVER_CPU):  # from inside, only the limit on CPU time kills so
        return Ending.TIMED_OUT
    return Ending.COMPLETED if status >= 0 else Ending.CRASHED


def _text(tail: bytearray) -> str:
    return tail.decode("utf-8", "replace")
