"""What generated values are made of: sizes, records' classes, characters; and how a value is written down.

It draws nothing: ``strategies`` and ``boundaries`` do.
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, make_dataclass
from typing import Any, cast

from pydantic import JsonValue

from millwright.adapters.inputs.bounds import NO_BOUNDS, Bounds
from schemas.specification import Record
from schemas.types import Kind, Type, parse_type
from schemas.values import Value, canonical_text, float_text

WIDEST_INTEGER = 1000
WIDEST_FLOAT = 1_000_000
LONGEST_LIST = 12
LONGEST_TEXT = 30
LARGEST_MAPPING = 8


@dataclass(frozen=True)
class Palette:
    """What values are made of: the records' classes and fields, and the characters of the examples' texts.

    ``bounds`` are those of a record's fields, by the names of both; most have none.
    """

    classes: Mapping[str, type]
    fields: Mapping[str, tuple[tuple[str, Type], ...]]
    alphabet: str = ""
    bounds: Mapping[tuple[str, str], Bounds] = field(default_factory=dict)

    def bounds_of(self, record: str, name: str) -> Bounds:
        """Return the bounds of a record's field."""
        return self.bounds.get((record, name), NO_BOUNDS)


def palette_of(
    records: Iterable[Record], alphabet: str, bounds: Mapping[tuple[str, str], Bounds] | None = None
) -> Palette:
    """Make a palette; each record becomes a frozen class with its fields."""
    by_name = {record.name: record for record in records}
    types = {
        name: tuple((item.name, parse_type(item.type_annotation, by_name)) for item in record.fields)
        for name, record in by_name.items()
    }
    classes = {
        name: make_dataclass(name, [member for member, _ in members], frozen=True) for name, members in types.items()
    }
    return Palette(classes, types, alphabet, bounds or {})


def characters_of(bounds: Bounds) -> str:
    """Return the characters that a text within bounds may have; empty if any."""
    choices = bounds.elements.choices if bounds.elements else None
    return "".join(choice for choice in choices or () if isinstance(choice, str) and len(choice) == 1)


def fitting_choices(of: Type, bounds: Bounds) -> list[Any]:
    """Return the choices that a constraint gives, as values of the type."""
    chosen = bounds.choices or ()
    match of.kind:
        case Kind.INT:
            return [choice for choice in chosen if type(choice) is int]
        case Kind.FLOAT:
            return [float(choice) for choice in chosen if type(choice) in (int, float)]  # type: ignore[arg-type]
        case Kind.STR:
            return [choice for choice in chosen if isinstance(choice, str)]
        case Kind.BOOL:
            return [choice for choice in chosen if isinstance(choice, bool)]
        case Kind.ANY:
            return list(chosen)
        case _:
            return []


def encode(value: Any, palette: Palette) -> Value:
    """Write a generated value as a tagged value."""
    match value:
        case None:
            return ["none"]
        case bool():
            return ["bool", value]
        case int():
            return ["int", str(value)]
        case float():
            return ["float", float_text(value)]
        case str():
            return ["str", value]
        case bytes():
            return ["bytes", base64.b64encode(value).decode("ascii")]
        case list() | tuple():
            return [type(value).__name__, [cast(JsonValue, encode(item, palette)) for item in value]]
        case set():
            return ["set", cast(JsonValue, sorted((encode(item, palette) for item in value), key=canonical_text))]
        case dict():
            return ["dict", [[encode(key, palette), encode(item, palette)] for key, item in value.items()]]
        case _:
            pairs = [[item.name, encode(getattr(value, item.name), palette)] for item in fields(value)]
            return ["record", type(value).__name__, cast(JsonValue, pairs)]
