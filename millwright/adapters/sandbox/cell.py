"""Holds one sandboxed process: feeds it, reads its lines within limits, kills it, and keeps its account.

It starts nothing and knows nothing of programs or outcomes. Every call blocks and belongs in a worker thread; another
thread may only cancel.
"""

import os
import select
import threading
import time
from collections import deque
from typing import Final, NoReturn

from schemas.execution import Ending

from .process import CHUNK, Lost, Process, Stream, Usage
from .protocol import Malformed, read_line

_HELLO_SECONDS: Final = 30.0
_KILLED: Final = -9
_PAUSE_SECONDS: Final = 0.001


class Stopped(Exception):
    """The process gave no further line: how it ended, and in words why.

    ``killed``: nobody here killed it, yet it ended as if someone had; that may be the kernel or a stranger.
    """

    def __init__(self, ending: Ending, reason: str, killed: bool = False) -> None:
        super().__init__(reason)
        self.ending = ending
        self.killed = killed


class Cancelled(Exception):
    """The work was cancelled from outside."""


class Cancellation:
    """Kills, from any thread, whatever a piece of work has running, and lets it start nothing more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cells: set[Cell] = set()
        self._called = False

    def cancel(self) -> None:
        """Kill everything registered."""
        with self._lock:
            self._called = True
            for cell in self._cells:
                cell.kill()

    def check(self) -> None:
        """Raise Cancelled once cancelled."""
        if self._called:
            raise Cancelled

    def add(self, cell: "Cell") -> None:
        """Register a process. Raises Cancelled once cancelled."""
        with self._lock:
            self.check()
            self._cells.add(cell)

    def remove(self, cell: "Cell") -> None:
        """Forget a process that has ended, or that outlives the work."""
        with self._lock:
            self._cells.discard(cell)


class Cell:
    """One process in the sandbox; use as a context manager, which leaves no process and no descriptor behind."""

    def __init__(self, process: Process, cancellation: Cancellation, *, most_output: int, first: bytes = b"") -> None:
        """Take charge of a process; ``first`` is what its harness is to read.

        Raises:
            Cancelled: the work was cancelled.
        """
        self.exit_status: int | None = None
        self._process = process
        self._cancellation, self._left = cancellation, most_output
        self._pending, self._received = bytearray(first), bytearray()
        self._lines: deque[bytes] = deque()
        self._greeted = self._closed = False
        self._rested = 0.0  # when lines were last read that nothing was sent after
        os.set_blocking(process.writer, False)
        try:
            cancellation.add(self)
        except Cancelled:
            self.close()
            raise

    def __enter__(self) -> "Cell":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()  # what is under way says more than a missing account

    @property
    def usage(self) -> Usage:
        """What the process used; complete once it is closed."""
        return self._process.usage

    @property
    def stdout(self) -> Stream:
        """What was kept of its standard output."""
        return self._process.stdout

    @property
    def stderr(self) -> Stream:
        """What was kept of its standard error."""
        return self._process.stderr

    def greet(self) -> None:
        """Wait for the harness's hello; nothing untrusted has been loaded before it. Doing so again is harmless.

        Raises:
            SandboxUnavailable: no hello came.
            Cancelled: the work was cancelled.
        """
        if self._greeted:
            return
        deadline = time.monotonic() + _HELLO_SECONDS
        self._process.settle(deadline)
        self._cancellation.check()
        try:
            hello = read_line(self._next(deadline))
        except (Stopped, Malformed) as error:
            self._fail(str(error))
        if hello != ["hello", 1]:
            self._fail(f"the harness introduced itself as {hello!r}"[:300])
        self._greeted = True

    def _fail(self, reason: str) -> NoReturn:
        self.close()
        self._cancellation.check()
        raise self._process.fault(reason)

    def send(self, data: bytes) -> None:
        """Queue data for the process; it is written while lines are awaited."""
        self._pending += data
        self._rested = 0.0  # the answer is waited for

    def serve(self, cancellation: Cancellation, most_output: int) -> None:
        """Let a process that outlives one piece of work serve the next. Raises Cancelled once cancelled."""
        self._cancellation, self._left = cancellation, most_output
        cancellation.add(self)

    def allow(self, most_output: int) -> None:
        """Let the process send so much from here on, whatever it sent before."""
        self._left = most_output

    def receive(self, deadline: float) -> bytes:
        """Return the next line after the hello, feeding the process meanwhile; ``deadline`` is on the monotonic clock.

        Raises:
            Stopped: no line came before the deadline, or the process ended or sent too much.
            SandboxUnavailable: the process never said hello, or was lost.
            Cancelled: the work was cancelled.
        """
        self.greet()
        return self._next(deadline)

    def _next(self, deadline: float) -> bytes:
        while not self._lines:
            self._cancellation.check()
            left = deadline - time.monotonic()
            if left <= 0:
                raise Stopped(Ending.TIMED_OUT, "no answer in time")
            self._pump(left)
        return self._lines.popleft()

    def _pump(self, seconds: float) -> None:
        if not self._pending and time.monotonic() - self._rested < _PAUSE_SECONDS:
            # lines come faster than it pays to wake up for: let some gather, which costs neither side anything
            time.sleep(min(seconds, _PAUSE_SECONDS))
        poller = select.poll()
        process = self._process
        poller.register(process.reader, select.POLLIN)
        if self._pending:
            poller.register(process.writer, select.POLLOUT)
        streams = {stream.fd: stream for stream in (process.stdout, process.stderr) if stream.fd is not None}
        for fd in streams:
            poller.register(fd, select.POLLIN)
        for fd, _ in poller.poll(min(seconds, 60.0) * 1000 + 1):
            if fd == process.writer:
                self._feed()
            elif fd in streams:
                streams[fd].take()
            elif fd == process.reader:
                self._take()

    def _feed(self) -> None:
        try:
            del self._pending[: os.write(self._process.writer, self._pending[:CHUNK])]
        except BlockingIOError:
            return
        except BrokenPipeError:  # it has ended; reading tells how
            self._pending.clear()

    def _take(self) -> None:
        data = os.read(self._process.reader, CHUNK)
        if not data:
            self.close()
            self._cancellation.check()
            raise Stopped(Ending.CRASHED, _cause(self.exit_status), self.exit_status == _KILLED)
        self._left -= len(data)
        if self._left < 0:
            raise Stopped(Ending.OUTPUT_LIMIT, "more output than allowed")
        *lines, rest = data.split(b"\n")
        if lines:
            lines[0] = bytes(self._received + lines[0])
            self._lines += lines
            self._received = bytearray(rest)
        else:
            self._received += rest
        self._rested = time.monotonic()
        self._process.sample()

    def sample(self) -> None:
        """Note the process's peak memory now, where the kernel gives no account of it at the end."""
        self._process.sample(at_once=True)

    def kill(self) -> None:
        """Kill the process and all that it started; safe from another thread and when it has ended."""
        self._process.kill()

    def abandon(self) -> None:
        """Close it as ``close`` does, and do without the account where there is none."""
        try:
            self.close()
        except Lost:
            return

    def close(self) -> None:
        """Kill the process, wait for its end, take its account and close everything; doing so again is harmless.

        Raises:
            Lost: whoever started it gives no account any more; everything is closed all the same.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self.exit_status = self._process.end()
        finally:
            self._cancellation.remove(self)  # before the descriptors go, so that no other thread signals a stranger
            for stream in (self.stdout, self.stderr):
                stream.drain()
            self._process.release()


def _cause(status: int | None) -> str:
    if status is None or status == _KILLED:
        return "the process was killed"
    return f"the process ended by signal {-status}" if status < 0 else f"the process ended with status {status}"
