"""Gives the simple values of which a tagged value is made, whatever contains them.

It decodes none of them.
"""

from collections.abc import Iterator
from typing import cast

from pydantic import JsonValue

from schemas.values import Value


def parts(value: Value) -> Iterator[Value]:
    """Yield every part of a value that holds no other: numbers, texts, None, and objects of other classes."""
    pending: list[JsonValue] = [value]
    while pending:
        match pending.pop():
            case ["list" | "tuple" | "set", [*items]]:
                pending.extend(items)
            case ["dict", [*pairs]]:
                pending.extend(item for pair in cast(list[list[JsonValue]], pairs) for item in pair)
            case ["record", str(), [*fields]]:
                pending.extend(pair[1] for pair in cast(list[list[JsonValue]], fields))
            case [*simple]:
                yield simple


def floats(value: Value) -> Iterator[float]:
    """Yield every float within a value."""
    for part in parts(value):
        match part:
            case ["float", str() as text]:
                yield float(text) if text in ("nan", "inf", "-inf") else float.fromhex(text)
            case _:
                continue
