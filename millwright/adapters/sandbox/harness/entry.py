"""Starts the harness: says hello, takes the resource limits upon itself and hands over to the mode that was asked for.

It loads no untrusted code itself; when the hello line is missing, the sandbox is at fault, not the candidate.
"""

from __future__ import annotations

import posix
import resource
import sys

from .wire import Channel

TYPE_CHECKING = False  # as in wire
if TYPE_CHECKING:
    from typing import Any


def main(receive: int, send: int) -> None:
    """Serve one header frame and whatever follows it."""
    channel = Channel(receive, send)
    channel.line(["hello", 1])
    header = channel.frame()
    if header is None:
        return
    mode = header["mode"]
    if mode != "command":  # a command has streams, and its limits are put on it, so that its launcher can still report
        posix.dup2(1, 2)
        limit(header["limits"])
    __import__(f"{__package__}.{mode}")
    sys.modules[f"{__package__}.{mode}"].serve(channel, header)


def limit(limits: dict[str, Any]) -> None:
    """Lower this process's limits; none of them can be raised again."""
    for name, amount in limits.items():
        which = getattr(resource, f"RLIMIT_{name}")
        ceiling = resource.getrlimit(which)[1]
        if ceiling != resource.RLIM_INFINITY:
            amount = min(amount, ceiling)
        resource.setrlimit(which, (amount, amount))
