"""Starts sandboxed processes for the rest of the adapter: one way to confine them, one harness, one count.

It runs nothing by itself.
"""

import itertools
import os
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from schemas.execution import Limits

from . import seccomp
from .cell import Cancellation, Cell
from .layout import Layout, Privilege, Purpose
from .protocol import frame, kernel_limits

_BASE = ("", "wire", "entry")
_MODES = {  # only what a mode needs is sent, for what the others import is slow to import
    "calls": (*_BASE, "calls"),
    "properties": (*_BASE, "calls", "judging", "properties"),
    "conditions": (*_BASE, "judging", "conditions"),
    "command": (*_BASE, "command"),
}
_SERIALS = itertools.count()
_PROCESSES = 64  # threads, that is: functions cannot start processes
_COMMAND_PROCESSES = 512
_FILE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Engine:
    """A way to confine processes that has been seen to work on this machine."""

    layout: Layout
    machine: str = field(default_factory=lambda: os.uname().machine)

    def functions(self, mode: str, cancellation: Cancellation, most_output: int) -> Cell:
        """Start a process for ``calls``, ``properties`` or ``conditions``. Raises as Cell does."""
        return Cell(
            lambda fds: self.layout.argv(Purpose.FUNCTIONS, fds, self._serial()),
            seccomp.assemble(self.machine, may_start_processes=False),
            harness_code(mode),
            cancellation,
            most_output=most_output,
        )

    def command(self, cancellation: Cancellation, limits: Limits, packages: bool) -> Cell:
        """Start a process for a command. Raises as Cell does."""
        return Cell(
            lambda fds: self.layout.argv(Purpose.COMMAND, fds, self._serial(), limits.memory_bytes, packages),
            seccomp.assemble(self.machine, may_start_processes=True),
            harness_code("command"),
            cancellation,
            most_output=2 * limits.output_bytes,  # base64 and line ends
            with_stdout=True,
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
