"""Commands that use a stack which another command started: its owner waits for them before it stops.

A guest holds a shared lock on a file of the home, so that one killed with -9 is gone at once. It starts nothing.
"""

import asyncio
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from millwright.adapters.embedded.home import Home

_POLL_SECONDS = 0.2


@contextmanager
def visiting(home: Home) -> Iterator[None]:
    """Be a guest of the home's stack for as long as the body runs."""
    descriptor = os.open(home.guests_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


async def guests_gone(home: Home, report: Callable[[str], None]) -> None:
    """Wait until no guest is left; ``report`` is told once when there is one."""
    descriptor = os.open(home.guests_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    told = False
    try:
        while not _alone(descriptor):
            if not told:
                report("another command still uses this stack: it goes on until that has ended (Ctrl-C stops it)")
                told = True
            await asyncio.sleep(_POLL_SECONDS)
    finally:
        os.close(descriptor)


def _alone(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
