"""Lets programs run beside each other, and one that is timed run while no other does.

It knows of this worker's programs only: what else the machine does is beyond it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Quiet:
    """Runs are shared or alone; one that waits to be alone goes before those that come after it."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._running = 0
        self._alone = False
        self._waiting = 0

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        """Run beside others."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._alone and not self._waiting)
            self._running += 1
        try:
            yield
        finally:
            await self._left()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Run once all others have ended, and keep them waiting meanwhile."""
        async with self._changed:
            self._waiting += 1
            try:
                await self._changed.wait_for(lambda: not self._alone and not self._running)
            finally:
                self._waiting -= 1
                self._changed.notify_all()
            self._alone = True
        try:
            yield
        finally:
            self._alone = False
            await self._wake()

    async def fewer_than(self, most: int) -> None:
        """Wait until fewer programs run, and none alone or about to."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._running < most and not self._alone and not self._waiting)

    async def _left(self) -> None:
        self._running -= 1
        await self._wake()

    async def _wake(self) -> None:
        async with self._changed:
            self._changed.notify_all()
