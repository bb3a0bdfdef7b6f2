"""Measures how simple an argument list is, so that the smallest of several counter-examples can be shown.

It compares nothing and proposes nothing.
"""

import base64
import math
from collections.abc import Iterable
from typing import cast

from pydantic import JsonValue

from schemas.values import Value

Size = tuple[int, int]
"""How many parts a value has, then how far its numbers and characters are from the simplest; compared in this order."""

LONGEST_INTEGER = 4000
"""Digits beyond which an int stays text: Python refuses to convert more than 4300 (sys.set_int_max_str_digits)."""

_BEYOND = 10**400
"""More than twice any float: one that is no whole number is farther from simple than all that are."""


def size(arguments: Iterable[Value]) -> Size:
    """Measure an argument list: the smaller, the simpler for a reader."""
    measured = [_size(value) for value in arguments]
    return sum(parts for parts, _ in measured), sum(far for _, far in measured)


def _size(value: JsonValue) -> Size:
    match value:
        case ["none"]:
            return 0, 0
        case ["bool", bool() as truth]:
            return 1, int(truth)
        case ["int", str() as text]:
            return 1, _far_integer(text)
        case ["float", str() as text]:
            return 1, _far_float(text)
        case ["str", str() as text]:
            return 1 + len(text), sum(map(_far_character, text))
        case ["bytes", str() as text]:
            content = base64.b64decode(text)
            return 1 + len(content), sum(content)
        case ["list" | "tuple" | "set", list() as items]:
            parts, far = size(cast(list[Value], items))
            return 1 + len(items) + parts, far
        case ["dict", list() as pairs]:
            parts, far = size(part for pair in cast(list[list[Value]], pairs) for part in pair)
            return 1 + len(pairs) + parts, far
        case ["record", str(), list() as fields]:
            parts, far = size(item for _, item in cast(list[tuple[str, Value]], fields))
            return 1 + parts, far
        case _:
            return 1, 0


def _far_integer(text: str) -> int:
    if len(text) > LONGEST_INTEGER:
        return int(10 ** len(text))  # int: a power may be a float to a type checker
    number = int(text)
    return 2 * abs(number) + (number < 0)


def _far_float(text: str) -> int:
    if text in ("inf", "-inf", "nan"):
        return _BEYOND * (100 + ("inf", "-inf", "nan").index(text))
    number = float.fromhex(text)
    sign = int(math.copysign(1.0, number) < 0)
    if number.is_integer():
        return 2 * abs(int(number)) + sign
    return _BEYOND * len(repr(abs(number))) + 2 * abs(math.trunc(number)) + sign


def _far_character(character: str) -> int:
    if "0" <= character <= "9":
        return ord(character) - ord("0")
    if "a" <= character <= "z":
        return 10 + ord(character) - ord("a")
    if character == " ":
        return 40
    return 100 + ord(character)
