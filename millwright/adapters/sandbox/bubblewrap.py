"""The sandbox on Linux namespaces, by bubblewrap: one fresh process for each program, judged from outside.

It falls back to nothing weaker: where the kernel or the machine refuses, it says what to do, and runs no code.
"""

import asyncio
import os
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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

from . import calling, commanding, judging, seccomp
from .cell import Cancellation
from .engine import Engine
from .layout import Interpreter, Layout, Privilege

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
    program's name or path.
    """

    def __init__(self, *, slots: int | None = None, bwrap: str = "bwrap") -> None:
        self._bwrap = bwrap
        self._threads = ThreadPoolExecutor(slots or os.cpu_count() or 1, thread_name_prefix="sandbox")
        self._lock = threading.Lock()
        self._engine: Engine | None = None

    async def call(self, request: CallRequest) -> CallReport:
        """Call a candidate once per argument list, and report the outcomes in order.

        Raises:
            SandboxUnavailable: the sandbox is at fault.
        """
        _demand_python(request.program)
        return await self._work(lambda engine, cancellation: calling.call(engine, request, cancellation))

    async def check_properties(self, request: PropertyRequest) -> PropertyReport:
        """Run properties in processes of their own, their calls carried to the candidate's process.

        Raises:
            SandboxUnavailable: the sandbox is at fault.
        """
        _demand_python(request.program)
        return await self._work(lambda engine, cancellation: judging.check_properties(engine, request, cancellation))

    async def evaluate(self, request: ConditionRequest) -> ConditionReport:
        """Evaluate validated expressions under bindings, in a process that holds no candidate.

        Raises:
            SandboxUnavailable: the sandbox is at fault.
        """
        return await self._work(lambda engine, cancellation: judging.evaluate(engine, request, cancellation))

    async def run(self, request: CommandRequest) -> CommandReport:
        """Run a command over files in a scratch directory.

        Raises:
            BadInput: a path leads out of the scratch directory.
            SandboxUnavailable: the sandbox is at fault.
        """
        return await self._work(lambda engine, cancellation: commanding.run(engine, request, cancellation))

    async def check(self) -> None:
        """See that a program can be confined and run on this machine.

        Raises:
            SandboxUnavailable: it cannot; the message names the remedy.
        """
        await self._work(lambda engine, cancellation: _try_out(engine, cancellation))

    def close(self) -> None:
        """Let the worker threads go; nothing can be run afterwards."""
        self._threads.shutdown()

    async def _work(self, work: Callable[[Engine, Cancellation], _Report]) -> _Report:
        cancellation = Cancellation()

        def whole() -> _Report:
            cancellation.check()
            return work(self._ready(cancellation), cancellation)

        job = self._threads.submit(whole)
        future = asyncio.wrap_future(job)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            cancellation.cancel()
            if not job.cancel():
                await asyncio.wait([future])  # the thread ends as soon as its process is dead; leave nothing behind
                future.exception()  # retrieved, so that nobody is told of an error that was asked for
            raise

    def _ready(self, cancellation: Cancellation) -> Engine:
        with self._lock:
            if self._engine is None:
                self._engine = self._find(cancellation)
            return self._engine

    def _find(self, cancellation: Cancellation) -> Engine:
        bwrap = shutil.which(self._bwrap)
        if bwrap is None:
            raise SandboxUnavailable(f"{self._bwrap} (bubblewrap) is not installed: {_INSTALL}")
        machine = os.uname().machine
        if not seccomp.supported(machine):
            raise SandboxUnavailable(f"there is no system call filter for {machine}: use an x86_64 or aarch64 machine")
        ways = [Privilege.OWN_USER, Privilege.USER_NAMESPACE] if os.geteuid() == 0 else [Privilege.USER_NAMESPACE]
        faults = []
        for way in ways:
            engine = Engine(Layout(bwrap, Interpreter.running(), way))
            try:
                _try_out(engine, cancellation)
            except SandboxUnavailable as error:
                faults.append(f"with {way}: {error}")
            else:
                return engine
        raise SandboxUnavailable(f"bubblewrap cannot confine a process here ({'; '.join(faults)}): {_NAMESPACES}")


def _try_out(engine: Engine, cancellation: Cancellation) -> None:
    program = Program(modules={"probe.py": "import json\ndef probe(): return 1"}, module="probe", function="probe")
    report = calling.call(engine, CallRequest(program=program, calls=((),)), cancellation)
    if report.ending is not Ending.COMPLETED or report.outcomes[0].value != ["int", "1"]:
        said = report.load_error or report.outcomes[0].message
        raise SandboxUnavailable(f"a trial program did not run: {report.ending}: {said}")


def _demand_python(program: Program) -> None:
    if program.language != "python":
        raise BadInput(f"this sandbox calls python, not {program.language}: use an engine of that language")
