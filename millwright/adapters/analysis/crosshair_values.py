"""Says whether what came out of the symbolic search is a well-formed value of a declared type.

It decodes nothing: values stay tagged, and what does not fit is no value.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import JsonValue

from schemas.specification import Record
from schemas.types import Kind, Type, parse_type

_SCALARS: Final[Mapping[Kind, tuple[str, re.Pattern[str]]]] = {
    Kind.INT: ("int", re.compile(r"-?[0-9]{1,4000}")),
    Kind.FLOAT: ("float", re.compile(r"-?0x[01]\.[0-9a-f]{1,13}p[+-][0-9]{1,4}")),
    Kind.STR: ("str", re.compile(r"[^\ud800-\udfff]*", re.DOTALL)),
    Kind.BYTES: ("bytes", re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")),
}


def fits(value: JsonValue, of: Type, records: Mapping[str, Record]) -> bool:
    """Say whether what was read is a well-formed tagged value of the type."""
    match value:
        case ["none"]:
            return of.kind in (Kind.NONE, Kind.ANY) or _member_fits(value, of, records)
        case ["bool", bool()]:
            return of.kind in (Kind.BOOL, Kind.ANY) or _member_fits(value, of, records)
        case [str() as tag, str() as text]:
            scalar = _SCALARS.get(of.kind)
            if scalar is not None:
                return tag == scalar[0] and scalar[1].fullmatch(text) is not None
            return _member_fits(value, of, records)
        case ["record", str() as name, list() as fields] if of.kind is Kind.RECORD:
            return name == of.name and _fields_fit(fields, records[name], records)
        case [str() as tag, list() as items]:
            return _items_fit(tag, items, of, records) or _member_fits(value, of, records)
        case _:
            return _member_fits(value, of, records)


_OPEN: Final = (
    *(Type(kind) for kind in (*_SCALARS, Kind.BOOL, Kind.NONE)),
    *(Type(kind, (Type(Kind.ANY),)) for kind in (Kind.LIST, Kind.SET, Kind.VARIADIC)),
    Type(Kind.DICT, (Type(Kind.ANY), Type(Kind.ANY))),
)
"""What stands for Any."""


def _member_fits(value: JsonValue, of: Type, records: Mapping[str, Record]) -> bool:
    members = of.arguments if of.kind is Kind.UNION else _OPEN if of.kind is Kind.ANY else ()
    return any(fits(value, member, records) for member in members)


def _items_fit(tag: str, items: Sequence[JsonValue], of: Type, records: Mapping[str, Record]) -> bool:
    match tag, of.kind:
        case ("list", Kind.LIST) | ("set", Kind.SET) | ("tuple", Kind.VARIADIC):
            return all(fits(item, of.arguments[0], records) for item in items)
        case "tuple", Kind.TUPLE:
            pairs = zip(items, of.arguments, strict=False)
            return len(items) == len(of.arguments) and all(fits(item, member, records) for item, member in pairs)
        case "dict", Kind.DICT:
            return all(_pair_fits(pair, of.arguments, records) for pair in items)
    return False


def _pair_fits(pair: JsonValue, of: Sequence[Type], records: Mapping[str, Record]) -> bool:
    if not isinstance(pair, list) or len(pair) != 2:
        return False
    return all(fits(item, member, records) for item, member in zip(pair, of, strict=True))


def _fields_fit(fields: Sequence[JsonValue], record: Record, records: Mapping[str, Record]) -> bool:
    if len(fields) != len(record.fields):
        return False
    for pair, declared in zip(fields, record.fields, strict=True):
        of = parse_type(declared.type_annotation, records)
        if not isinstance(pair, list) or len(pair) != 2 or pair[0] != declared.name or not fits(pair[1], of, records):
            return False
    return True
