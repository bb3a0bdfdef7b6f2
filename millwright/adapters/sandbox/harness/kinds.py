"""Turns a list of arguments into what a call of each kind of program is: awaiting, a sequence of calls, a command.

It compares nothing. What came of a sequence is put together here as a tagged value: the shapes that it is made of are
the specification's, and no class of them exists in this process.
"""

from __future__ import annotations

import sys

from .wire import Encoder, brief, class_name, decode

TYPE_CHECKING = False  # as in wire
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from .wire import Records

    Call: TypeAlias = tuple[Callable[[], Any], Callable[[Any], list[Any]], Callable[[], list[Any]]]


def caller(target: Callable[..., Any], header: dict[str, Any], records: Records) -> Callable[[list[Any]], Call]:
    """Return what turns a frame into a call: the act, how its value is written, and the arguments afterwards.

    Raises whatever the standard library raises where it lacks what a kind needs.
    """
    if header["kind"] == "http_handler":
        from .serving import Handler  # sent for this kind alone

        return Handler(target, header, records)
    return _KINDS[header["kind"]](target, header, records)


class _Plain:
    """Calls whose arguments and value are ordinary ones."""

    def __init__(self, target: Callable[..., Any], header: dict[str, Any], records: Records) -> None:
        self._target, self._records, self._name = target, records, header["function"]

    def __call__(self, frame: list[Any]) -> Call:
        arguments = [decode(item, self._records) for item in frame]
        encoder = Encoder(self._records)
        return (
            lambda: self.act(arguments),
            lambda value: self.written(value, encoder),
            lambda: [encoder.value(item) for item in arguments],
        )

    def act(self, arguments: list[Any]) -> Any:
        raise NotImplementedError

    def written(self, value: Any, encoder: Encoder) -> list[Any]:
        return encoder.value(value)


class _Awaited(_Plain):
    """An asynchronous function, in an event loop of its own for each call."""

    def __init__(self, target: Callable[..., Any], header: dict[str, Any], records: Records) -> None:
        super().__init__(target, header, records)
        import asyncio  # slow to import, and no other kind needs it

        self._run = asyncio.run

    def act(self, arguments: list[Any]) -> Any:
        return self._run(_awaited(self._target, arguments))


async def _awaited(function: Callable[..., Any], arguments: list[Any]) -> Any:
    return await function(*arguments)


class _Command(_Plain):
    """A command: arguments and standard input go in, a status and standard output come out."""

    def __init__(self, target: Callable[..., Any], header: dict[str, Any], records: Records) -> None:
        super().__init__(target, header, records)
        import io

        class Kept(io.BytesIO):
            """What is written stays, though the stream be closed."""

            def close(self) -> None:
                pass

        self._wrap, self._bytes, self._kept = io.TextIOWrapper, io.BytesIO, Kept

    def act(self, arguments: list[Any]) -> Any:
        before = sys.stdin, sys.stdout, sys.stderr, sys.argv
        given, typed = arguments
        kept = [self._kept(), self._kept()]
        sys.stdin = self._wrap(self._bytes(typed.encode("utf-8", "surrogatepass")), "utf-8", "surrogatepass")
        streams = [self._wrap(item, "utf-8", "surrogatepass", write_through=True) for item in kept]
        sys.stdout, sys.stderr = streams
        sys.argv = [self._name, *given]
        try:
            status = self._target(list(given))
            status = 0 if status is None else status
        except SystemExit as ending:
            status = ending.code
            status = 0 if status is None else status if isinstance(status, int) else 1  # as the interpreter does
        finally:
            sys.stdin, sys.stdout, sys.stderr, sys.argv = before
        return status, bytes(kept[0].getbuffer()).decode("utf-8", "replace")

    def written(self, value: Any, encoder: Encoder) -> list[Any]:
        status, printed = value
        return ["record", "finished", [["status", encoder.value(status)], ["stdout", encoder.value(printed)]]]


class Sequence:
    """Calls of an object's methods, in order; what each came to is written down before the next is made."""

    def __init__(self, target: Callable[..., Any], header: dict[str, Any], records: Records) -> None:
        self.target, self._records = target, records
        self._state: list[str] = header["state"]
        self.methods: dict[str, tuple[list[str], list[str], str]] = {
            name: (inputs, raises, request) for name, inputs, raises, request in header["methods"]
        }

    def __call__(self, frame: list[Any]) -> Call:
        *given, calls = frame
        encoder = Encoder(self._records)
        arguments = [decode(item, self._records) for item in given]
        steps = [(name, self.step(name, fields)) for _, name, fields in calls[1]]
        return (
            lambda: self.play(arguments, steps, encoder),
            lambda written: written,
            lambda: [*(encoder.value(item) for item in arguments), calls],
        )

    def step(self, name: str, fields: list[list[Any]]) -> Any:
        """Prepare one call of a method. Raises Unusable."""
        return [decode(item, self._records) for _, item in fields]

    def play(self, arguments: list[Any], steps: list[tuple[str, Any]], encoder: Encoder) -> list[Any]:
        """Make the object, call its methods, and read its state."""
        thing = self.target(*arguments)
        outcomes = [self._outcome(thing, name, prepared, encoder) for name, prepared in steps]
        return history(outcomes, [[name, _read(thing, name, encoder)] for name in self._state])

    def _outcome(self, thing: Any, name: str, values: Any, encoder: Encoder) -> list[Any]:
        try:
            value = getattr(thing, name)(*values)
        except MemoryError:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a method raises is what came of it
            return raised(error, self.methods[name][1])
        return ["record", f"{name}_returned", [["value", encoder.value(value)]]]


def history(outcomes: list[Any], state: list[Any]) -> list[Any]:
    """Write down what came of a sequence, and the state that it led to, if any."""
    fields: list[Any] = [["outcomes", ["list", outcomes]]]
    return ["record", "history", [*fields, *([["state", ["record", "state", state]]] if state else [])]]


def raised(error: BaseException, declared: list[str]) -> list[Any]:
    """Name an exception by the nearest of its classes that belongs to the interface, else by its own."""
    kinds = [class_name(kind) for kind in type.mro(type(error))]
    name = next((kind for kind in kinds if kind in declared), kinds[0])
    return ["record", "raised", [["error", ["str", name]]]]


def _read(thing: Any, name: str, encoder: Encoder) -> list[Any]:
    try:
        return encoder.value(getattr(thing, name))
    except MemoryError:
        raise
    except BaseException as error:  # noqa: BLE001 - a property may raise anything; such a state equals no other
        return ["object", brief(error)]


_KINDS: dict[str, Callable[..., Callable[[list[Any]], Call]]] = {
    "async_function": _Awaited,
    "class": Sequence,
    "command": _Command,
}
