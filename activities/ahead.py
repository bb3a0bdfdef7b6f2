"""Begins work ahead of its turn, while the machine would otherwise idle; whose turn has come always goes before.

It decides nothing: what was begun and is never asked for is ended, and nobody hears of it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Generic, TypeVar

from activities.quiet import Quiet

T = TypeVar("T")


class Spare:
    """Room for work ahead of its turn: for ``most`` pieces at once, and only while fewer programs than that run."""

    def __init__(self, quiet: Quiet, most: int) -> None:
        self._quiet, self._most = quiet, most
        self._room = asyncio.Semaphore(max(most, 1))

    def begin(self, work: Callable[[], Coroutine[Any, Any, T]]) -> "Ahead[T]":
        """Begin as soon as there is room; without any, the work waits for its turn."""
        return Ahead(self, work)

    async def run(self, ahead: "Ahead[T]") -> T:
        """Wait for room, then do the work."""
        async with self._room:
            await self._quiet.fewer_than(self._most)
            return await ahead.start()


class Ahead(Generic[T]):
    """One piece of work; use as a context manager, which ends what was begun and not taken."""

    def __init__(self, spare: Spare, work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._work = work
        self._started = False
        self._task = asyncio.ensure_future(spare.run(self))

    async def __aenter__(self) -> "Ahead[T]":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def start(self) -> Coroutine[Any, Any, T]:
        """Do the work from here on, whether or not its turn has come."""
        self._started = True
        return self._work()

    async def take(self) -> T:
        """Its turn has come: return what was begun, or do the work now."""
        if self._started:
            return await self._task
        self._task.cancel()
        return await self._work()
