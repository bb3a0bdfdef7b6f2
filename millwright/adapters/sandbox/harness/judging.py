"""Builds what properties and conditions see of a specification: its records, its errors and its exceptions.

The candidate's own classes are not here; these are made anew from the declarations.
"""

from __future__ import annotations

import builtins

from .wire import Records

TYPE_CHECKING = False  # as in wire
if TYPE_CHECKING:
    from collections.abc import Sequence


def make_records(declared: Sequence[tuple[str, Sequence[str]]]) -> tuple[dict[str, type], Records]:
    """Make a frozen dataclass for each record."""
    classes: dict[str, type] = {}
    if declared:
        from dataclasses import make_dataclass  # slow to import, and most specifications declare no record

        classes = {name: make_dataclass(name, list(fields), frozen=True) for name, fields in declared}
    return classes, Records(declared, classes.get)


def make_errors(declared: Sequence[tuple[str, str]]) -> dict[str, type[BaseException]]:
    """Make a class for each declared error, under its base; bases may be declared in any order."""
    made: dict[str, type[BaseException]] = {}
    waiting = dict(declared)
    while waiting:
        ready = [name for name, base in waiting.items() if base not in waiting or base == name]
        for name in ready or list(waiting):
            base = waiting.pop(name)
            made[name] = type(name, (made.get(base) or _built_in(base) or Exception,), {})
    return made


def recreate(name: str, bases: Sequence[str], message: str, declared: dict[str, type[BaseException]]) -> BaseException:
    """Make an exception of the class that the candidate raised, or under the nearest base that is known here."""
    kind = declared.get(name) or _built_in(name)
    if kind is None:
        known = (declared.get(base) or _built_in(base) for base in bases)
        kind = type(name, (next((base for base in known if base is not None), Exception),), {})

    def plain() -> BaseException:
        return kind(message)

    def quiet() -> BaseException:  # UnicodeDecodeError and its kin want more than a message
        made: type[BaseException] = type(name, (kind,), {"__init__": lambda *_: None, "__str__": lambda _: message})
        return made(message)

    for make in (plain, quiet):
        try:
            return make()
        except TypeError:  # exception groups want more even to be made
            continue
    return Exception(f"{name}: {message}")


def _built_in(name: str) -> type[BaseException] | None:
    found = getattr(builtins, name, None)
    return found if isinstance(found, type) and issubclass(found, BaseException) else None
