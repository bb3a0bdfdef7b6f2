"""Carries values over the border from inside: tagged values to Python objects and back, and the pipes to the driver.

It judges nothing and is told nothing worth stealing: no expected value ever reaches this process. It uses only what a
bare interpreter starts fast (the ``json`` package alone would double the start). Frames arrive as a four-byte length
and marshalled data, for the driver is trusted; lines of ASCII JSON go back, for this process is not.
"""

from __future__ import annotations

import binascii
import marshal
import posix
import sys
from collections import Counter, OrderedDict, defaultdict

TYPE_CHECKING = False  # typing and collections.abc take longer to import than all of this
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

try:
    from _json import encode_basestring_ascii as _quote
except ImportError:
    from json.encoder import py_encode_basestring_ascii as _quote

_dumps = marshal.dumps  # before a candidate is loaded
_DICTS = frozenset({Counter, OrderedDict, defaultdict})  # the standard library's, which a type checker takes for dicts
_MAX_LEVELS = 150  # of JSON nesting: pydantic reads no more than 200, and reports wrap values in some of their own
_MAX_NODES = 200_000
_MAX_DIGITS = 5_000
_LEAST, _MOST = -(1 << 1_000), 1 << 1_000  # far from any limit on digits that a candidate may set
_MAX_BITS = 16_610  # of an int of 5,000 digits
_SHORT = 600  # digits that every limit allows
MAX_MESSAGE = 200


class Foreign:
    """Stands for an object of a class that does not cross the border; it equals only itself."""

    def __init__(self, name: str) -> None:
        self.name = name


class _TooLarge(Exception):
    """A value has more nodes or levels than may cross the border."""


class Unusable(Exception):
    """Arguments cannot be built in this program; says which class is missing or refuses."""


class Channel:
    """The two pipes to the driver; ``plain`` tells that the last frame holds no bytes."""

    def __init__(self, receive: int, send: int) -> None:
        self._receive, self._send = receive, send
        self._read, self._write, self._loads = posix.read, posix.write, marshal.loads  # before a candidate is loaded
        self._unread = bytearray()
        self.plain = False

    def move(self, receive: int, send: int) -> None:
        """Go on with other descriptors of the same pipes."""
        self._receive, self._send = receive, send

    def frame(self) -> Any:
        """Read one frame; None at the end."""
        if (head := self._exactly(4)) is None:
            return None
        data = self._exactly(int.from_bytes(head, "big")) or b""
        self.plain = b"bytes" not in data
        return self._loads(data)

    def _exactly(self, size: int) -> bytes | None:
        unread = self._unread
        while len(unread) < size:
            part = self._read(self._receive, 1 << 16)
            if not part:
                return None
            unread += part
        found = bytes(unread[:size])
        del unread[:size]
        return found

    def line(self, value: Any) -> None:
        """Write one value as a line of JSON."""
        data = (_text(value) + "\n").encode("ascii")
        while data:
            data = data[self._write(self._send, data) :]


def _strange(value: object) -> object:
    raise TypeError(f"a line holds no {class_name(type(value))}")


try:
    from _json import make_encoder

    # no memory of what was seen, no indentation, the separators, keys neither sorted nor skipped, and NaN
    _compact: Any = make_encoder(None, _strange, _quote, None, ":", ",", False, False, True)
except (ImportError, TypeError):  # an interpreter without it, or of another version
    _compact = None


def _text(value: Any) -> str:
    return "".join(_compact(value, 0)) if _compact is not None else _slowly(value)


def _slowly(value: Any) -> str:
    if isinstance(value, str):
        return _quote(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return repr(value)
    return "[" + ",".join(map(_slowly, value)) + "]"


class Encoder:
    """Encodes one value by the exact type of everything in it; no method of the value is called."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._left = _MAX_NODES

    def value(self, value: Any) -> list[Any]:
        """Encode; a value that is too large or too deep, or changes meanwhile, becomes an object."""
        self._left = _MAX_NODES
        try:
            return self._encode(value, 1, False)
        except (_TooLarge, RecursionError):
            return ["object", "too large"]
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - fields may be properties, containers may change meanwhile
            return ["object", "unreadable"]

    def _encode(self, value: Any, level: int, hashed: bool) -> list[Any]:
        self._left -= 1
        if self._left < 0 or level > _MAX_LEVELS:
            raise _TooLarge
        kind = type(value)
        if value is None:
            return ["none"]
        if kind in _SCALARS:
            return _SCALARS[kind](value)
        if kind is list:
            return ["list", self._items(value, level + 2, hashed)]
        if kind is tuple:
            return ["tuple", self._items(value, level + 2, hashed)]
        if kind is set or (hashed and kind is frozenset):  # a set within a set has to be a frozenset in Python
            return ["set", [self._encode(item, level + 2, True) for item in value]]
        if kind is dict or kind in _DICTS:
            pairs = dict.items(value)  # the built-in's own, whatever a class has made of it since
            return ["dict", [[self._encode(k, level + 3, True), self._encode(v, level + 3, hashed)] for k, v in pairs]]
        return self._record(value, kind, level, hashed)

    def _items(self, items: Sequence[Any], level: int, hashed: bool) -> list[Any]:
        if len(items) > self._left or (items and level > _MAX_LEVELS):
            raise _TooLarge
        encoded: list[Any] = []
        for item in items:
            kind = type(item)  # the commonest two are encoded here: a call for each would cost more
            if kind is int and _LEAST < item < _MOST:
                self._left -= 1
                encoded.append(["int", str(item)])
            elif kind is str:
                self._left -= 1
                encoded.append(["str", item])
            else:
                encoded.append(self._encode(item, level, hashed))
        if self._left < 0:
            raise _TooLarge
        return encoded

    def _record(self, value: Any, kind: type, level: int, hashed: bool) -> list[Any]:
        for name, fields in self._records.fields.items():
            if self._records.known(name) is kind:
                pairs = [[field, self._encode(getattr(value, field), level + 3, hashed)] for field in fields]
                return ["record", name, pairs]
        if kind is Foreign:
            return ["object", value.name]
        return ["object", class_name(kind)]


def _integer(value: int) -> list[Any]:
    if value.bit_length() > _MAX_BITS:
        return ["object", "too large"]
    if value.bit_length() < 14_000:
        return ["int", str(value)]
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        text = str(value)
    finally:
        sys.set_int_max_str_digits(limit)
    return ["int", text] if len(text.lstrip("-")) <= _MAX_DIGITS else ["object", "too large"]


def _float(value: float) -> list[Any]:
    if value != value:
        return ["float", "nan"]
    if value in (float("inf"), float("-inf")):
        return ["float", "inf" if value > 0 else "-inf"]
    return ["float", value.hex()]


_SCALARS: dict[type, Callable[[Any], list[Any]]] = {
    bool: lambda value: ["bool", value],
    int: _integer,
    float: _float,
    str: lambda value: ["str", value],
    bytes: lambda value: ["bytes", binascii.b2a_base64(value, newline=False).decode("ascii")],
}


def class_name(kind: type) -> str:
    """Name a class, whatever its metaclass does."""
    try:
        return str(kind.__name__)[:100]
    except Exception:  # noqa: BLE001 - a metaclass of the candidate may do anything
        return "?"


class Records:
    """The record classes by name, looked up where the program defines them, once it is loaded."""

    def __init__(self, declared: Iterable[tuple[str, Sequence[str]]], find: Callable[[str], Any]) -> None:
        self.fields = dict(declared)
        self._find = find
        self._classes: dict[str, Any] = {}

    def known(self, name: str) -> Any:
        """Return the class of a declared record, or None where the program defines none."""
        if self._classes.get(name) is None:
            self._classes[name] = self._find(name)
        return self._classes[name]

    def build(self, name: str, pairs: list[tuple[str, Any]]) -> Any:
        """Make an instance. Raises Unusable when the program has no such class, or the class refuses."""
        kind = self.known(name) if name in self.fields else None
        if kind is None:
            raise Unusable(f"the program defines no record {name}")
        try:
            return kind(**dict(pairs))
        except Exception as error:  # the class is the candidate's, or validates: whatever it raises is the answer
            raise Unusable(f"the record {name} cannot be made: {brief(error)}") from error


def decode(value: list[Any], records: Records, hashed: bool = False) -> Any:
    """Decode a tagged value. Raises Unusable for a record that the program cannot make."""
    tag = value[0]
    if tag in _LITERALS:
        return _LITERALS[tag](value)
    if tag == "dict":
        return {decode(k, records, True): decode(v, records) for k, v in value[1]}
    if tag == "record":
        return records.build(value[1], [(field, decode(item, records, hashed)) for field, item in value[2]])
    if tag == "object":
        return Foreign(value[1])
    within = hashed or tag == "set"
    items = [
        int(item[1]) if item[0] == "int" and len(item[1]) < _SHORT else decode(item, records, within)
        for item in value[1]
    ]
    if tag == "set":
        return frozenset(items) if hashed else set(items)
    return items if tag == "list" else tuple(items)


def _read_integer(value: list[Any]) -> int:
    if len(value[1]) < _SHORT:
        return int(value[1])
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        return int(value[1])
    finally:
        sys.set_int_max_str_digits(limit)


_LITERALS: dict[str, Callable[[list[Any]], Any]] = {
    "none": lambda value: None,
    "bool": lambda value: value[1],
    "int": _read_integer,
    "float": lambda value: float(value[1]) if value[1] in ("nan", "inf", "-inf") else float.fromhex(value[1]),
    "str": lambda value: value[1],
    "bytes": lambda value: binascii.a2b_base64(value[1]),
}


def imprint(values: Any) -> bytes | None:
    """Describe values by the exact type of everything in them; None where there is anything but plain data.

    Equal imprints are of equal values, as long as none of them holds bytes, for which other buffers could stand.
    """
    try:
        return _dumps(values, 2)  # this version describes equal objects alike, whoever else refers to them
    except (ValueError, MemoryError):
        return None


def brief(error: BaseException) -> str:
    """Describe an exception in a line: its class and the start of its message."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - __str__ is the candidate's own
        text = "(no message)"
    return f"{class_name(type(error))}: {text[:MAX_MESSAGE]}"


def line_of(error: BaseException, file: str) -> int | None:
    """Return the innermost line of a file that an exception passed through."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
