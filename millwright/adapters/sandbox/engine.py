"""Starts sandboxed processes for the rest of the adapter: in a bubblewrap each, or cloned from a warm interpreter.

It runs nothing by itself, and decides nothing about what a process that is lost means.
"""

import itertools
import os
import re
import socket
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Protocol

from millwright.errors import SandboxUnavailable
from schemas.execution import Limits

from . import seccomp
from .cell import Cancellation, Cell
from .layout import SCRATCH_BYTES, Layout, Privilege, Purpose, spaces
from .process import BubblewrapProcess
from .protocol import frame, kernel_limits
from .zygote import Zygote

_BASE = ("", "wire", "confine", "entry")
_MODES = {  # only what a mode needs is sent, for what the others import is slow to import
    "calls": (*_BASE, "kinds", "calls"),
    "serving": (*_BASE, "kinds", "serving", "calls"),
    "properties": (*_BASE, "kinds", "calls", "judging", "properties"),
    "evaluator": (*_BASE, "judging", "conditions", "evaluator"),
    "command": (*_BASE, "command"),
    "zygote": (*_BASE, "kinds", "calls", "judging", "properties", "conditions", "evaluator", "zygote"),
}
_PRELOADED = (
    *("math", "cmath", "re", "collections", "collections.abc", "itertools", "functools", "string", "datetime"),
    *("decimal", "fractions", "heapq", "bisect", "statistics", "typing", "dataclasses", "enum", "json", "copy"),
    *("operator", "random", "hashlib", "array", "abc", "numbers", "contextlib", "types", "textwrap", "time"),
    *("struct", "unicodedata", "calendar", "secrets", "traceback", "warnings", "weakref", "reprlib", "graphlib"),
)
_SERIALS = itertools.count()
_PROCESSES = 64  # threads, that is: functions cannot start processes
_COMMAND_PROCESSES = 512
_FILE_BYTES = 16 * 1024 * 1024


class Starter(Protocol):
    """What starts the processes of functions, and names their limits."""

    def functions(
        self, mode: str, cancellation: Cancellation, most_output: int, files: tuple[str, ...] = (), serves: bool = False
    ) -> Cell:
        """Start a process for ``calls``, ``properties`` or ``evaluator``, with writable folders ``files``.

        One that ``serves`` may use sockets, in a network of its own.

        Raises:
            SandboxUnavailable: it cannot be started.
            Cancelled: the work was cancelled.
        """

    def limits(self, limits: Limits) -> dict[str, int]:
        """Name the kernel's limits for functions."""


@dataclass(frozen=True)
class Engine:
    """A way to confine processes; by itself it starts each in a bubblewrap of its own."""

    layout: Layout
    machine: str = field(default_factory=lambda: os.uname().machine)

    def functions(
        self, mode: str, cancellation: Cancellation, most_output: int, files: tuple[str, ...] = (), serves: bool = False
    ) -> Cell:
        """Start a process for ``calls``, ``properties`` or ``evaluator``. Raises as the Starter does."""
        process = BubblewrapProcess(lambda fds: self.layout.argv(Purpose.FUNCTIONS, fds, self._serial(), files=files))
        prelude = self._prelude("functions", Purpose.FUNCTIONS, files=files, serves=serves)
        code = harness_code("serving" if serves else mode)
        return Cell(process, cancellation, most_output=most_output, first=code + prelude)

    def command(self, cancellation: Cancellation, limits: Limits, packages: bool) -> Cell:
        """Start a process for a command. Raises as the Starter does."""
        process = BubblewrapProcess(
            lambda fds: self.layout.argv(Purpose.COMMAND, fds, self._serial(), limits.memory_bytes, packages),
            with_stdout=True,
        )
        prelude = self._prelude("command", Purpose.COMMAND, memory_bytes=limits.memory_bytes)
        return Cell(
            process,
            cancellation,
            most_output=2 * limits.output_bytes,  # base64 and line ends
            first=harness_code("command") + prelude,
        )

    def zygote(self, cancellation: Cancellation, patience_seconds: float) -> Zygote:
        """Start a warm interpreter. Raises as the Starter does."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            # /proc/self in it is whoever looks: each clone maps its own user through it, and closes it at once
            folder = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                process = BubblewrapProcess(
                    lambda fds: self.layout.argv(Purpose.FUNCTIONS, fds, self._serial()),
                    kept=(theirs.fileno(), folder),
                )
            finally:
                os.close(folder)
            first = harness_code("zygote") + self._prelude("zygote", Purpose.FUNCTIONS)
            cell = Cell(process, cancellation, most_output=4096, first=first)
        except OSError as error:
            ours.close()
            raise SandboxUnavailable(f"the warm interpreter cannot be started: {error}") from error
        except BaseException:
            ours.close()
            raise
        finally:
            number = theirs.fileno()
            theirs.close()
        header = {"control": number, "proc": folder, "preload": list(_PRELOADED), "scratch_bytes": SCRATCH_BYTES}
        return Zygote.start(cell, ours, cancellation, header, patience_seconds)

    def _prelude(
        self,
        serve: str,
        purpose: Purpose,
        memory_bytes: int = 0,
        files: tuple[str, ...] = (),
        serves: bool = False,
    ) -> bytes:
        """Pack what a harness does first; an interpreter takes no filter, for no untrusted code runs in it."""
        return frame(
            {
                "serve": serve,
                "spaces": [tuple(space) for space in spaces(purpose, memory_bytes, files)],
                "early": b"" if serve == "zygote" else seccomp.for_commands(self.machine),
                "filter": seccomp.for_functions(self.machine, serves),
            }
        )

    def limits(self, limits: Limits, purpose: Purpose = Purpose.FUNCTIONS) -> dict[str, int]:
        """Name the kernel's limits for a purpose."""
        if purpose is Purpose.COMMAND:
            count = self._processes(_COMMAND_PROCESSES)
            return kernel_limits(limits, processes=count, file_bytes=limits.memory_bytes, open_files=1024)
        return kernel_limits(limits, processes=self._processes(_PROCESSES), file_bytes=_FILE_BYTES, open_files=64)

    def _processes(self, count: int) -> int | None:
        # before Linux 5.14 the limit counts all processes of the user outside too, in whatever namespace
        release = tuple(map(int, re.findall(r"[0-9]+", os.uname().release)[:2]))
        return None if self.layout.privilege is Privilege.USER_NAMESPACE and release < (5, 14) else count

    @staticmethod
    def _serial() -> int:
        return os.getpid() * 97 + next(_SERIALS)  # so that two workers of one machine seldom meet in a user


@cache
def harness_code(mode: str) -> bytes:
    """Compile the harness of a mode once, as the frame that a child starts with."""
    folder = Path(__file__).parent / "harness"
    modules = []
    for name in _MODES[mode]:
        text = (folder / f"{name or '__init__'}.py").read_text(encoding="utf-8")
        dotted = f"inside.{name}" if name else "inside"
        modules.append((dotted, compile(text, f"<{dotted}>", "exec", dont_inherit=True, optimize=2)))
    return frame(modules)
