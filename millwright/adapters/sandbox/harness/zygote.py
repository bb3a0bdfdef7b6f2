"""Is the warm interpreter: everything imported once, and one clone in namespaces of its own for each order.

It runs no untrusted code and reads nothing that a clone could have written: an order is one letter, a number and two
descriptors, and what it reports of a clone is the kernel's account.
"""

from __future__ import annotations

import _socket
import array
import gc
import posix
import select
import struct
import sys

from . import calls, confine, entry, evaluator, properties
from .wire import Channel, brief

TYPE_CHECKING = False  # as in wire
if TYPE_CHECKING:
    from typing import Any

_ORDER = struct.Struct("=cI")
_ANSWER = struct.Struct("=cIiQQ")  # kind, serial, status, CPU time in us, peak memory in KiB
WARM = (calls, evaluator, properties)  # imported for the clones


def serve(channel: Channel, header: dict[str, Any], filter_program: bytes) -> None:
    """Import what programs usually use, and clone until the driver is gone."""
    for name in header["preload"]:
        try:
            __import__(name)
        except ImportError:  # this interpreter was built without it; a candidate finds that out as well
            continue
    sys.argv[:] = [""]
    posix.environ.clear()
    if "os" in sys.modules:
        sys.modules["os"].environ.clear()
    confine.be_seen()
    channel.line(["loaded", None])
    gc.collect()
    gc.freeze()  # else the first collection in each clone would copy all of this
    _Zygote(header, filter_program).run()


class _Zygote:
    """The control socket and the clones that live."""

    def __init__(self, header: dict[str, Any], filter_program: bytes) -> None:
        self._control = _socket.socket(fileno=header["control"])
        self._proc, self._scratch = header["proc"], header["scratch_bytes"]
        self._filter = filter_program
        self._user, self._group = posix.getuid(), posix.getgid()
        self._living: dict[int, tuple[int, int]] = {}  # by descriptor: number and serial

    def run(self) -> None:
        """Take orders and report deaths until the other end is closed."""
        poller = select.poll()
        poller.register(self._control.fileno(), select.POLLIN)
        while True:
            for fd, _ in poller.poll():
                if fd != self._control.fileno():
                    poller.unregister(fd)
                    self._reap(fd)
                elif (order := self._order()) is None:
                    return
                elif (pidfd := self._clone(*order)) is not None:
                    poller.register(pidfd, select.POLLIN)

    def _order(self) -> tuple[int, int, int] | None:
        data, rights, _, _ = self._control.recvmsg(_ORDER.size, _socket.CMSG_SPACE(8))
        if len(data) != _ORDER.size or len(rights) != 1:
            return None
        fds = array.array("i")
        fds.frombytes(rights[0][2])
        return _ORDER.unpack(data)[1], fds[0], fds[1]

    def _clone(self, serial: int, receive: int, send: int) -> int | None:
        pidfd = None
        try:
            pid, pidfd = confine.clone()
        except OSError as error:
            self._answer(b"r", serial, error.errno or 0)
        else:
            if pid == 0:
                self._become(receive, send)
            self._living[pidfd] = pid, serial
            self._answer(b"s", serial, 0, pidfd=pidfd)
        posix.close(receive)
        posix.close(send)
        return pidfd

    def _become(self, receive: int, send: int) -> None:
        try:
            try:
                confine.move_in(self._proc, self._user, self._group, self._scratch)
                self._control.detach()
                confine.keep_only(receive, send)
            except OSError as error:
                Channel(receive, send).line(["fault", brief(error)])
                posix._exit(70)
            entry.begin(Channel(confine.RECEIVE, confine.SEND), self._filter)
        except BaseException:  # noqa: BLE001 - nothing may ever run on into the interpreter's own loop
            posix._exit(71)
        posix._exit(0)

    def _reap(self, pidfd: int) -> None:
        pid, serial = self._living.pop(pidfd)
        posix.close(pidfd)
        _, status, used = posix.wait4(pid, 0)
        code = -(status & 0x7F) if status & 0x7F else status >> 8
        self._answer(b"e", serial, code, int((used.ru_utime + used.ru_stime) * 1e6), used.ru_maxrss)

    def _answer(self, kind: bytes, serial: int, status: int, cpu: int = 0, peak: int = 0, pidfd: int = -1) -> None:
        rights = []
        if pidfd >= 0:
            rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack("i", pidfd))]
        self._control.sendmsg([_ANSWER.pack(kind, serial, status, cpu, peak)], rights)
