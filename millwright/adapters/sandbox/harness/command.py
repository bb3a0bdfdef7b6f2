"""Launches one command over files in the scratch directory, and carries its outputs back.

It is process 1 of its namespace: when it ends, everything that the command left running ends with it.
"""

import binascii
import os
import signal
import stat
from collections.abc import Iterator, Sequence
from typing import Any

from .confine import limit
from .wire import Channel

_SCRATCH = "/work"


def serve(channel: Channel, header: dict[str, Any]) -> None:
    """Write the files, run the command to its end, and send the wanted files and its exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command has the same user and could interrupt its launcher
    for path, text in header["files"].items():
        place = os.path.join(_SCRATCH, path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "w", encoding="utf-8", errors="surrogatepass", newline="") as file:
            file.write(text)
    channel.line(["loaded", None])
    status = _run(header)
    left = header["output_bytes"]
    for path in _wanted(header["outputs"]):
        content = _content(path, left)
        if content is not None:
            left -= len(content)
            name = os.path.relpath(path, _SCRATCH)
            channel.line(["file", name, binascii.b2a_base64(content, newline=False).decode("ascii")])
    channel.line(["bye", status])


def _wanted(outputs: Sequence[str]) -> Iterator[str]:
    for path in outputs:
        place = os.path.join(_SCRATCH, path)
        if not os.path.isdir(place):
            yield place
            continue
        for folder, folders, files in os.walk(place):
            folders.sort()
            yield from (os.path.join(folder, name) for name in sorted(files))


def _run(header: dict[str, Any]) -> int:
    child = os.fork()
    if child == 0:
        _become(header)
    while True:  # process 1 also reaps what others left behind
        pid, status = os.wait()
        if pid == child:
            return os.waitstatus_to_exitcode(status)


def _become(header: dict[str, Any]) -> None:
    argv = header["argv"]
    try:
        os.chdir(_SCRATCH)
        os.closerange(3, 1 << 20)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores these; a command expects the usual
            signal.signal(number, signal.SIG_DFL)
        limit(header["limits"])
        os.execvpe(argv[0], argv, header["environment"])  # noqa: S606 - the command is run, with no shell, on purpose
    except OSError as error:
        os.write(2, f"{argv[0]}: {error.strerror}\n".encode())
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


def _content(place: str, most: int) -> bytes | None:
    try:
        details = os.stat(place)
        if not stat.S_ISREG(details.st_mode) or details.st_size > most:
            return None
        with open(place, "rb") as file:
            return file.read()
    except OSError:
        return None
