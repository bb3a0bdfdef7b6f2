"""The sandbox on Linux namespaces, by bubblewrap: one fresh process for each program, judged from outside.

Processes are cloned from warm interpreters, each into namespaces of its own; where the machine refuses nested user
namespaces, each has a bubblewrap of its own, which is slower. It falls back to nothing weaker: where that is refused
too, it says what to do, and runs no code.
"""

import os
import shutil
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from millwright.errors import BadInput, SandboxUnavailable
from schemas.execution import (
    CallReport,
    CallRequest,
    CommandReport,
    CommandRequest,
    ConditionReport,
    ConditionRequest,
    Ending,
    Program,
    PropertyReport,
    PropertyRequest,
)

from . import calling, commanding, evaluating, proving, seccomp
from .cell import Cancellation
from .engine import Engine
from .layout import Interpreter, Layout, Privilege, check_grants
from .slots import Slot, Slots
from .threads import finished

_Report = TypeVar("_Report")

_INSTALL = "install it (Debian, Ubuntu: apt-get install bubblewrap)"
_NAMESPACES = (
    "allow user namespaces for bubblewrap: sysctl kernel.unprivileged_userns_clone=1, or, on Ubuntu 24.04 and later, "
    "sysctl kernel.apparmor_restrict_unprivileged_userns=0; in a container, start it with "
    "--security-opt seccomp=unconfined --cap-add SYS_ADMIN"
)


class BubblewrapSandbox:
    """Runs untrusted Python under bubblewrap, as root or as an ordinary user.

    ``slots`` is how many requests are worked on at once, one a core by default; further ones wait. ``bwrap`` is the
    program's name or path. ``patience_seconds`` is how long a warm interpreter may take to answer before it is
    replaced; ``warm`` False does without.
    """

    def __init__(
        self, *, slots: int | None = None, bwrap: str = "bwrap", patience_seconds: float = 10.0, warm: bool = True
    ) -> None:
        self._bwrap, self._patience, self._warm = bwrap, patience_seconds, warm
        self._threads = ThreadPoolExecutor(slots or os.cpu_count() or 1, thread_name_prefix="sandbox")
        self._lock = threading.Lock()
        self._make: Callable[[], Slot] | None = None
        self._slots = Slots()
        self._end = weakref.finalize(self, self._slots.close)

    async def call(self, request: CallRequest) -> CallReport:
        """Call a candidate once per argument list, and report the outcomes in order.

        Raises:
            SandboxUnavailable: the sandbox is at fault.
        """
        _check(request.program)
        return await self._work(lambda slot, cancellation: calling.call(slot, request, cancellation))

    async def check_properties(self, request: PropertyRequest) -> PropertyReport:
        """Run properties in processes of their own, their calls carried to the candidate's process.

        Raises:
            SandboxUnavailable: the sandbox is at fault.
        """
        _check(request.program)
        return await self._work(lambda slot, cancellation: proving.check_properties(slot, request, cancellation))

    async def evaluate(self, request: ConditionRequest) -> ConditionReport:
        """Evaluate validated expressions under bindings, in a process that holds no candidate.

        Raises:
            SandboxUnavailable: the sandbox is at fault.
        """
        return await self._work(lambda slot, cancellation: evaluating.evaluate(slot, request, cancellation))

    async def run(self, request: CommandRequest) -> CommandReport:
        """Run a command over files in a scratch directory.

        Raises:
            BadInput: a path leads out of the scratch directory.
            SandboxUnavailable: the sandbox is at fault.
        """
        return await self._work(lambda slot, cancellation: commanding.run(slot.engine, request, cancellation))

    async def check(self) -> None:
        """See that a program can be confined and run on this machine.

        Raises:
            SandboxUnavailable: it cannot; the message names the remedy.
        """
        await self._work(_try_out)

    def close(self) -> None:
        """Wait for what is under way and end every process; nothing can be run afterwards."""
        self._threads.shutdown()
        self._end()

    async def _work(self, work: Callable[[Slot, Cancellation], _Report]) -> _Report:
        cancellation = Cancellation()

        def whole() -> _Report:
            cancellation.check()
            slot = self._slots.take(self._ready(cancellation))
            try:
                return slot.work(lambda slot: work(slot, cancellation))
            finally:
                self._slots.give_back(slot)

        return await finished(self._threads.submit(whole), cancellation.cancel)

    def _ready(self, cancellation: Cancellation) -> Callable[[], Slot]:
        with self._lock:
            if self._make is None:
                self._make = self._find(cancellation)
            return self._make

    def _find(self, cancellation: Cancellation) -> Callable[[], Slot]:
        bwrap = shutil.which(self._bwrap)
        if bwrap is None:
            raise SandboxUnavailable(f"{self._bwrap} (bubblewrap) is not installed: {_INSTALL}")
        machine = os.uname().machine
        if not seccomp.supported(machine):
            raise SandboxUnavailable(f"there is no system call filter for {machine}: use an x86_64 or aarch64 machine")
        ways = [Privilege.OWN_USER, Privilege.USER_NAMESPACE] if os.geteuid() == 0 else [Privilege.USER_NAMESPACE]
        faults = []
        for warm in (True, False) if self._warm else (False,):
            for way in ways:
                make = partial(Slot, Engine(Layout(bwrap, Interpreter.running(), way)), warm, self._patience)
                slot = make()
                try:
                    _try_out(slot, cancellation)
                except BaseException as error:
                    slot.close()
                    if not isinstance(error, SandboxUnavailable):
                        raise
                    faults.append(f"with {way}{' and a warm interpreter' if warm else ''}: {error}")
                else:
                    self._slots.give_back(slot)
                    return make
        raise SandboxUnavailable(f"bubblewrap cannot confine a process here ({'; '.join(faults)}): {_NAMESPACES}")


def _try_out(slot: Slot, cancellation: Cancellation) -> None:
    program = Program(modules={"probe.py": "import json\ndef probe(): return 1"}, module="probe", function="probe")
    report = calling.call(slot, CallRequest(program=program, calls=((),)), cancellation)
    if report.ending is not Ending.COMPLETED or report.outcomes[0].value != ["int", "1"]:
        said = report.load_error or report.outcomes[0].message
        raise SandboxUnavailable(f"a trial program did not run: {report.ending}: {said}")


def _check(program: Program) -> None:
    if program.language != "python":
        raise BadInput(f"this sandbox calls python, not {program.language}: use an engine of that language")
    if program.packages:
        raise BadInput(f"{program.module} is granted packages, which nobody laid beside it: use SandboxWithPackages")
    check_grants(program.files)
