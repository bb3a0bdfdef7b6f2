"""Waits for work in a thread, and ends that work before a cancellation goes on.

It starts no thread and knows nothing of what is done in one.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


async def finished(job: "Future[T]", cancel: Callable[[], None]) -> T:
    """Return what the work returns; when this is cancelled, ``cancel`` makes the work end, which is waited for."""
    future = asyncio.wrap_future(job)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        cancel()
        if not job.cancel():
            await asyncio.wait([future])  # leave nothing behind
            future.exception()  # retrieved, so that nobody is told of an error that was asked for
        raise
