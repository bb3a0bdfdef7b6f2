"""Fills lists, texts and mappings of any size with values of a type, within bounds, from a seeded generator.

It is for timing: values are many and plain. Telling values are drawn by ``millwright.adapters.inputs.strategies``.
"""

import string
from enum import Enum, auto
from math import ceil, floor
from random import Random
from typing import Any

from millwright.adapters.inputs.bounds import NO_BOUNDS, Bounds, ranged, spanned
from millwright.adapters.inputs.palette import WIDEST_INTEGER, Palette, characters_of, fitting_choices
from schemas.types import Kind, Type

INNER = 5
"""The length of every list within a list: the rows of a matrix are equally long."""

_SMALL = 3
_MOST_MISSES = 4
_ORDERED = frozenset({Kind.INT, Kind.FLOAT, Kind.STR})


class Style(Enum):
    """How the members of a list relate: conditions may demand an order, or that no two are equal."""

    ANY = auto()
    ASCENDING = auto()
    DISTINCT = auto()
    DISTINCT_ASCENDING = auto()
    ALIKE = auto()


class TooFew(Exception):
    """The type has not so many values that differ."""


class Content:
    """Values of types. Only ``Random.random`` is used, whose numbers are the same in every version of Python."""

    def __init__(self, random: Random, palette: Palette, style: Style) -> None:
        self._random = random
        self._palette = palette
        self._style = style

    def small(self, of: Type, bounds: Bounds = NO_BOUNDS) -> Any:
        """Make an ordinary small value."""
        choices = fitting_choices(of, bounds)
        if choices:
            return self._one(choices)
        match of.kind:
            case Kind.INT:
                low, high = ranged(bounds, WIDEST_INTEGER)
                least = min(max(low, 1), high)
                return least + self._below(min(high - least, 9) + 1)
            case Kind.FLOAT:
                lowest, highest = spanned(bounds, WIDEST_INTEGER)
                near = (max(lowest, 0.0), min(highest, 10.0))
                return self._number(*(near if near[0] < near[1] else (lowest, highest)))
            case Kind.LIST | Kind.VARIADIC | Kind.SET | Kind.DICT | Kind.STR | Kind.BYTES:
                most = _SMALL if bounds.max_size is None else min(_SMALL, bounds.max_size)
                return self.large(of, bounds, max(most, bounds.min_size or 0), _SMALL)
            case Kind.UNION:
                return self.small(self._one(of.arguments), bounds)
            case _:
                return self._single(of, bounds, _SMALL, _SMALL)

    def large(self, of: Type, bounds: Bounds, count: int, row: int) -> Any:
        """Make a collection, text or bytes of so many members; lists in it have ``row`` members. Raises TooFew."""
        inner = bounds.elements or NO_BOUNDS
        match of.kind:
            case Kind.STR:
                characters = characters_of(bounds) or string.ascii_lowercase
                return "".join(self._members(Type(Kind.STR), Bounds(choices=tuple(characters)), count, row))
            case Kind.BYTES:
                return bytes(self._members(Type(Kind.INT), inner.within(Bounds(low=0, high=255)), count, row))
            case Kind.SET:
                return set(self._distinct(of.arguments[0], inner, count, row))
            case Kind.DICT:
                keys = self._distinct(of.arguments[0], inner, count, row)
                return {key: self._single(of.arguments[1], NO_BOUNDS, count, row) for key in keys}
            case _:
                members = self._members(of.arguments[0], inner, count, row)
                return tuple(members) if of.kind is Kind.VARIADIC else members

    def _members(self, of: Type, bounds: Bounds, count: int, row: int) -> list[Any]:
        if self._style is Style.ALIKE:
            return [self._single(of, bounds, count, row)] * count
        if self._style in (Style.DISTINCT, Style.DISTINCT_ASCENDING):
            members = self._distinct(of, bounds, count, row)
        else:
            members = [self._single(of, bounds, count, row) for _ in range(count)]
        ascending = self._style in (Style.ASCENDING, Style.DISTINCT_ASCENDING)
        return sorted(members) if ascending and of.kind in _ORDERED else members

    def _distinct(self, of: Type, bounds: Bounds, count: int, row: int) -> list[Any]:
        """Make so many values that differ, in the order in which they came up. Raises TooFew."""
        found: dict[Any, Any] = {}
        for _ in range(_MOST_MISSES * count + _MOST_MISSES):
            value = self._single(of, bounds, _MOST_MISSES * count, row)
            found.setdefault(repr(value) if of.kind not in _ORDERED else value, value)
            if len(found) == count:
                return list(found.values())
        if count == 0:
            return []
        raise TooFew

    def _single(self, of: Type, bounds: Bounds, among: int, row: int) -> Any:
        """Make one member; of numbers and texts at least ``among`` different ones can come up."""
        choices = fitting_choices(of, bounds)
        if choices:
            return self._one(choices)
        match of.kind:
            case Kind.UNION:
                return self._single(self._one(of.arguments), bounds, among, row)
            case Kind.TUPLE:
                return tuple(self._single(member, NO_BOUNDS, among, row) for member in of.arguments)
            case Kind.RECORD:
                fields = self._palette.fields[of.name]
                values = {name: self._single(field, NO_BOUNDS, among, row) for name, field in fields}
                return self._palette.classes[of.name](**values)
            case Kind.LIST | Kind.VARIADIC | Kind.SET | Kind.DICT:
                length = max(row, bounds.min_size or 0)
                length = length if bounds.max_size is None else min(length, bounds.max_size)
                inner = bounds.elements or NO_BOUNDS
                members = [self._single(of.arguments[0], inner, among, INNER) for _ in range(length)]
                return self._collected(of, members, among)
            case _:
                return self._scalar(of, bounds, among)

    def _scalar(self, of: Type, bounds: Bounds, among: int) -> Any:
        match of.kind:
            case Kind.BOOL:
                return self._random.random() < 0.5
            case Kind.NONE:
                return None
            case Kind.STR:
                return self._word(bounds, among)
            case Kind.BYTES:
                return self._word(NO_BOUNDS, among).encode("ascii")
            case Kind.FLOAT:
                return self._number(*spanned(bounds, max(WIDEST_INTEGER, among)))
            case _:
                low, high = ranged(bounds, max(WIDEST_INTEGER, among))
                return low + self._below(high - low + 1)

    def _collected(self, of: Type, members: list[Any], among: int) -> Any:
        match of.kind:
            case Kind.SET:
                return set(members)
            case Kind.DICT:
                return {key: self._single(of.arguments[1], NO_BOUNDS, among, INNER) for key in members}
            case Kind.VARIADIC:
                return tuple(members)
            case _:
                return members

    def _word(self, bounds: Bounds, among: int) -> str:
        """Make a word long enough for so many to differ."""
        characters = characters_of(bounds) or string.ascii_lowercase
        length = 3 if among <= 1000 else 5
        least, most = bounds.min_size or 0, bounds.max_size
        length = max(least, length if most is None else min(length, most))
        return "".join(self._one(characters) for _ in range(length))

    def _number(self, low: float, high: float) -> float:
        """Make a float of two decimals, or any where the range is too narrow or too wide for them."""
        least, most = ceil(low * 100), floor(high * 100)
        if least < most and most - least < 2**50:
            return (least + self._below(most - least + 1)) / 100
        return low + self._random.random() * (high - low)

    def _below(self, number: int) -> int:
        return min(int(self._random.random() * number), number - 1)

    def _one(self, several: Any) -> Any:
        return several[self._below(len(several))]


def weight_of(of: Type, palette: Palette, depth: int = 0) -> int:
    """Count what one member of a collection of this type weighs: the leaves of its value."""
    match of.kind:
        case Kind.STR | Kind.BYTES if depth == 0:
            return 1
        case Kind.LIST | Kind.VARIADIC | Kind.SET | Kind.DICT:
            inner = sum(weight_of(member, palette, depth + 1) for member in of.arguments)
            return inner if depth == 0 else 1 + INNER * inner
        case Kind.TUPLE | Kind.UNION:
            return 1 + sum(weight_of(member, palette, depth + 1) for member in of.arguments)
        case Kind.RECORD:
            return 1 + sum(weight_of(field, palette, depth + 1) for _, field in palette.fields[of.name])
        case _:
            return 1
