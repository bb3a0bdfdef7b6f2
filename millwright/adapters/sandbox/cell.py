"""Holds one sandboxed process: starts it, feeds it, reads its lines, kills it, and accounts for what it used.

It knows nothing of programs or outcomes. Every call blocks and belongs in a worker thread; another thread may only
cancel.
"""

import os
import re
import select
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass, field
from typing import Any, Final

from millwright.errors import SandboxUnavailable
from schemas.execution import Ending

from .layout import Descriptors
from .protocol import Malformed, read_line

_HELLO_SECONDS: Final = 30.0
_DEATH_SECONDS: Final = 10.0
_TAIL_BYTES: Final = 64 * 1024
_CHUNK: Final = 64 * 1024
_SAMPLE_SECONDS: Final = 0.05
_CHILD = re.compile(rb'"child-pid":\s*([0-9]+)')
_PEAK = re.compile(rb"VmHWM:\s*([0-9]+) kB")


class Stopped(Exception):
    """The process gave no further line: how it ended, and in words why."""

    def __init__(self, ending: Ending, reason: str) -> None:
        super().__init__(reason)
        self.ending = ending


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
        """Forget a process that has ended."""
        with self._lock:
            self._cells.discard(cell)


@dataclass
class Usage:
    """What processes used: seconds of CPU by the kernel's account, and the largest resident memory seen, in bytes."""

    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0

    def add(self, other: "Usage") -> None:
        """Count in what another process used."""
        self.cpu_seconds += other.cpu_seconds
        self.peak_memory_bytes = max(self.peak_memory_bytes, other.peak_memory_bytes)


@dataclass
class _Stream:
    """The bounded tail of one output stream; a stream at its end has no descriptor any more."""

    fd: int | None
    tail: bytearray = field(default_factory=bytearray)

    def take(self) -> None:
        if self.fd is None:
            return
        data = os.read(self.fd, _CHUNK)
        if not data:
            self.close()
        self.tail += data
        del self.tail[:-_TAIL_BYTES]

    def close(self) -> None:
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None


class Cell:
    """One process in the sandbox; use as a context manager, which leaves no process and no descriptor behind."""

    def __init__(
        self,
        argv: Callable[[Descriptors], list[str]],
        filter_program: bytes,
        code: bytes,
        cancellation: Cancellation,
        *,
        most_output: int,
        with_stdout: bool = False,
    ) -> None:
        """Start the process and wait for the harness's hello.

        Raises:
            SandboxUnavailable: no hello came; nothing untrusted has been loaded by then.
            Cancelled: the work was cancelled.
        """
        self.usage = Usage()
        self.exit_status: int | None = None
        self._cancellation, self._left = cancellation, most_output
        self._pending, self._received = bytearray(code), bytearray()
        self._lines: list[bytes] = []
        self._sampled = 0.0
        self._child: int | None = None
        self._spawn(argv, filter_program, with_stdout)
        try:
            cancellation.add(self)
            self._greet()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Cell":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _spawn(self, argv: Callable[[Descriptors], list[str]], filter_program: bytes, with_stdout: bool) -> None:
        ours: list[int] = []
        theirs: list[int] = []  # closed here once the child has them

        def pipe(child_reads: bool = False) -> tuple[int, int]:
            reader, writer = os.pipe()
            mine, other = (writer, reader) if child_reads else (reader, writer)
            ours.append(mine)
            theirs.append(other)
            return mine, other

        try:
            self._writer, receive = pipe(child_reads=True)
            self._reader, send = pipe()
            self._information, information = pipe()
            error, error_child = pipe()
            output, output_child = pipe() if with_stdout else (None, None)
            theirs.append(os.memfd_create("filter"))
            os.write(theirs[-1], filter_program)
            os.lseek(theirs[-1], 0, os.SEEK_SET)
            inherited = Descriptors(receive=receive, send=send, information=information, filter=theirs[-1])
            command = argv(inherited)
            actions = _file_actions(inherited, error_child, output_child)
            self._pid = os.posix_spawn(command[0], command, {}, file_actions=actions, setpgroup=0)
            self._pidfd = os.pidfd_open(self._pid)
        except OSError as error_:  # no such program, or no descriptors left
            for fd in ours:
                os.close(fd)
            raise SandboxUnavailable(f"bubblewrap cannot be started: {error_}") from error_
        finally:
            for fd in theirs:
                os.close(fd)
        self.stderr, self.stdout = _Stream(error), _Stream(output)
        os.set_blocking(self._writer, False)

    def _greet(self) -> None:
        deadline = time.monotonic() + _HELLO_SECONDS
        text = b""
        while (found := _CHILD.search(text)) is None:
            self._await([self._information], deadline)
            part = os.read(self._information, 4096)
            if not part:
                break
            text += part
        if found is not None:
            self._child = _open_pid(int(found[1]))
            self._child_number = int(found[1])
        self._cancellation.check()
        try:
            hello = read_line(self.receive(deadline))
        except (Stopped, Malformed) as error:
            self.close()
            self._cancellation.check()
            said = self.stderr.tail.decode("utf-8", "replace").strip()[-500:]
            raise SandboxUnavailable(f"the sandbox did not start: {said or error}") from error
        if hello != ["hello", 1]:
            raise SandboxUnavailable(f"the harness introduced itself as {hello!r}")

    def _await(self, fds: list[int], deadline: float) -> None:
        poller = select.poll()
        for fd in fds:
            poller.register(fd, select.POLLIN)
        if not poller.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise SandboxUnavailable("the sandbox did not start in time: the machine may be overloaded")

    def send(self, data: bytes) -> None:
        """Queue data for the process; it is written while lines are awaited."""
        self._pending += data

    def receive(self, deadline: float) -> bytes:
        """Return the next line, feeding the process meanwhile; ``deadline`` is on the monotonic clock.

        Raises:
            Stopped: no line came before the deadline, or the process ended or sent too much.
            Cancelled: the work was cancelled.
        """
        while not self._lines:
            self._cancellation.check()
            left = deadline - time.monotonic()
            if left <= 0:
                raise Stopped(Ending.TIMED_OUT, "no answer in time")
            self._pump(left)
        return self._lines.pop(0)

    def _pump(self, seconds: float) -> None:
        poller = select.poll()
        poller.register(self._reader, select.POLLIN)
        if self._pending:
            poller.register(self._writer, select.POLLOUT)
        streams = {stream.fd: stream for stream in (self.stdout, self.stderr) if stream.fd is not None}
        for fd in streams:
            poller.register(fd, select.POLLIN)
        for fd, _ in poller.poll(min(seconds, 60.0) * 1000 + 1):
            if fd == self._writer:
                self._feed()
            elif fd in streams:
                streams[fd].take()
            elif fd == self._reader:
                self._take()

    def _feed(self) -> None:
        try:
            del self._pending[: os.write(self._writer, self._pending[:_CHUNK])]
        except BlockingIOError:
            return
        except BrokenPipeError:  # it has ended; reading tells how
            self._pending.clear()

    def _take(self) -> None:
        data = os.read(self._reader, _CHUNK)
        if not data:
            self.close()
            self._cancellation.check()
            raise Stopped(Ending.CRASHED, _cause(self.exit_status))
        self._left -= len(data)
        if self._left < 0:
            raise Stopped(Ending.OUTPUT_LIMIT, "more output than allowed")
        self._received += data
        *lines, rest = self._received.split(b"\n")
        self._lines += map(bytes, lines)
        self._received = bytearray(rest)
        self.sample()

    def sample(self, at_once: bool = False) -> None:
        """Note the process's peak memory; wait4 would count this process's own, which a child starts with."""
        now = time.monotonic()
        if self._child is None or (now - self._sampled < _SAMPLE_SECONDS and not at_once):
            return
        self._sampled = now
        try:
            with open(f"/proc/{self._child_number}/status", "rb") as file:
                found = _PEAK.search(file.read())
        except OSError:  # it has just ended
            return
        if found is not None:
            self.usage.peak_memory_bytes = max(self.usage.peak_memory_bytes, int(found[1]) * 1024)

    def kill(self) -> None:
        """Kill the process and all that it started; safe from another thread and when it has ended."""
        for pidfd in (self._child, self._pidfd if self._child is None else None):
            if pidfd is not None:
                try:
                    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                except OSError:  # it has ended, or this cell is closed
                    continue

    def close(self) -> None:
        """Kill the process, wait for its end, take its account and close everything; doing so again is harmless."""
        if self._pidfd < 0:
            return
        self.kill()
        poller = select.poll()
        poller.register(self._pidfd, select.POLLIN)
        if not poller.poll(_DEATH_SECONDS * 1000):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)  # bubblewrap itself hangs; the kernel ends the rest
        _, status, used = os.wait4(self._pid, 0)
        self.exit_status = os.waitstatus_to_exitcode(status)
        self.usage.cpu_seconds = used.ru_utime + used.ru_stime
        self._cancellation.remove(self)  # before the descriptors go, so that no other thread signals a stranger
        for stream in (self.stdout, self.stderr):
            self._drain(stream)
        self._close_pipes()
        for fd in (self._pidfd, self._child):
            if fd is not None:
                os.close(fd)
        self._pidfd, self._child = -1, None

    def _drain(self, stream: _Stream) -> None:
        # everything that could write is dead, so the end of the stream is near; never wait for it all the same
        while stream.fd is not None:
            poller = select.poll()
            poller.register(stream.fd, select.POLLIN)
            if not poller.poll(0):
                return
            stream.take()

    def _close_pipes(self) -> None:
        for fd in (self._writer, self._reader, self._information):
            os.close(fd)
        self.stdout.close()
        self.stderr.close()


def _file_actions(inherited: Descriptors, error: int, output: int | None) -> list[tuple[Any, ...]]:
    if output is None:
        stdout: tuple[Any, ...] = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
    else:
        stdout = (os.POSIX_SPAWN_DUP2, output, 1)
    stdin = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    # a descriptor duplicated onto itself stays open across exec (POSIX.1-2024, glibc since 2.29)
    kept = [(os.POSIX_SPAWN_DUP2, fd, fd) for fd in astuple(inherited)]
    return [stdin, stdout, (os.POSIX_SPAWN_DUP2, error, 2), *kept]


def _open_pid(number: int) -> int | None:
    try:
        return os.pidfd_open(number)
    except ProcessLookupError:  # it has ended already; bubblewrap says why
        return None


def _cause(status: int | None) -> str:
    if status is None or status < 0:
        return "the process was killed"
    if status > 128:  # bubblewrap's form of an end by signal
        return f"the process ended by signal {status - 128}"
    return f"the process ended with status {status}"
