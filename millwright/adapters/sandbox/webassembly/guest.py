"""Runs inside the component: takes frames from the driver as text and answers them with the harness's lines.

It adds to the harness only what a place without a system needs: streams, a clock and no finders. It judges nothing.
"""

from __future__ import annotations

import binascii
import gc
import importlib
import io
import json
import marshal
import os
import random
import sys
import time

from millwright.adapters.sandbox.harness import calls, conditions, properties
from millwright.adapters.sandbox.harness.wire import brief, line_of

TYPE_CHECKING = False  # as in the harness
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn, SupportsIndex

# what candidates may use has to be loaded when the component is built: there are no files later
_MODULES = """
__future__ abc array ast base64 binascii bisect calendar cmath codecs collections collections.abc colorsys contextlib
contextvars copy copyreg csv dataclasses datetime decimal difflib enum errno fnmatch fractions functools gc graphlib
hashlib heapq hmac html html.entities html.parser inspect io ipaddress itertools json keyword locale logging math
numbers operator os pathlib pickle pprint queue random re reprlib sched secrets shlex statistics string stringprep
struct textwrap threading time timeit tokenize tomllib traceback types typing unicodedata urllib.parse uuid warnings
weakref zlib _md5 _sha1 _sha2 _sha3 _blake2 _strptime _pydatetime _pydecimal _weakrefset
encodings.ascii encodings.base64_codec encodings.cp1250 encodings.cp1251 encodings.cp1252 encodings.cp437
encodings.hex_codec encodings.idna encodings.iso8859_1 encodings.iso8859_15 encodings.iso8859_2 encodings.latin_1
encodings.punycode encodings.raw_unicode_escape encodings.rot_13 encodings.unicode_escape encodings.utf_16
encodings.utf_16_be encodings.utf_16_le encodings.utf_32 encodings.utf_32_be encodings.utf_32_le encodings.utf_7
encodings.utf_8 encodings.utf_8_sig encodings.zlib_codec
"""
_SYSTEM = ("open", "os.", "shutil.", "socket.", "subprocess.", "signal.", "tempfile.", "_thread.start")  # audit events
_HARMLESS = ("os.putenv", "os.unsetenv")
_UNHEARD = ("access", "getcwd", "getcwdb", "lstat", "readlink", "stat", "urandom")  # of ``os``, and without an event
_TICK = 0.001
_dumps, _loads, _decode = json.dumps, marshal.loads, binascii.a2b_base64


class Guest:
    """One program, property or set of conditions; the driver uses a fresh instance of the component for each."""

    def __init__(self, exchange: Callable[[str], str], rest: Callable[[float], None]) -> None:
        self._exchange, self._rest = exchange, rest
        self._answer: Callable[[list[Any], bool], list[Any]] | None = None
        self._count = 0

    def load(self, header: str) -> str:
        """Load a program for ``call``; return the line about it."""
        _close(self._rest)
        content = _unpack(header)
        try:
            self._answer = calls.answerer(content)
        except MemoryError:
            return _dumps(["loaded", "MemoryError: out of memory"])
        except BaseException as error:  # noqa: BLE001 - SystemExit too: importing the candidate may raise anything
            return _dumps(["loaded", brief(error), line_of(error, calls.module_file(content))])
        return _dumps(["loaded", None])

    def call(self, frame: str) -> str:
        """Answer one frame of arguments with one line."""
        assert self._answer is not None
        try:
            line = _dumps([self._count, *self._answer(_unpack(frame), False)])
        except MemoryError:
            line = _dumps([self._count, "memory"])
        self._count += 1
        return line

    def serve(self, header: str) -> None:
        """Serve a property or conditions; lines and frames are exchanged with the driver."""
        _close(self._rest)
        content = _unpack(header)
        mode = {"properties": properties, "conditions": conditions}[content["mode"]]
        channel = _Channel(self._exchange)
        mode.serve(channel, content)
        channel.frame()  # what was said last has not been sent yet


class _Channel:
    """Has the methods of the pipes to the driver; ``plain`` stays False: there is nothing to gain here by imprints."""

    plain = False

    def __init__(self, exchange: Callable[[str], str]) -> None:
        self._exchange = exchange
        self._said = ""

    def line(self, value: Any) -> None:
        self._said += _dumps(value) + "\n"

    def frame(self) -> Any:
        said, self._said = self._said, ""
        text = self._exchange(said)
        return _unpack(text) if text else None


class _Void(io.StringIO):
    """A stream that takes everything and holds nothing."""

    def write(self, text: str, /) -> int:
        return len(text)


def _unpack(text: str) -> Any:
    return _loads(_decode(text))


def prepare() -> None:
    """Load, while the component is built, whatever programs may import later."""
    for name in _MODULES.split():
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def _close(rest: Callable[[float], None]) -> None:
    """Take away what would ask a system that is not there, which ends the instance at once."""
    sys.stdin = sys.stdout = sys.stderr = sys.__stdin__ = sys.__stdout__ = sys.__stderr__ = _Void()  # type: ignore[assignment, misc]  # meant to stay
    sys.path.clear()
    sys.path_hooks.clear()
    sys.path_importer_cache.clear()
    sys.meta_path[:] = sys.meta_path[:2]  # built-in and frozen modules; what remains would look for files
    sys.addaudithook(_refuse)
    for name in _UNHEARD:
        setattr(os, name, _absent)
    random._urandom = _absent  # type: ignore[attr-defined]  # its own name for the same
    _set_clock(rest)


def _refuse(event: str, _arguments: object) -> None:
    if event.startswith(_SYSTEM) and event not in _HARMLESS:
        raise PermissionError("there is no system in this sandbox")


def _absent(*_: object, **__: object) -> NoReturn:
    raise FileNotFoundError("there is no system in this sandbox")


def _set_clock(rest: Callable[[float], None]) -> None:
    now = 0.0

    def read() -> float:
        nonlocal now
        now += _TICK
        return now

    def sleep(seconds: float | SupportsIndex, /) -> None:
        nonlocal now
        if float(seconds) < 0:
            raise ValueError("sleep length must be non-negative")
        rest(float(seconds))
        now += float(seconds)

    for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time"):
        setattr(time, name, read)
        setattr(time, f"{name}_ns", lambda: int(read() * 1e9))
    time.sleep = sleep
