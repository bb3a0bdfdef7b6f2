"""One warm process that generates inputs: started, asked, and ended with all that it started.

It knows lines of bytes only. It ends with this process, since the end of its stdin ends it.
"""

import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from pathlib import Path

from millwright.errors import InputsUnavailable

PROGRAM = "millwright.adapters.inputs.generate"

DIED = b"died "
"""What leads the answer to a request whose own process ended without one; its exit status follows."""

_ROOT = Path(__file__).resolve().parents[3]
"""Where ``millwright`` and ``schemas`` are imported from, in a checkout as in site-packages."""

_CHUNK = 1 << 16
_LAST_WORDS = 400


class Gone(Exception):
    """The process ended before it answered; says how."""


class GeneratorProcess:
    """A running generator; for one caller at a time. Dropping the last reference ends it."""

    def __init__(self) -> None:
        """Start it.

        Raises:
            InputsUnavailable: it cannot be started.
        """
        self._scratch = tempfile.TemporaryDirectory(prefix="millwright-inputs-")
        self._errors = Path(self._scratch.name, "stderr")
        environment = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(_ROOT),
            "PYTHONHASHSEED": "0",
            "LC_ALL": "C.UTF-8",
            "HYPOTHESIS_STORAGE_DIRECTORY": self._scratch.name,
        }
        try:
            with open(self._errors, "ab") as errors:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-s", "-m", PROGRAM],
                    cwd=self._scratch.name,
                    env=environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    bufsize=0,
                    start_new_session=True,
                )
        except OSError as error:
            self._scratch.cleanup()
            raise InputsUnavailable(f"the generator of inputs cannot be started: {error}") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._pipes = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._pipes[0], False)
        self._close = weakref.finalize(self, _end, self._process, self._scratch)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def folder(self) -> Path:
        """Where it writes what it must; removed when it is closed."""
        return Path(self._scratch.name)

    def close(self) -> None:
        """End it and all that it started; doing so again is harmless."""
        self._close()

    def kill(self) -> None:
        """Kill it with all that it started, from any thread; whoever waits for its answer is told at once."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)

    def ask(self, request: bytes, seconds: float) -> bytes:
        """Send a line and wait for the line that answers it.

        Raises:
            TimeoutError: there was no answer in time; the process must be closed.
            Gone: it ended first; it must be closed.
        """
        stdin, stdout = self._pipes
        os.truncate(self._errors, 0)  # what an earlier request left there is not about this one
        deadline = time.monotonic() + seconds
        rest = memoryview(request + b"\n")
        answer = bytearray()
        while not answer.endswith(b"\n"):
            left = deadline - time.monotonic()
            readable, writable, _ = select.select([stdout], [stdin] if rest else [], [], max(0.0, left))
            if left <= 0:
                raise TimeoutError
            if writable:
                try:
                    rest = rest[os.write(stdin, rest) :]
                except BrokenPipeError:
                    raise Gone(self._last_words()) from None
            if readable:
                data = os.read(stdout, _CHUNK)
                if not data:
                    raise Gone(self._last_words())
                answer += data
        return bytes(answer)

    def last_words(self) -> str:
        """Return the end of what it wrote to stderr, on one line."""
        text = self._errors.read_bytes()[-_LAST_WORDS:].decode("utf-8", "replace")
        return " ".join(text.split())

    def _last_words(self) -> str:
        return f"ended with status {self._process.wait()}: {self.last_words()}"


def _end(process: "subprocess.Popen[bytes]", scratch: "tempfile.TemporaryDirectory[str]") -> None:
    """Kill the process with its session, wait for it, and remove its folder."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    scratch.cleanup()
