"""Values at the edges of a type: nothing, one, the least, the greatest, the repeated.

It evaluates no constraint: what bounds do not express is filtered by ``millwright.adapters.inputs.drawing``.
"""

from collections.abc import Callable
from itertools import cycle, islice
from typing import Any

from millwright.adapters.inputs.bounds import NO_BOUNDS, Bounds, ranged, sized, spanned
from millwright.adapters.inputs.palette import (
    LARGEST_MAPPING,
    LONGEST_LIST,
    LONGEST_TEXT,
    WIDEST_FLOAT,
    WIDEST_INTEGER,
    Palette,
    characters_of,
    fitting_choices,
)
from schemas.types import Kind, Type

_MOST_BOUNDARIES = 12


def boundaries_of(of: Type, palette: Palette, bounds: Bounds = NO_BOUNDS, hashed: bool = False) -> list[Any]:
    """Return values at the edges of a type within bounds, most telling first, at most twelve."""
    choices = fitting_choices(of, bounds)
    if choices:
        return choices[:_MOST_BOUNDARIES]
    return _MAKERS[of.kind](of, palette, bounds, hashed)[:_MOST_BOUNDARIES]


def _integer_edges(of: Type, palette: Palette, bounds: Bounds, hashed: bool) -> list[Any]:
    low, high = ranged(bounds, WIDEST_INTEGER)
    wanted = [0, 1, -1, low, high, 2, low + 1, high - 1, 10, (low + high) // 2]
    return [number for number in dict.fromkeys(wanted) if low <= number <= high]


def _float_edges(of: Type, palette: Palette, bounds: Bounds, hashed: bool) -> list[Any]:
    low, high = spanned(bounds, WIDEST_FLOAT)
    wanted = [0.0, 1.0, -1.0, 0.5, low, high, -0.5, 0.1, 2.5, (low + high) / 2]
    return [number + 0.0 for number in dict.fromkeys(wanted) if low <= number <= high]


def _text_edges(of: Type, palette: Palette, bounds: Bounds, hashed: bool) -> list[Any]:
    smallest, largest = sized(bounds, LONGEST_TEXT)
    characters = characters_of(bounds)
    if characters:
        one = characters[0]
        wanted = ["", one, characters[-1], one * 2, characters, characters[::-1], one * smallest]
        wanted.append("".join(islice(cycle(characters), largest)))
    else:
        wanted = ["", "a", " ", "aa", "ab", "A", "0", "a b", "é", "aba", "aA", "x" * smallest]
        wanted.append("".join(islice(cycle("abc XYZ-09"), largest)))
    return [text for text in dict.fromkeys(wanted) if smallest <= len(text) <= largest]


def _bytes_edges(of: Type, palette: Palette, bounds: Bounds, hashed: bool) -> list[Any]:
    smallest, largest = sized(bounds, LONGEST_TEXT)
    wanted = [b"", b"\x00", b"a", b"\xff", b"ab", b"a" * smallest, bytes(range(largest % 256))]
    return [data for data in dict.fromkeys(wanted) if smallest <= len(data) <= largest]


def _any_edges(of: Type, palette: Palette, bounds: Bounds, hashed: bool) -> list[Any]:
    return [0, "", None, True, 1.5] if hashed else [0, "", None, True, 1.5, [], {}, [1, "a"], {"a": 1}]


def _union_edges(of: Type, palette: Palette, bounds: Bounds, hashed: bool) -> list[Any]:
    each = [boundaries_of(member, palette, bounds, hashed) for member in of.arguments]
    longest = max(map(len, each), default=0)
    return [values[index] for index in range(longest) for values in each if index < len(values)]


def _product_edges(of: Type, palette: Palette, bounds: Bounds, hashed: bool) -> list[Any]:
    if of.kind is Kind.TUPLE:
        members = [(member, NO_BOUNDS) for member in of.arguments]
    else:
        members = [(field, palette.bounds_of(of.name, name)) for name, field in palette.fields[of.name]]
    make: Callable[..., Any] = (lambda *values: values) if of.kind is Kind.TUPLE else palette.classes[of.name]
    if not members:
        return [make()]
    each = [boundaries_of(member, palette, own, hashed) for member, own in members]
    if not all(each):  # nothing lies within the bounds
        return []
    longest = max(map(len, each))
    return [make(*(values[index % len(values)] for values in each)) for index in range(longest)]


def _sequence_edges(of: Type, palette: Palette, bounds: Bounds, hashed: bool) -> list[Any]:
    smallest, largest = sized(bounds, LONGEST_LIST)
    members = boundaries_of(of.arguments[0], palette, bounds.elements or NO_BOUNDS, hashed)
    wanted: list[list[Any]] = [[], *([member] for member in members[:3])]
    if members:
        first, second = members[0], members[-1 if len(members) < 2 else 1]
        wanted += [[first] * 2, members, members[::-1], list(islice(cycle(members), smallest))]
        wanted += [[first, second, first], [first, first, second], [second, second, first]]
        wanted.append(list(islice(cycle(members), largest)))
    make = tuple if of.kind is Kind.VARIADIC else list
    return [make(several) for several in wanted if smallest <= len(several) <= largest]


def _mapping_edges(of: Type, palette: Palette, bounds: Bounds, hashed: bool) -> list[Any]:
    smallest, largest = sized(bounds, LARGEST_MAPPING)
    keys = list(dict.fromkeys(boundaries_of(of.arguments[0], palette, bounds.elements or NO_BOUNDS, True)))
    wanted: list[list[Any]] = [[], *([key] for key in keys[:3]), keys[:2], keys[:smallest], keys[:largest]]
    chosen = [several for several in wanted if smallest <= len(several) <= largest]
    if of.kind is Kind.SET:
        return [set(several) for several in chosen]
    values = boundaries_of(of.arguments[1], palette)
    return [dict(zip(several, cycle(values), strict=False)) for several in chosen]


_MAKERS: dict[Kind, Callable[[Type, Palette, Bounds, bool], list[Any]]] = {
    Kind.INT: _integer_edges,
    Kind.FLOAT: _float_edges,
    Kind.BOOL: lambda *_: [False, True],
    Kind.NONE: lambda *_: [None],
    Kind.STR: _text_edges,
    Kind.BYTES: _bytes_edges,
    Kind.ANY: _any_edges,
    Kind.UNION: _union_edges,
    Kind.TUPLE: _product_edges,
    Kind.RECORD: _product_edges,
    Kind.LIST: _sequence_edges,
    Kind.VARIADIC: _sequence_edges,
    Kind.SET: _mapping_edges,
    Kind.DICT: _mapping_edges,
}
