"""What a cell needs of a process, whoever started it, and the one kind that bubblewrap starts by itself.

It reads no line of the harness and knows nothing of programs.
"""

import os
import re
import select
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from millwright.errors import SandboxUnavailable

from .layout import Descriptors

DEATH_SECONDS: Final = 10.0
CHUNK: Final = 64 * 1024
_TAIL_BYTES: Final = 64 * 1024
_SAMPLE_SECONDS: Final = 0.05
_CHILD = re.compile(rb'"child-pid":\s*([0-9]+)')
_PEAK = re.compile(rb"VmHWM:\s*([0-9]+) kB")


class Lost(SandboxUnavailable):
    """The sandbox's own process died, hung or spoke nonsense; a fresh one may do better."""


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
class Stream:
    """The bounded tail of one output stream; a stream at its end has no descriptor any more."""

    fd: int | None = None
    tail: bytearray = field(default_factory=bytearray)

    def take(self) -> None:
        """Read what is there."""
        if self.fd is None:
            return
        data = os.read(self.fd, CHUNK)
        if not data:
            self.close()
        self.tail += data
        del self.tail[:-_TAIL_BYTES]

    def drain(self) -> None:
        """Read the rest without waiting: everything that could write is dead, or should be."""
        while self.fd is not None and _readable(self.fd, 0.0):
            self.take()

    def close(self) -> None:
        """Close it; doing so again is harmless."""
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None


class Process(Protocol):
    """One process in the sandbox, running already: two pipes to its harness, its death and its account."""

    reader: int
    writer: int
    stdout: Stream
    stderr: Stream
    usage: Usage

    def settle(self, deadline: float) -> None:
        """Wait until it can be killed as a whole. Raises SandboxUnavailable when that takes too long."""

    def fault(self, reason: str) -> SandboxUnavailable:
        """Make the error for a process whose harness never said hello; nothing untrusted was loaded in it."""

    def sample(self, at_once: bool = False) -> None:
        """Note the memory it uses, where the kernel gives no account of that at the end."""

    def kill(self) -> None:
        """Kill it and all that it started; safe from another thread and when it has ended."""

    def end(self) -> int:
        """Kill it, wait for its end, complete ``usage`` and return its status: negative where a signal ended it.

        Raises:
            Lost: whoever started it gives no account any more.
        """

    def release(self) -> None:
        """Close every descriptor that is left."""


class BubblewrapProcess:
    """A process in a bubblewrap of its own."""

    def __init__(
        self,
        argv: Callable[[Descriptors], list[str]],
        *,
        kept: Sequence[int] = (),
        with_stdout: bool = False,
    ) -> None:
        """Start it; ``kept`` are further descriptors that it inherits.

        Raises:
            SandboxUnavailable: bubblewrap cannot be started.
        """
        self.usage = Usage()
        self._sampled = 0.0
        self._child: int | None = None
        self._child_number = 0
        ours: list[int] = []
        theirs: list[int] = []  # closed here once the child has them

        def pipe(child_reads: bool = False) -> tuple[int, int]:
            reader, writer = os.pipe()
            mine, other = (writer, reader) if child_reads else (reader, writer)
            ours.append(mine)
            theirs.append(other)
            return mine, other

        try:
            self.writer, receive = pipe(child_reads=True)
            self.reader, send = pipe()
            self._information, information = pipe()
            error, error_child = pipe()
            output, output_child = pipe() if with_stdout else (None, None)
            inherited = Descriptors(receive=receive, send=send, information=information)
            command = argv(inherited)
            actions = _file_actions([*inherited.all, *kept], error_child, output_child)
            self._pid = os.posix_spawn(command[0], command, {}, file_actions=actions, setpgroup=0)
            self._pidfd = os.pidfd_open(self._pid)
        except OSError as error_:  # no such program, or no descriptors left
            for fd in ours:
                os.close(fd)
            raise SandboxUnavailable(f"bubblewrap cannot be started: {error_}") from error_
        finally:
            for fd in theirs:
                os.close(fd)
        self.stderr, self.stdout = Stream(error), Stream(output)

    def settle(self, deadline: float) -> None:
        """Learn which process is the one inside, so that it can be killed and its memory read."""
        text = b""
        while (found := _CHILD.search(text)) is None:
            if not _readable(self._information, deadline - time.monotonic()):
                raise SandboxUnavailable("the sandbox did not start in time: the machine may be overloaded")
            part = os.read(self._information, 4096)
            if not part:
                return
            text += part
        self._child_number = int(found[1])
        try:
            self._child = os.pidfd_open(self._child_number)
        except ProcessLookupError:  # it has ended already; bubblewrap says why
            return

    def fault(self, reason: str) -> SandboxUnavailable:
        """Pass on what bubblewrap said."""
        said = self.stderr.tail.decode("utf-8", "replace").strip()[-500:]
        return Lost(f"the sandbox did not start: {said or reason}")

    def sample(self, at_once: bool = False) -> None:
        """Note the peak memory; wait4 would count this process's own, which a child starts with."""
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
        """Kill the process inside, or bubblewrap where that is not known yet."""
        kill(self._pidfd if self._child is None else self._child)

    def end(self) -> int:
        """Kill, wait and take the account; bubblewrap's form of an end by signal is undone."""
        self.kill()
        if not _readable(self._pidfd, DEATH_SECONDS):
            kill(self._pidfd)  # bubblewrap itself hangs; the kernel ends the rest
            _readable(self._pidfd, DEATH_SECONDS)
        # A child that bubblewrap had not yet let go would wait for ever. It is in the group, which nobody can join any
        # more and whose number is nobody else's before the leader is waited for.
        with suppress(OSError):
            os.killpg(self._pid, signal.SIGKILL)
        _, status, used = os.wait4(self._pid, 0)
        self.usage.cpu_seconds = used.ru_utime + used.ru_stime
        code = os.waitstatus_to_exitcode(status)
        return 128 - code if code > 128 else code

    def release(self) -> None:
        """Close every descriptor that is left."""
        for fd in (self.writer, self.reader, self._information, self._pidfd, self._child):
            if fd is not None:
                os.close(fd)
        self.stdout.close()
        self.stderr.close()


def kill(pidfd: int) -> None:
    """Kill a process by its descriptor; harmless when it has ended."""
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except OSError:  # it has ended
        return


def _readable(fd: int, seconds: float) -> bool:
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    return bool(poller.poll(max(0.0, seconds) * 1000))


def _file_actions(inherited: Sequence[int], error: int, output: int | None) -> list[tuple[Any, ...]]:
    if output is None:
        stdout: tuple[Any, ...] = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
    else:
        stdout = (os.POSIX_SPAWN_DUP2, output, 1)
    stdin = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    # a descriptor duplicated onto itself stays open across exec (POSIX.1-2024, glibc since 2.29)
    kept = [(os.POSIX_SPAWN_DUP2, fd, fd) for fd in inherited]
    return [stdin, stdout, (os.POSIX_SPAWN_DUP2, error, 2), *kept]
