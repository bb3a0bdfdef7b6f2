"""The JSON Schemas of values: what an answer may give for an input or a result of a declared type.

It bounds the form of an answer only; ``schemas.values.decode_json`` has the last word on every value.
"""

from collections.abc import Mapping

from schemas.specification import Record
from schemas.types import Kind, Type, parse_type
from schemas.values import RECORD_KEY

Schema = dict[str, object]

_SIMPLE: dict[Kind, str] = {
    Kind.INT: "integer",
    Kind.BOOL: "boolean",
    Kind.STR: "string",
    Kind.BYTES: "string",
    Kind.NONE: "null",
}
_SPECIAL_FLOAT: Schema = {
    "type": "object",
    "properties": {"$float": {"enum": ["nan", "inf", "-inf"]}},
    "required": ["$float"],
    "additionalProperties": False,
}

HOW_VALUES_ARE_WRITTEN = """Values are JSON by their declared type: sets and tuples as lists, records as objects, bytes
as base64, a dict's keys as strings, and {"$float": "nan"}, {"$float": "inf"} or {"$float": "-inf"} for floats that
JSON lacks."""


def closed(properties: Mapping[str, object], required: list[str] | None = None) -> Schema:
    """Describe an object with these properties and no others; all are required unless said otherwise."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties) if required is None else required,
        "additionalProperties": False,
    }


def value_schema(of: Type, records: Mapping[str, Record]) -> Schema:
    """Describe the JSON of a value of a declared type; a type that holds Any is left open there."""
    if of.kind in _SIMPLE:
        return {"type": _SIMPLE[of.kind]}
    match of.kind:
        case Kind.FLOAT:
            return {"anyOf": [{"type": "number"}, _SPECIAL_FLOAT]}
        case Kind.LIST | Kind.SET | Kind.VARIADIC:
            return {"type": "array", "items": value_schema(of.arguments[0], records)}
        case Kind.TUPLE:
            items = [value_schema(member, records) for member in of.arguments]
            return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
        case Kind.DICT:
            return {"type": "object", "additionalProperties": value_schema(of.arguments[1], records)}
        case Kind.UNION:
            several = sum(member.kind is Kind.RECORD for member in of.arguments) > 1
            return {"anyOf": [_member_schema(member, records, several) for member in of.arguments]}
        case Kind.RECORD:
            return closed(_fields(of, records))
        case _:
            return {}


def _fields(of: Type, records: Mapping[str, Record]) -> Schema:
    return {
        item.name: value_schema(parse_type(item.type_annotation, records), records) for item in records[of.name].fields
    }


def _member_schema(of: Type, records: Mapping[str, Record], several: bool) -> Schema:
    """Describe a member of a union; one of several records is named."""
    if of.kind is Kind.RECORD and several:
        return closed({RECORD_KEY: {"const": of.name}, **_fields(of, records)})
    return value_schema(of, records)
