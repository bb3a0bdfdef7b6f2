"""Runs one property; the function under test is a proxy whose calls the driver answers from the candidate's process.

The candidate's source is not here, so a property cannot look at it and the candidate cannot look at the property.
"""

from __future__ import annotations

import posix
from types import FunctionType

from .calls import seeder
from .judging import make_errors, make_records, recreate
from .wire import Channel, Encoder, Records, brief, decode, imprint, line_of

TYPE_CHECKING = False  # as in wire
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

_FILE = "<property>"


class _Proxy:
    """Stands for the function under test."""

    def __init__(self, channel: Channel, header: dict[str, Any], records: Records, errors: dict[str, Any]) -> None:
        self._channel, self._records, self._errors = channel, records, errors
        self._names: list[str] = header["inputs"]
        self.__name__ = self.__qualname__ = header["function"]
        self.raised: list[BaseException] = []
        self._waiting: list[tuple[Any, bool]] = []  # arguments that arrived while an outcome was awaited
        self._known: tuple[list[Any], Any] | None = None
        self._imprint: bytes | None = None
        self._plain = False

    def next(self) -> list[Any] | None:
        """Return the next arguments to try, and know again what the first call with exactly these comes to."""
        frame, plain = self._waiting.pop(0) if self._waiting else (self._channel.frame(), self._channel.plain)
        if frame is None:
            return None
        self._plain, self._imprint = plain, None
        self.raised.clear()
        if frame[:1] != ["try"]:  # bare arguments, of which nothing is known
            frame = ["try", frame, None]
        _, arguments, known = frame
        self._known = None if known is None else (arguments, known)
        return list(arguments)

    def note(self, values: list[Any]) -> None:
        """Take down what the arguments look like that the property is about to see."""
        if self._known is not None and self._plain:
            self._imprint = imprint(values)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Give the outcome of a call: the one that is known, or the one that the driver is asked for."""
        outcome = self._outcome(self._in_order(arguments, named))
        if outcome[0] == "returned":
            return decode(outcome[1], self._records)
        error = recreate(outcome[1], outcome[2], outcome[3], self._errors)
        self.raised.append(error)
        raise error

    def _outcome(self, values: list[Any]) -> Any:
        if self._known is not None and self._imprint is not None and imprint(values) == self._imprint:
            outcome, self._known = self._known[1], None
            return outcome
        arguments = self._encoded(values)
        if self._known is not None:
            inputs, outcome = self._known
            # encoded here as the call's are: orders of sets and names of floats may differ from those that came
            if self._encoded(decode(item, self._records) for item in inputs) == arguments:
                self._known = None
                return outcome
        self._channel.line(["ask", arguments])
        while (frame := self._channel.frame()) is not None:
            if frame[0] != "try":
                return frame
            self._waiting.append((frame, self._channel.plain))
        posix._exit(0)  # the driver is gone, or has seen enough

    def _encoded(self, items: Iterable[Any]) -> list[Any]:
        encoder = Encoder(self._records)
        return [encoder.value(item) for item in items]

    def _in_order(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> list[Any]:
        rest = self._names[len(arguments) :]
        if set(rest) != set(named) or len(arguments) > len(self._names):
            raise TypeError(f"{self.__name__}() takes the arguments ({', '.join(self._names)})")
        return [*arguments, *(named[name] for name in rest)]


def serve(channel: Channel, header: dict[str, Any]) -> None:
    """Compile the property and try it on each frame of arguments, one line for each, up to the first failure."""
    seed = seeder([header["source"]])
    try:
        classes, records = make_records(header["records"])
        errors = make_errors(header["errors"])
        proxy = _Proxy(channel, header, records, errors)
        names = {**classes, **errors, header["function"]: proxy, "__name__": "property"}
        function = _compile(header, names)
    except BaseException as error:  # noqa: BLE001 - the property's own top level may raise anything
        return channel.line(["loaded", brief(error)])
    channel.line(["loaded", None])
    while (arguments := proxy.next()) is not None:
        seed()
        result = _try(function, arguments, records, proxy, header)
        channel.line(result)
        if result[0] != "held":
            break
    return None


def _compile(header: dict[str, Any], names: dict[str, Any]) -> Callable[..., Any]:
    exec(compile(header["source"], _FILE, "exec", dont_inherit=True), names)  # noqa: S102 - untrusted code is run here on purpose
    made = [item for item in names.values() if isinstance(item, FunctionType) and item.__module__ == "property"]
    named = names.get(header["name"])
    if not made:
        raise TypeError("the source defines no function")
    function = named if isinstance(named, FunctionType) else made[-1]
    code = function.__code__
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    if strange := [name for name in parameters if name not in header["inputs"]]:
        raise TypeError(f"parameters that are no inputs: {', '.join(strange)} (inputs: {', '.join(header['inputs'])})")
    return function


def _try(
    function: Callable[..., Any], frame: list[Any], records: Records, proxy: _Proxy, header: dict[str, Any]
) -> list[Any]:
    code = function.__code__
    wanted = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    try:
        values = zip(header["inputs"], frame, strict=True)
        arguments = {name: decode(item, records) for name, item in values if name in wanted}
        if len(arguments) == len(frame):
            proxy.note(list(arguments.values()))
        if function(**arguments) is False:
            return ["failed", "the property returned False"]
        return ["held"]
    except BaseException as error:  # noqa: BLE001 - whatever a property raises is its answer
        if any(error is raised for raised in proxy.raised):
            return ["failed", f"the candidate raised {brief(error)}"]
        return ["failed" if isinstance(error, AssertionError) else "broken", _located(error, header["source"])]


def _located(error: BaseException, source: str) -> str:
    line = line_of(error, _FILE)
    if isinstance(error, AssertionError) and line is not None:
        message = brief(error).partition(": ")[2] or source.splitlines()[line - 1].strip()
        return f"assertion failed at line {line}: {message}"
    return brief(error) + (f" at line {line}" if line is not None else "")
