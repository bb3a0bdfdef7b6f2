"""The sandbox on WebAssembly: CPython in wasmtime, one fresh instance for each program, judged from outside.

It needs nothing of the kernel, and cannot run commands. The package's docstring tells what candidates meet in it.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from millwright.adapters.sandbox.threads import finished
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
from schemas.specification import TaskKind

from . import calling, judging
from .machine import Cancellation, Machine

_Report = TypeVar("_Report")
_THREAD_STACK: Final = 16 * 1024 * 1024  # instances run on their thread's stack, of which the default may be small
_KINDS: Final = frozenset({TaskKind.FUNCTION, TaskKind.CLASS})
_POLL_SECONDS: Final = 0.1
_STACK_LOCK: Final = threading.Lock()


class WebAssemblySandbox:
    """Runs untrusted Python in WebAssembly, within this process.

    ``cache`` is a folder of the user's own, in which the component is kept (some 60 MB for each version); it is built
    there on the first need, which takes up to a minute. ``slots`` is how many requests are worked on at once, one a
    core by default; further ones wait.
    """

    def __init__(self, cache: Path, *, slots: int | None = None) -> None:
        self._cache = cache
        self._slots = slots or os.cpu_count() or 1
        self._lock = threading.Lock()
        self._building = threading.Lock()  # held for as long as a build takes; never by the event loop
        self._threads: ThreadPoolExecutor | None = None
        self._machine: Machine | None = None
        self._closed = False

    async def call(self, request: CallRequest) -> CallReport:
        """Call a candidate once per argument list, and report the outcomes in order.

        Raises:
            BadInput: the program is not in Python, or is granted files.
            SandboxUnavailable: the sandbox is at fault.
        """
        _demand_fit(request.program)
        return await self._work(lambda machine, cancellation: calling.call(machine, request, cancellation))

    async def check_properties(self, request: PropertyRequest) -> PropertyReport:
        """Run properties in instances of their own, their calls carried to the candidate's instance.

        Raises:
            BadInput: as for ``call``.
            SandboxUnavailable: the sandbox is at fault.
        """
        _demand_fit(request.program)
        return await self._work(lambda machine, cancellation: judging.check_properties(machine, request, cancellation))

    async def evaluate(self, request: ConditionRequest) -> ConditionReport:
        """Evaluate validated expressions under bindings, in an instance that holds no candidate.

        Raises:
            SandboxUnavailable: the sandbox is at fault.
        """
        return await self._work(lambda machine, cancellation: judging.evaluate(machine, request, cancellation))

    async def run(self, request: CommandRequest) -> CommandReport:
        """Refuse to run a command: there are no processes in WebAssembly.

        Raises:
            SandboxUnavailable: always.
        """
        raise SandboxUnavailable(
            f"the WebAssembly engine cannot run the command {request.argv[0]}: commands need bubblewrap; install it "
            "(Debian, Ubuntu: apt-get install bubblewrap) on a Linux host that allows user namespaces"
        )

    async def check(self) -> None:
        """See that a program can be run on this machine; builds the component where it is not there yet.

        Raises:
            SandboxUnavailable: it cannot; the message names the remedy.
        """
        await self._work(_try_out)

    def close(self) -> None:
        """Let the worker threads go; nothing can be run afterwards."""
        with self._lock:
            self._closed = True
            threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown()
        if self._machine is not None:
            self._machine.close()
            self._machine = None

    async def _work(self, work: Callable[[Machine, Cancellation], _Report]) -> _Report:
        cancellation = Cancellation()

        def whole() -> _Report:
            cancellation.check()
            return work(self._ready(cancellation), cancellation)

        return await finished(self._pool().submit(whole), cancellation.cancel)

    def _pool(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._closed:
                raise SandboxUnavailable("the WebAssembly engine is closed")
            if self._threads is None:
                self._threads = _start_threads(self._slots)
            return self._threads

    def _ready(self, cancellation: Cancellation) -> Machine:
        while not self._building.acquire(timeout=_POLL_SECONDS):
            cancellation.check()
        try:
            if self._machine is None:
                self._machine = Machine(self._cache, cancellation)
            return self._machine
        finally:
            self._building.release()


def _start_threads(count: int) -> ThreadPoolExecutor:
    pool = ThreadPoolExecutor(count, thread_name_prefix="webassembly")
    started = threading.Barrier(count + 1)
    with _STACK_LOCK:  # the size holds for all threads that are started meanwhile, which does them no harm
        before = threading.stack_size(_THREAD_STACK)
        try:
            for _ in range(count):
                pool.submit(started.wait)  # none ends before all are started, so that each has a thread of its own
        finally:
            threading.stack_size(before)
    started.wait()
    return pool


def _try_out(machine: Machine, cancellation: Cancellation) -> None:
    program = Program(modules={"probe.py": "import json\ndef probe(): return 1"}, module="probe", function="probe")
    report = calling.call(machine, CallRequest(program=program, calls=((),)), cancellation)
    if report.ending is not Ending.COMPLETED or report.outcomes[0].value != ["int", "1"]:
        said = report.load_error or report.outcomes[0].message
        raise SandboxUnavailable(f"a trial program did not run: {report.ending}: {said}")


def _demand_fit(program: Program) -> None:
    if program.language != "python":
        raise BadInput(f"this sandbox calls python, not {program.language}: use an engine of that language")
    if program.kind not in _KINDS:
        raise BadInput(
            f"the WebAssembly engine has no system, and runs no {program.kind.words}, as {program.module} is: "
            "use bubblewrap"
        )
    if program.packages:
        raise BadInput(f"{program.module} is granted packages, which nobody laid beside it: use SandboxWithPackages")
    if program.files:
        raise BadInput(f"the WebAssembly engine has no files, and {program.module} is granted some: use bubblewrap")
