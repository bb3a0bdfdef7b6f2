"""Values as they cross the sandbox's border: JSON trees that carry their exact type.

A value is a tagged list: ``["none"]``, ``["bool", true]``, ``["int", "-12"]``, ``["float", "0x1.8p+1"]`` (or ``"nan"``,
``"inf"``, ``"-inf"``), ``["str", "text"]``, ``["bytes", "<base64>"]``, ``["list", [v, …]]``, ``["tuple", [v, …]]``,
``["set", [v, …]]``, ``["dict", [[k, v], …]]``, ``["record", "Name", [["field", v], …]]`` and ``["object", "<class>"]``
for an object of any other class, which matches nothing. No value is ever unpickled or evaluated.
"""

import base64
import json
import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, cast

from pydantic import GetCoreSchemaHandler, JsonValue
from pydantic_core import CoreSchema, core_schema

from schemas.specification import Record
from schemas.types import Kind, Type, parse_type


class _Tagged:
    """Validates a value that comes as JSON, and takes one that is an object already for what it is said to be.

    Objects are made by this system's own readers, which check what a candidate sent node by node; to check every node
    again in each request and report took a third of all the time of verification.
    """

    @staticmethod
    def __get_pydantic_core_schema__(source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.json_or_python_schema(
            json_schema=handler(source), python_schema=core_schema.is_instance_schema(list)
        )


Value = Annotated[list[JsonValue], _Tagged]
"""A tagged value, as described above."""

RECORD_KEY = "$record"
"""The key under which JSON names the record that it stands for, where a union has several."""

_INTEGER = re.compile(r"-?[0-9]+")


class ValueFault(ValueError):
    """A JSON value does not fit the type it is declared with; the message says where."""


def decode_json(value: JsonValue, of: Type, records: Mapping[str, Record], where: str = "value") -> Value:
    """Decode a specification's JSON value by its declared type into a tagged value.

    Dict keys are decoded by the key type (``{"1": 2}`` is a ``dict[int, int]``), sets and tuples from lists, bytes from
    base64, NaN and infinities from ``{"$float": "nan"}``. Under ``float`` a JSON integer becomes a float. A record may
    say which one it is, as members of a union can have the same fields: ``{"$record": "Name", …}``.

    Raises:
        ValueFault: the value does not fit; the message names the place.
    """
    decoded = _scalar(value, of, where) or _container(value, of, records, where)
    if decoded is None:
        raise ValueFault(f"{where}: {_shown(value)} is not of type {of}")
    return decoded


def _scalar(value: JsonValue, of: Type, where: str) -> Value | None:
    match of.kind:
        case Kind.ANY:
            return _untyped(value)
        case Kind.NONE if value is None:
            return ["none"]
        case Kind.BOOL if isinstance(value, bool):
            return ["bool", value]
        case Kind.INT if isinstance(value, int) and not isinstance(value, bool):
            return ["int", str(value)]
        case Kind.STR if isinstance(value, str):
            return ["str", value]
        case Kind.FLOAT:
            return _float(value, where)
        case Kind.BYTES:
            return _bytes(value, where)
    return None


def _container(value: JsonValue, of: Type, records: Mapping[str, Record], where: str) -> Value | None:
    match of.kind:
        case Kind.UNION:
            return _member(value, of, records, where)
        case Kind.LIST | Kind.SET | Kind.VARIADIC | Kind.TUPLE if isinstance(value, list):
            return _sequence(value, of, records, where)
        case Kind.DICT if isinstance(value, dict):
            return _dict(value, of, records, where)
        case Kind.RECORD if isinstance(value, dict):
            return _record(value, records[of.name], records, where)
    return None


def _float(value: JsonValue, where: str) -> Value:
    if isinstance(value, dict) and set(value) == {"$float"} and value["$float"] in ("nan", "inf", "-inf"):
        return ["float", value["$float"]]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return ["float", float_text(float(value))]
    raise ValueFault(f"{where}: {_shown(value)} is not of type float")


def _bytes(value: JsonValue, where: str) -> Value:
    if isinstance(value, str):
        try:
            return ["bytes", base64.b64encode(base64.b64decode(value, validate=True)).decode("ascii")]
        except ValueError as error:
            raise ValueFault(f"{where}: {_shown(value)} is not base64") from error
    raise ValueFault(f"{where}: {_shown(value)} is not of type bytes (base64 text)")


def _member(value: JsonValue, of: Type, records: Mapping[str, Record], where: str) -> Value:
    ordered = sorted(of.arguments, key=lambda member: member.kind is Kind.FLOAT)  # 1 is an int before it is a float
    for member in ordered:
        try:
            return decode_json(value, member, records, where)
        except ValueFault:
            continue
    raise ValueFault(f"{where}: {_shown(value)} is not of type {of}")


def _sequence(value: list[JsonValue], of: Type, records: Mapping[str, Record], where: str) -> Value:
    if of.kind is Kind.TUPLE:
        if len(value) != len(of.arguments):
            raise ValueFault(f"{where}: {len(value)} elements where {of} has {len(of.arguments)}")
        types = of.arguments
    else:
        types = (of.arguments[0],) * len(value)
    items = [
        decode_json(item, type_, records, f"{where}[{index}]")
        for index, (item, type_) in enumerate(zip(value, types, strict=True))
    ]
    tag = "tuple" if of.kind in (Kind.TUPLE, Kind.VARIADIC) else of.kind.value
    if of.kind is Kind.SET:
        unique = {canonical_text(item): item for item in items}
        items = [unique[text] for text in sorted(unique)]
    return [tag, cast(JsonValue, items)]


def _dict(value: dict[str, JsonValue], of: Type, records: Mapping[str, Record], where: str) -> Value:
    key_type, value_type = of.arguments
    pairs: list[JsonValue] = []
    for key, item in value.items():
        place = f"{where}[{key!r}]"
        pairs.append([_key(key, key_type, records, place), decode_json(item, value_type, records, place)])
    return ["dict", pairs]


def _key(key: str, of: Type, records: Mapping[str, Record], where: str) -> Value:
    if of.kind in (Kind.STR, Kind.ANY):
        return ["str", key]
    if of.kind is Kind.INT and _INTEGER.fullmatch(key):
        return ["int", str(int(key))]
    try:
        return decode_json(cast(JsonValue, json.loads(key)), of, records, where)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueFault(f"{where}: the key {key!r} is not of type {of}") from error


def _record(value: dict[str, JsonValue], record: Record, records: Mapping[str, Record], where: str) -> Value:
    names = [field.name for field in record.fields]
    if RECORD_KEY in value and value[RECORD_KEY] != record.name:
        raise ValueFault(f"{where}: {_shown(value)} is not of type {record.name}")
    value = {key: item for key, item in value.items() if key != RECORD_KEY}
    if set(value) != set(names):
        raise ValueFault(f"{where}: {record.name} has the fields {', '.join(names)}; given are {', '.join(value)}")
    pairs: list[JsonValue] = []
    for field in record.fields:
        of = parse_type(field.type_annotation, records)
        pairs.append([field.name, decode_json(value[field.name], of, records, f"{where}.{field.name}")])
    return ["record", record.name, pairs]


def _untyped(value: JsonValue) -> Value:
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
        case list():
            return ["list", [cast(JsonValue, _untyped(item)) for item in value]]
        case dict():
            if set(value) == {"$float"}:
                return _float(value, "value")
            return ["dict", [[["str", key], _untyped(item)] for key, item in value.items()]]


def float_text(value: float) -> str:
    """Write a float exactly: hexadecimal, or ``nan``, ``inf``, ``-inf``."""
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value.hex()


def canonical_text(value: Value) -> str:
    """Write a value as ASCII JSON, members of sets and dicts in a fixed order."""
    return json.dumps(_ordered(value), ensure_ascii=True, separators=(",", ":"))


def _ordered(value: JsonValue) -> JsonValue:
    match value:
        case ["set", [*items]]:
            texts = sorted(json.dumps(_ordered(item), ensure_ascii=True) for item in items)
            return ["set", [cast(JsonValue, json.loads(text)) for text in texts]]
        case ["dict", [*pairs]]:
            written = [_ordered(pair) for pair in pairs]
            return ["dict", sorted(written, key=lambda pair: json.dumps(pair, ensure_ascii=True))]
        case ["str", str()]:
            return value
        case [*items]:
            return [_ordered(item) for item in items]
        case _:
            return value


def _shown(value: JsonValue) -> str:
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 60 else text[:57] + "..."
