"""Starts the harness: takes limits and a filter upon itself, says hello and hands over to the mode that was asked for.

It loads no untrusted code itself; when the hello line is missing, the sandbox is at fault, not the candidate.
"""

from __future__ import annotations

import sys

from . import confine
from .wire import Channel

TYPE_CHECKING = False  # as in wire
if TYPE_CHECKING:
    from types import ModuleType


def main(user: int, receive: int, send: int) -> None:
    """Serve what the first frame asks for: functions, a command, or to be a warm interpreter."""
    channel = Channel(receive, send)
    prelude = channel.frame()
    if prelude is None:
        return
    confine.settle(prelude["spaces"], user, prelude["early"])  # a fault is told on the standard error, still open
    if prelude["serve"] == "functions":
        confine.keep_only(receive, send)  # bubblewrap leaves some of its own open
        channel.move(confine.RECEIVE, confine.SEND)
        begin(channel, prelude["filter"])
        return
    channel.line(["hello", 1])
    header = channel.frame()
    if header is None:
        return
    if prelude["serve"] == "command":  # its limits are put on the command, so that its launcher can still report
        _mode("command").serve(channel, header)
    else:
        _mode("zygote").serve(channel, header, prelude["filter"])


def begin(channel: Channel, filter_program: bytes) -> None:
    """Take a header's limits and the filter upon this process, say hello, and serve its mode."""
    header = channel.frame()
    if header is None:
        return
    mode = _mode(header["mode"])
    confine.harden(header["limits"], filter_program)
    channel.line(["hello", 1])
    mode.serve(channel, header)


def _mode(name: str) -> ModuleType:
    __import__(f"{__package__}.{name}")
    return sys.modules[f"{__package__}.{name}"]
