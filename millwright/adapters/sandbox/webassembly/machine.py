"""Runs instances of the component: fresh memory for each, limits on time, memory and output, and no way out.

It knows nothing of programs or outcomes. A limit that is passed ends the instance, never this process.
"""

import contextlib
import ctypes
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from millwright.errors import SandboxUnavailable
from schemas.execution import Ending, Limits

from .component import INSTALL, ready, require_packages

if TYPE_CHECKING:
    from wasmtime.component import Component, Func
    from wasmtime.component import Instance as ComponentInstance

_TICK_SECONDS: Final = 0.01
_STACK: Final = 2 * 1024 * 1024  # the most that wasmtime takes; recursion through C code needs a lot
_CONTINUE: Final = 0  # WASMTIME_UPDATE_DEADLINE_CONTINUE in wasmtime/store.h


class Stopped(Exception):
    """The instance gave no further answer: how it ended, and in words why."""

    def __init__(self, ending: Ending, reason: str) -> None:
        super().__init__(reason)
        self.ending = ending


class Cancelled(Exception):
    """The work was cancelled from outside."""


class Cancellation:
    """Tells a worker thread that its answer is not wanted any more."""

    def __init__(self) -> None:
        self._called = threading.Event()

    def cancel(self) -> None:
        """Ask the work to end."""
        self._called.set()

    def check(self) -> None:
        """Raise Cancelled once cancelled."""
        if self._called.is_set():
            raise Cancelled


class Machine:
    """The engine, the loaded component and the ticker that interrupts running instances."""

    def __init__(self, cache: Path, cancellation: Cancellation) -> None:
        """Load the component, or build it first.

        Raises:
            SandboxUnavailable: a package is missing, or the component cannot be had.
            Cancelled: the work was cancelled.
        """
        require_packages()
        try:
            from wasmtime import Config, Engine, _ffi
            from wasmtime.component import Linker
        except (ImportError, RuntimeError, OSError) as error:  # it has no library for this machine
            raise SandboxUnavailable(f"wasmtime does not run on this machine: {error}") from error
        if not hasattr(_ffi, "wasmtime_store_epoch_deadline_callback"):
            raise SandboxUnavailable(f"this version of wasmtime cannot be interrupted as is needed: {INSTALL}")
        config = Config()
        config.epoch_interruption = True
        config.max_wasm_stack = _STACK
        self.engine = Engine(config)
        self.component: Component = ready(self.engine, cache, cancellation.check)
        self._running = threading.local()
        self.linker: Linker = Linker(self.engine)
        with self.linker.root() as root:
            root.add_func("exchange", lambda _, lines: self._top.exchanged(lines))
            root.add_func("rest", lambda _, seconds: self._top.rest(seconds))
        self.on_tick = _tick_type()(self._tick)
        self.no_finaliser = ctypes.CFUNCTYPE(None, ctypes.c_void_p)()
        self._active = 0
        self._closing = False
        self._wake = threading.Condition()
        self._ticker = threading.Thread(target=self._count_time, name="sandbox-ticker", daemon=True)
        self._ticker.start()

    def close(self) -> None:
        """Stop the ticker; nothing can be run afterwards."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._ticker.join()

    @contextlib.contextmanager
    def running(self, instance: "Instance") -> Iterator[None]:
        """Mark an instance as the one that runs in this thread; they nest, as a property's waits for a candidate's."""
        stack = self._stack
        stack.append(instance)
        with self._wake:
            self._active += 1
            self._wake.notify()
        try:
            yield
        finally:
            with self._wake:
                self._active -= 1
            stack.pop()

    @property
    def _stack(self) -> "list[Instance]":
        if not hasattr(self._running, "stack"):
            self._running.stack = []
        stack: list[Instance] = self._running.stack
        return stack

    @property
    def _top(self) -> "Instance":
        return self._stack[-1]

    def _count_time(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._active or self._closing)
                if self._closing:
                    return
            time.sleep(_TICK_SECONDS)
            self.engine.increment_epoch()

    def _tick(self, _context: Any, _data: Any, delta: Any, kind: Any) -> int:
        from wasmtime import WasmtimeError

        delta[0], kind[0] = 1, _CONTINUE  # first of all: what is not set here is whatever the memory held
        if not self._top.overdue():
            return 0
        return ctypes.cast(WasmtimeError("stopped")._consume(), ctypes.c_void_p).value or 0


def _tick_type() -> Any:
    from wasmtime import _ffi as ffi

    # wasmtime_store_epoch_deadline_callback in wasmtime/store.h; the Python package has no method for it. Without it a
    # deadline is fixed before a call, and an instance could neither be cancelled nor charged by processor time.
    arguments = (ctypes.POINTER(ffi.wasmtime_context_t), ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint64))
    return ctypes.CFUNCTYPE(ctypes.c_size_t, *arguments, ctypes.POINTER(ctypes.c_uint8))


class Instance:
    """One instance of the component with a memory of its own; use as a context manager.

    ``cpu_seconds`` is the processor time that this thread has spent in it, ``sent`` the length of its answers.
    """

    def __init__(self, machine: Machine, limits: Limits, cancellation: Cancellation) -> None:
        """Prepare an instance; it is made when it is first asked."""
        from wasmtime import Store, _ffi

        self.deadline = 0.0
        self.cpu_seconds = 0.0
        self._machine, self._limits, self._cancellation = machine, limits, cancellation
        self._exchange: Callable[[str], str] | None = None
        self.sent = self._sent_before = 0
        self._fault: Exception | None = None
        self._entered = time.thread_time()
        self._nested = 0.0
        self._store = Store(machine.engine)
        self._store.set_limits(memory_size=limits.memory_bytes)
        self._store.set_epoch_deadline(1)
        _ffi.wasmtime_store_epoch_deadline_callback(self._store.ptr(), machine.on_tick, None, machine.no_finaliser)
        self._instance: ComponentInstance | None = None
        self._functions: dict[str, Func] = {}

    def __enter__(self) -> "Instance":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give its memory back."""
        self._store.close()

    def ask(self, function: str, text: str, deadline: float) -> str:
        """Call an export with text, and return its answer; ``deadline`` as by ``time.monotonic``.

        Raises:
            Stopped: it gave none.
            SandboxUnavailable: it cannot be made.
            Cancelled: the work was cancelled.
        """
        answer: str = self._enter(function, text, deadline)
        self._charge(answer)
        return answer

    def serve(self, header: str, deadline: float, exchange: Callable[[str], str]) -> None:
        """Let it talk: ``exchange`` takes its lines and gives it a frame, or raises to end it.

        Raises:
            Stopped: it ended otherwise.
            SandboxUnavailable: it cannot be made.
            Cancelled: the work was cancelled.
        """
        self._exchange = exchange
        self._enter("serve", header, deadline)

    def _enter(self, function: str, text: str, deadline: float) -> Any:
        from wasmtime import WasmtimeError

        self._cancellation.check()
        self.deadline = deadline
        self._entered, self._nested = time.thread_time(), 0.0
        try:
            with self._machine.running(self):  # its start, too, is work that has to be interrupted
                found = self._found(function)
                answer = found(self._store, text)
                found.post_return(self._store)
        except WasmtimeError as error:
            raise self._fault or _understood(error) from error
        finally:
            self.cpu_seconds += self._spent()
        return answer

    def exclude(self, wall_seconds: float, cpu_seconds: float) -> None:
        """Take out of this instance's account what another one used in its midst."""
        self.deadline += wall_seconds
        self._nested += cpu_seconds

    def overdue(self) -> bool:
        """Tell whether the instance has to end, and keep the reason."""
        try:
            self._cancellation.check()
        except Cancelled as cancelled:
            self._fault = cancelled
        if time.monotonic() > self.deadline:
            self._fault = self._fault or Stopped(Ending.TIMED_OUT, "no answer in time")
        if self.cpu_seconds + self._spent() > self._limits.cpu_seconds:
            self._fault = self._fault or Stopped(Ending.TIMED_OUT, "the processor time is used up")
        return self._fault is not None

    def exchanged(self, lines: str) -> str:
        """Carry lines to the driver and its frame back. Raises WasmtimeError to end the instance."""
        from wasmtime import WasmtimeError

        try:
            self._charge(lines)
            if self._exchange is None:
                raise Stopped(Ending.MALFORMED, "it spoke out of turn")
            return self._exchange(lines)
        except Exception as fault:  # an edge: wasmtime would hand it to whichever thread looks first
            self._fault = fault
            raise WasmtimeError("stopped") from fault

    def rest(self, seconds: float) -> None:
        """Sleep for the instance, which is interrupted like work. Raises WasmtimeError to end the instance."""
        from wasmtime import WasmtimeError

        end = time.monotonic() + min(seconds, 1e6)
        while (left := end - time.monotonic()) > 0:
            if self.overdue():
                raise WasmtimeError("stopped")
            time.sleep(min(left, _TICK_SECONDS))

    def allow(self) -> None:
        """Let it send the whole output limit from here on, whatever it sent before."""
        self._sent_before = self.sent

    def _charge(self, text: str) -> None:
        self.sent += len(text)
        if self.sent - self._sent_before > self._limits.output_bytes:
            raise Stopped(Ending.OUTPUT_LIMIT, "more output than allowed")

    def _spent(self) -> float:
        return time.thread_time() - self._entered - self._nested

    def _found(self, name: str) -> "Func":
        if self._instance is None:
            self._instance = self._made()
        if (found := self._functions.get(name)) is None:
            if (found := self._instance.get_func(self._store, name)) is None:
                raise SandboxUnavailable(f"the component has no function {name}: remove its folder from the cache")
            self._functions[name] = found
        return found

    def _made(self) -> "ComponentInstance":
        from wasmtime import WasmtimeError

        try:
            return self._machine.linker.instantiate(self._store, self._machine.component)
        except WasmtimeError as error:
            last = _last_line(error)
            if self._fault is not None:
                raise self._fault from error
            if "exceeds memory limits" in last:
                raise Stopped(Ending.OUT_OF_MEMORY, "less memory is allowed than Python starts with") from error
            raise SandboxUnavailable(f"no instance of the component can be made: {last[:300]}") from error


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no word"])[-1].strip()


def _understood(error: Exception) -> Stopped:
    last = _last_line(error)
    if "hostcall" in last:  # more than wasmtime copies out of an instance in one call
        return Stopped(Ending.OUTPUT_LIMIT, "more output than allowed")
    if "stack exhausted" in last:
        return Stopped(Ending.CRASHED, "it recursed too deep: the stack is exhausted")
    if "unreachable" in last:
        return Stopped(
            Ending.CRASHED, "it ended, or asked a system that is not there for a file, a clock or randomness"
        )
    return Stopped(Ending.CRASHED, f"the instance ended: {last[:300]}")
