"""Keeps one warm interpreter and one evaluator for each slot, and replaces those that are lost.

It answers no request itself. What the interpreter lost is tried again on a fresh one, and at last in a bubblewrap of
its own, where whatever kills the process is the program's own doing: so a broken interpreter is never held against a
candidate, and a candidate that breaks interpreters never passes for a fault of the sandbox.
"""

import threading
from collections.abc import Callable
from typing import Final, TypeVar

from millwright.errors import SandboxUnavailable
from schemas.execution import Limits

from .cell import Cancellation, Cell
from .engine import Engine
from .process import Lost
from .zygote import Zygote

_Report = TypeVar("_Report")
_ATTEMPTS: Final = 2  # with warm interpreters, before a program gets a bubblewrap of its own; as many with those
_EVALUATIONS: Final = 5_000  # requests that one evaluator serves, so that its memory stays small


class Slot:
    """Starts processes for one request at a time, by a warm interpreter where the machine allows one."""

    def __init__(self, engine: Engine, warm: bool, patience_seconds: float) -> None:
        self.engine, self._warm, self._patience = engine, warm, patience_seconds
        self._zygote: Zygote | None = None
        self._evaluator: Cell | None = None
        self._served = 0

    def functions(
        self, mode: str, cancellation: Cancellation, most_output: int, files: tuple[str, ...] = (), serves: bool = False
    ) -> Cell:
        """Start a process; one with writable folders, or a network, has a bubblewrap of its own.

        Raises as the Starter does.
        """
        if not self._warm or files or serves:
            return self.engine.functions(mode, cancellation, most_output, files, serves)
        if self._zygote is None:
            try:
                self._zygote = self.engine.zygote(cancellation, self._patience)
            except SandboxUnavailable as error:
                raise Lost(str(error)) from error
        return Cell(self._zygote.spawn(cancellation), cancellation, most_output=most_output)

    def limits(self, limits: Limits) -> dict[str, int]:
        """Name the kernel's limits for functions."""
        return self.engine.limits(limits)

    def kept_evaluator(self, cancellation: Cancellation, most_output: int) -> Cell | None:
        """Take out the evaluator that was kept, if any; whoever takes it gives it back or closes it.

        Raises:
            Cancelled: the work was cancelled.
        """
        cell, self._evaluator = self._evaluator, None
        if cell is None:
            self._served = 0
            return None
        try:
            cell.serve(cancellation, most_output)
        except BaseException:
            cell.abandon()
            raise
        return cell

    def give_back(self, cell: Cell, cancellation: Cancellation) -> None:
        """Keep an evaluator that answered everything for the next request."""
        self._served += 1
        cancellation.remove(cell)
        if self._served < _EVALUATIONS:
            self._evaluator = cell
        else:
            cell.close()

    def work(self, work: Callable[["Slot"], _Report]) -> _Report:
        """Do a piece of work, again where the sandbox's own processes were lost under it.

        Raises:
            SandboxUnavailable: the sandbox is at fault.
        """
        for _ in range(_ATTEMPTS if self._warm else _ATTEMPTS - 1):
            try:
                return work(self)
            except Lost:
                self.close()
        if not self._warm:
            return work(self)
        alone = Slot(self.engine, False, self._patience)
        try:
            return alone.work(work)
        finally:
            alone.close()

    def close(self) -> None:
        """End what it keeps; the next request starts afresh."""
        evaluator, self._evaluator = self._evaluator, None
        zygote, self._zygote = self._zygote, None
        if evaluator is not None:
            evaluator.abandon()
        if zygote is not None:
            zygote.close()


class Slots:
    """All slots of a sandbox; threads take them one each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: list[Slot] = []
        self._closed = False

    def take(self, make: Callable[[], Slot]) -> Slot:
        """Take a free slot, or make another."""
        with self._lock:
            return self._free.pop() if self._free else make()

    def give_back(self, slot: Slot) -> None:
        """Put a slot back."""
        with self._lock:
            if not self._closed:
                self._free.append(slot)
                return
        slot.close()

    def close(self) -> None:
        """End what free slots keep, now, and what taken ones keep when they come back."""
        with self._lock:
            self._closed = True
            slots, self._free = self._free, []
        for slot in slots:
            slot.close()
