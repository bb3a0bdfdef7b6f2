"""Holds a warm interpreter in a bubblewrap and has it clone a confined process for each program.

The kernel's account of each process comes from the interpreter, in which no untrusted code ever runs; the killing is
done here, by descriptors that the kernel made. It retries nothing: who asks decides what a lost interpreter means.
"""

import array
import os
import select
import socket
import struct
import time
from typing import Final, NamedTuple

from millwright.errors import SandboxUnavailable

from .cell import Cancellation, Cancelled, Cell, Stopped
from .process import DEATH_SECONDS, Lost, Stream, Usage, kill
from .protocol import Malformed, frame, read_loaded

_START_SECONDS: Final = 30.0
_STEP_SECONDS: Final = 0.25  # how often a cancellation is looked at while the interpreter is awaited
_ORDER = struct.Struct("=cI")
_ANSWER = struct.Struct("=cIiQQ")  # kind, serial, status, CPU time in us, peak memory in KiB
_STARTED, _ENDED, _REFUSED = b"s", b"e", b"r"


class _Ended(NamedTuple):
    status: int
    cpu_seconds: float
    peak_memory_bytes: int


class Zygote:
    """One warm interpreter; used by one thread at a time."""

    def __init__(self, cell: Cell, control: socket.socket, patience_seconds: float) -> None:
        self._cell, self._control, self._patience = cell, control, patience_seconds
        self._serial = 0
        self._ended: dict[int, _Ended] = {}

    @classmethod
    def start(
        cls, cell: Cell, control: socket.socket, cancellation: Cancellation, header: object, patience_seconds: float
    ) -> "Zygote":
        """Take charge of a cell whose harness is to be the interpreter, and wait until it is warm.

        Raises:
            SandboxUnavailable: it did not come up; everything is closed then.
            Cancelled: the work was cancelled.
        """
        made = cls(cell, control, patience_seconds)
        try:
            cell.send(frame(header))
            try:
                error = read_loaded(cell.receive(time.monotonic() + _START_SECONDS))
            except (Stopped, Malformed) as stopped:
                error = str(stopped)
            if error is not None:
                cell.stderr.drain()
                said = cell.stderr.tail.decode("utf-8", "replace").strip()[-500:]
                raise SandboxUnavailable(f"the warm interpreter did not start: {said or error}")
            control.setblocking(False)
        except BaseException:
            made.close()
            raise
        cancellation.remove(cell)  # it outlives the work that started it
        return made

    def spawn(self, cancellation: Cancellation) -> "Clone":
        """Have a confined process cloned.

        Raises:
            Lost: the interpreter is dead, hangs, or answers with what it never says.
            SandboxUnavailable: the machine refuses to clone.
            Cancelled: the work was cancelled.
        """
        self._serial += 1
        fds: list[int] = []
        try:
            fds += os.pipe() + os.pipe()
            receive, writer, reader, send = fds
            self._order(receive, send)
            kind, pidfd, status = self._started(cancellation)
        except BaseException as error:
            for fd in fds:
                os.close(fd)
            if isinstance(error, Cancelled):
                self.close()  # it may yet answer, and nobody would know what
            if isinstance(error, OSError):
                raise Lost(f"the warm interpreter takes no order: {error}") from error
            raise
        os.close(receive)
        os.close(send)
        if kind == _REFUSED or pidfd is None:
            os.close(writer)
            os.close(reader)
            raise SandboxUnavailable(f"a confined process cannot be made: {os.strerror(status)}")
        return Clone(self, self._serial, pidfd, reader, writer)

    def _order(self, *fds: int) -> None:
        rights = array.array("i", fds).tobytes()
        self._control.sendmsg(
            [_ORDER.pack(b"s", self._serial)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)], socket.MSG_NOSIGNAL
        )

    def _started(self, cancellation: Cancellation) -> tuple[bytes, int | None, int]:
        deadline = time.monotonic() + self._patience
        while True:
            kind, serial, ended, pidfd = self._answer(deadline, cancellation)
            if kind == _ENDED:
                self._ended[serial] = ended
            elif serial == self._serial:
                return kind, pidfd, ended.status
            else:
                raise Lost("the warm interpreter answers what nobody asked")

    def account(self, serial: int) -> _Ended:
        """Wait for the account of a process that is dead or dying.

        Raises:
            Lost: none comes.
        """
        deadline = time.monotonic() + self._patience
        while serial not in self._ended:
            kind, ended_serial, ended, _ = self._answer(deadline, None)
            if kind != _ENDED:
                raise Lost("the warm interpreter answers what nobody asked")
            self._ended[ended_serial] = ended
        return self._ended.pop(serial)

    def _answer(self, deadline: float, cancellation: Cancellation | None) -> tuple[bytes, int, _Ended, int | None]:
        self._await(deadline, cancellation)
        try:
            data, fds, _, _ = socket.recv_fds(self._control, _ANSWER.size + 1, 4, socket.MSG_CMSG_CLOEXEC)
        except OSError as error:
            raise Lost(f"the warm interpreter is gone: {error}") from error
        if len(data) != _ANSWER.size:
            for fd in fds:
                os.close(fd)
            raise Lost("the warm interpreter ended" if not data else "the warm interpreter speaks nonsense")
        kind, serial, status, cpu, memory = _ANSWER.unpack(data)
        expected = {_STARTED: 1, _ENDED: 0, _REFUSED: 0}.get(kind)
        if expected != len(fds) or serial > self._serial:
            for fd in fds:
                os.close(fd)
            raise Lost("the warm interpreter speaks nonsense")
        return kind, serial, _Ended(status, cpu / 1e6, memory * 1024), fds[0] if fds else None

    def _await(self, deadline: float, cancellation: Cancellation | None) -> None:
        poller = select.poll()
        poller.register(self._control, select.POLLIN)
        while not poller.poll(min(_STEP_SECONDS, max(0.0, deadline - time.monotonic())) * 1000):
            if cancellation is not None:
                cancellation.check()
            if time.monotonic() >= deadline:
                raise Lost(f"the warm interpreter did not answer within {self._patience:g} s")

    def close(self) -> None:
        """Kill it and all that it cloned, and close everything; doing so again is harmless."""
        self._control.close()
        self._cell.close()


class Clone:
    """A process that a warm interpreter cloned; a ``Process``."""

    def __init__(self, zygote: Zygote, serial: int, pidfd: int, reader: int, writer: int) -> None:
        self.reader, self.writer = reader, writer
        self.stdout, self.stderr = Stream(), Stream()
        self.usage = Usage()
        self._zygote, self._serial, self._pidfd = zygote, serial, pidfd

    def settle(self, deadline: float) -> None:
        """Do nothing: it can be killed from the start."""

    def fault(self, reason: str) -> SandboxUnavailable:
        """Count a process that was lost before its hello as the interpreter's fault."""
        return Lost(f"a confined process did not start: {reason}")

    def sample(self, at_once: bool = False) -> None:
        """Do nothing: the account has the peak."""

    def kill(self) -> None:
        """Kill it; it is process 1 of its namespace, so that everything it made dies with it."""
        kill(self._pidfd)

    def end(self) -> int:
        """Kill it, wait for its end and take the account. Raises Lost when none comes."""
        self.kill()
        status, self.usage.cpu_seconds, self.usage.peak_memory_bytes = self._zygote.account(self._serial)
        return status

    def release(self) -> None:
        """Close every descriptor that is left, once the process is dead."""
        poller = select.poll()
        poller.register(self._pidfd, select.POLLIN)
        poller.poll(DEATH_SECONDS * 1000)
        for fd in (self.reader, self.writer, self._pidfd):
            os.close(fd)
