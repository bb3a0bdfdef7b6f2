"""Asks a warm mypy, which forks a child for each batch, and says when its answer is not to be used.

It keeps one server process at most, started by the first who asks. It retries nothing: who gets no answer goes to
mypy's command line.
"""

import asyncio
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from weakref import finalize

from millwright.adapters.analysis.batches import Bounds, Ended

_LOGGER = logging.getLogger(__name__)
_WARM_FAILED = "analysis.warm_types_failed"
_WARM_TEXT = "warm type checking failed (%s); this batch goes to mypy's command line"
_PROGRAM = (sys.executable, "-I", str(Path(__file__).with_name("mypy_server.py")))
BLOCKED = 2
"""mypy's status when something stopped it."""
_LONGEST_ANSWER = 64 * 1024**2
_START_SECONDS = 60.0
"""How much longer the first answer of a server may take, on a busy machine."""
_FAULTS_IN_A_ROW = 3
"""After so many checks without a usable answer the server is replaced."""
_LONGEST_REST = 64
"""At most so many checks are passed by after servers have died in a row."""


class WarmDeclined(Exception):
    """The batch is not one for the warm mypy: a module in it has the name of one that is loaded already."""


class WarmFailed(Exception):
    """The warm mypy gave no usable answer; ``late``: a batch ran out of its time, where smaller ones may not."""

    def __init__(self, because: str, late: bool = False) -> None:
        super().__init__(because)
        self.late = late


@dataclass(frozen=True)
class _Request:
    """Files to check, named relative to a folder."""

    folder: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class _Running:
    """A server: its process, the line that takes requests, and the folder that goes with it."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    home: Path

    def end(self) -> None:
        """End it with all that it started."""
        self.control.close()
        if self.process.poll() is None:
            with suppress(ProcessLookupError):  # it may end at this moment
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


class WarmMypy:
    """A warm mypy; ``program`` starts the server, given its folder, and ``bounds`` are those of one batch.

    ``patience`` are the seconds that an answer may take beyond the batch's own wall-clock before the server counts as
    stalled. Nothing here belongs to an event loop, so that one object may serve several, one after another.
    """

    def __init__(
        self,
        options: Sequence[str],
        modules: Sequence[str],
        bounds: Bounds,
        patience: float = 30.0,
        program: Sequence[str] = _PROGRAM,
    ) -> None:
        self._terms: dict[str, object] = {
            "options": tuple(options),
            "modules": tuple(modules),
            "limits": _limits(bounds),
        }
        self._wait = bounds.wall_seconds + patience
        self._program = tuple(program)
        self._server: _Running | None = None
        self._ender: finalize[[], WarmMypy] | None = None
        self._proven = False
        self._asking = 0
        self._faults = 0
        self._deaths = 0
        self._rest = 0

    @property
    def pid(self) -> int | None:
        """The server's process, while there is one."""
        return None if self._server is None else self._server.process.pid

    async def check(self, cache: Path, folder: Path, files: Sequence[str]) -> Ended:
        """Check files under ``folder``; a server that must be started first reads the types in ``cache``.

        Raises:
            WarmFailed: the server or its child died, stalled, or answered what cannot be meant.
            WarmDeclined: the batch is sound, yet not for it.
        """
        if self._rest > 0:
            self._rest -= 1
            raise WarmFailed("it has died too often of late")
        try:
            server = self._running(cache)
            ended = await self._ask(server, _Request(str(folder), tuple(files)))
        except WarmFailed as failure:
            _note(failure)
            raise
        self._deaths = 0
        return ended

    def distrust(self, because: str) -> None:
        """End a server whose answer, whole as it was, turned out to be unusable."""
        _note(WarmFailed(because))
        self.close()

    def close(self) -> None:
        """End the server and all that it started."""
        if self._ender is not None:
            self._ender()
        self._server = self._ender = None

    def _running(self, cache: Path) -> _Running:
        if self._server is not None and self._server.process.poll() is not None:
            self.close()
        if self._server is None:
            try:
                self._server = _started(self._program, self._terms, cache)
            except OSError as error:
                raise WarmFailed(f"it cannot be started ({error})") from error
            self._ender = finalize(self, self._server.end)
            self._proven, self._faults = False, 0
        return self._server

    def _allowance(self) -> float:
        """Return how long to wait: those who asked before may each take their whole time."""
        return self._wait * self._asking + (0.0 if self._proven else _START_SECONDS)

    async def _ask(self, server: _Running, request: _Request) -> Ended:
        mine, theirs = socket.socketpair()
        self._asking += 1
        with closing(mine):
            mine.setblocking(False)
            try:
                with closing(theirs):
                    socket.send_fds(server.control, [b"?"], [theirs.fileno()])
                answer = await asyncio.wait_for(_answer(mine, request), self._allowance())
            except TimeoutError as error:
                self._died(server)
                raise WarmFailed("the server has stalled") from error
            except BlockingIOError as error:
                raise WarmFailed("too many ask at once") from error
            except OSError as error:
                self._died(server)
                raise WarmFailed(f"the server does not take requests ({error})") from error
            finally:
                self._asking -= 1
        if not answer:
            self._died(server)
            raise WarmFailed("the server has died")
        self._proven = True
        try:
            ended = _understood(answer, request)
        except WarmFailed:
            self._fault(server)
            raise
        self._faults = 0
        return ended

    def _died(self, server: _Running) -> None:
        """End a server that is of no use; the more in a row, the longer until the next is started."""
        if self._server is server:
            self.close()
            self._deaths += 1
            self._rest = min(2**self._deaths - 2, _LONGEST_REST)

    def _fault(self, server: _Running) -> None:
        """Count a check without a usable answer from a server that lives; replace it after some in a row."""
        self._faults += 1
        if self._server is server and self._faults >= _FAULTS_IN_A_ROW:
            self.close()


def _note(failure: WarmFailed) -> None:
    because = " ".join(str(failure).split())
    _LOGGER.warning(_WARM_TEXT, because, extra={"event": _WARM_FAILED, "because": str(failure)})


def _limits(bounds: Bounds) -> dict[str, float]:
    return {**asdict(bounds), "at_once": os.cpu_count() or 1}


def _started(program: Sequence[str], terms: dict[str, object], cache: Path) -> _Running:
    """Start a server in a session of its own, with a folder that goes with it."""
    home = Path(tempfile.mkdtemp(prefix="millwright-mypy-server-"))
    control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        shutil.copytree(cache, home / "cache")
        (home / "session.json").write_text(json.dumps(terms), encoding="utf-8")
        process = subprocess.Popen(
            (*program, str(home)),
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=home,
            env={"PATH": "/usr/bin:/bin", "HOME": str(home), "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"},
            start_new_session=True,
        )
    except BaseException:  # an interrupt too must leave no folder: nobody else knows of it yet
        control.close()
        shutil.rmtree(home, ignore_errors=True)
        raise
    finally:
        theirs.close()
    control.setblocking(False)
    return _Running(process, control, home)


async def _answer(line: socket.socket, request: _Request) -> bytes:
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_sendall(line, json.dumps(asdict(request)).encode("ascii") + b"\n")
        pieces: list[bytes] = []
        while sum(map(len, pieces)) < _LONGEST_ANSWER:
            piece = await loop.sock_recv(line, 1024**2)
            pieces.append(piece)
            if not piece or b"\n" in piece:
                break
    except ConnectionError:
        return b""
    return b"".join(pieces)


def _understood(answer: bytes, request: _Request) -> Ended:
    """Read an answer that is whole and speaks of every file."""
    try:
        told = json.loads(answer)
        if "declined" in told:
            raise WarmDeclined(str(told["declined"]))
        if "problem" in told:
            raise WarmFailed(str(told["problem"]), bool(told.get("late", False)))
        status, lines, checked = told["status"], told["lines"], told["checked"]
        if status not in (0, 1, BLOCKED) or (status != BLOCKED and not {*request.files} <= {*checked}):
            raise WarmFailed("its answer does not speak of every file")
        return Ended(status, "\n".join(lines), "")
    except (ValueError, KeyError, TypeError) as error:
        raise WarmFailed(f"its answer is not understood: {answer[:100]!r}") from error
