"""Reads Python literals as tagged values, and gives tagged values the form that a declared type demands.

It evaluates nothing: a literal is read from its syntax tree, and what is no literal is no value.
"""

import ast
import base64
import json
import math
from collections.abc import Mapping
from typing import cast

from pydantic import JsonValue

from millwright.core.red_flags.strict_json import is_storable
from schemas.specification import Record
from schemas.types import Kind, Type, parse_type
from schemas.values import RECORD_KEY, Value, canonical_text, decode_json, float_text

DEEPEST = 50
"""Levels of a literal that are read; deeper ones are nobody's honest example."""

_WIDEST_INTEGER = 13_000
"""Bits of an integer that are read: about 3900 digits, under the 4300 that Python converts to text."""

_EMPTY = frozenset({"set", "list", "tuple", "dict"})
_SPECIAL_FLOATS = {"nan": "nan", "inf": "inf", "+inf": "inf", "infinity": "inf", "-inf": "-inf", "-infinity": "-inf"}

Records = Mapping[str, Record]


class NotLiteral(ValueError):
    """An expression is not a literal that can be a value."""


def read_literal(node: ast.expr, depth: int = 0) -> Value:
    """Read a literal as a tagged value.

    Raises:
        NotLiteral: it is no literal, too deep, too wide, or has members that cannot be hashed where they must be.
    """
    if depth > DEEPEST:
        raise NotLiteral(f"it is more than {DEEPEST} levels deep")
    match node:
        case ast.Constant():
            return _constant(node.value)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=ast.Constant(value=value)):
            return _signed(value, isinstance(node.op, ast.USub))
        case ast.List(elts=items):
            return ["list", [cast(JsonValue, read_literal(item, depth + 1)) for item in items]]
        case ast.Tuple(elts=items):
            return ["tuple", [cast(JsonValue, read_literal(item, depth + 1)) for item in items]]
        case ast.Set(elts=items):
            return _set([_hashable(read_literal(item, depth + 1)) for item in items])
        case ast.Dict(keys=keys, values=values):
            return _dict(keys, values, depth)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _constructed(name, arguments)
    raise NotLiteral("it is no literal")


def _constant(value: object) -> Value:
    match value:
        case None:
            return ["none"]
        case bool():
            return ["bool", value]
        case int():
            return _integer(value)
        case float():
            return ["float", float_text(value)]
        case str():
            if not is_storable(value):
                raise NotLiteral("a text that no database keeps")
            return ["str", value]
        case bytes():
            return ["bytes", base64.b64encode(value).decode("ascii")]
    raise NotLiteral("it is a constant that no value stands for")


def _signed(value: object, negative: bool) -> Value:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NotLiteral("a sign stands before what is no number")
    return _constant(-value if negative else value)


def _integer(value: int) -> Value:
    if value.bit_length() > _WIDEST_INTEGER:
        raise NotLiteral("the integer is too long to be written down")
    return ["int", str(value)]


def _set(items: list[Value]) -> Value:
    unique = {canonical_text(item): item for item in items}
    return ["set", [cast(JsonValue, unique[text]) for text in sorted(unique)]]


def _dict(keys: list[ast.expr | None], values: list[ast.expr], depth: int) -> Value:
    found: dict[str, JsonValue] = {}
    for key, value in zip(keys, values, strict=True):
        if key is None:
            raise NotLiteral("a dict is unpacked in it")
        read = _hashable(read_literal(key, depth + 1))
        found[canonical_text(read)] = [cast(JsonValue, read), cast(JsonValue, read_literal(value, depth + 1))]
    return ["dict", list(found.values())]


def _constructed(name: str, arguments: list[ast.expr]) -> Value:
    """Read the few calls that stand for a value without a literal of its own: ``set()``, ``float("inf")``."""
    match arguments:
        case [] if name in _EMPTY:
            return [name, []]
        case [ast.Constant(value=str(text))] if name == "float" and text.strip().lower() in _SPECIAL_FLOATS:
            return ["float", _SPECIAL_FLOATS[text.strip().lower()]]
    raise NotLiteral(f"it calls {name}")


def _hashable(value: Value) -> Value:
    match value:
        case ["list" | "set" | "dict", *_]:
            raise NotLiteral("a member of a set or a key of a dict cannot be hashed")
        case ["tuple", [*items]]:
            for item in items:
                _hashable(cast(Value, item))
    return value


def fitted(value: Value, of: Type) -> Value | None:
    """Return a literal's value in the form of its declared type; None where it is not of that type.

    Types are taken strictly: only an int becomes a float, as everywhere in specifications. Records have no literals.
    """
    match of.kind:
        case Kind.ANY:
            return value
        case Kind.UNION:
            # An int is an int before it is a float.
            ordered = sorted(of.arguments, key=lambda member: member.kind is Kind.FLOAT)
            return next((found for item in ordered if (found := fitted(value, item)) is not None), None)
        case Kind.FLOAT:
            return _as_float(value)
        case Kind.LIST | Kind.SET | Kind.TUPLE | Kind.VARIADIC:
            return _sequence(value, of)
        case Kind.DICT:
            return _mapping(value, of)
        case Kind.RECORD:
            return None
        case _:
            return value if value[0] == of.kind.value.lower() else None


def _as_float(value: Value) -> Value | None:
    match value:
        case ["float", str()]:
            return value
        case ["int", str(digits)]:
            try:
                return ["float", float_text(float(int(digits)))]
            except OverflowError:
                return None
    return None


def _sequence(value: Value, of: Type) -> Value | None:
    tag = "tuple" if of.kind in (Kind.TUPLE, Kind.VARIADIC) else of.kind.value
    match value:
        case [str(found), [*items]] if found == tag:
            types = of.arguments if of.kind is Kind.TUPLE else of.arguments * len(items)
            if len(types) != len(items):
                return None
            members = [fitted(cast(Value, item), type_) for item, type_ in zip(items, types, strict=True)]
            kept = [member for member in members if member is not None]
            if len(kept) != len(members):
                return None
            return _set(kept) if tag == "set" else [tag, cast(JsonValue, kept)]
    return None


def _mapping(value: Value, of: Type) -> Value | None:
    match value:
        case ["dict", [*pairs]]:
            key_type, value_type = of.arguments
            kept: dict[str, JsonValue] = {}
            for pair in pairs:
                given, held = cast(tuple[Value, Value], pair)
                key, item = fitted(given, key_type), fitted(held, value_type)
                if key is None or item is None:
                    return None
                kept[canonical_text(key)] = [cast(JsonValue, key), cast(JsonValue, item)]
            return ["dict", list(kept.values())]
    return None


def written_json(value: Value, of: Type, records: Records) -> JsonValue:
    """Write a tagged value as the JSON that ``decode_json`` reads back as the same value of the declared type.

    Raises:
        ValueError: no JSON stands for it under this type.
    """
    written = _written(value, of, records)
    if canonical_text(decode_json(written, of, records)) != canonical_text(value):
        raise ValueError(f"no JSON stands for this value of type {of}")
    return written


def _written(value: Value, of: Type, records: Records) -> JsonValue:
    if of.kind is Kind.UNION:
        return _written_member(value, of, records)
    match value:
        case ["none"]:
            return None
        case ["bool", bool(truth)]:
            return truth
        case ["int", str(digits)]:
            return int(digits)
        case ["float", str(text)]:
            number = float(text) if text in ("nan", "inf", "-inf") else float.fromhex(text)
            return number if math.isfinite(number) else {"$float": text}
        case ["str" | "bytes", str(text)]:
            return text
        case ["list" | "tuple" | "set", [*items]]:
            types = of.arguments if of.kind is Kind.TUPLE else _repeated(of, len(items))
            return [_written(cast(Value, item), type_, records) for item, type_ in zip(items, types, strict=True)]
        case ["dict", [*pairs]]:
            key_type, value_type = of.arguments if of.kind is Kind.DICT else (of, of)
            read = [cast(tuple[Value, Value], pair) for pair in pairs]
            return {_written_key(key, key_type, records): _written(item, value_type, records) for key, item in read}
        case ["record", str(name), [*fields]] if name in records:
            types_of = {field.name: parse_type(field.type_annotation, records) for field in records[name].fields}
            held = dict(cast(list[tuple[str, Value]], fields))
            return {field: _written(held[field], type_, records) for field, type_ in types_of.items()}
    raise ValueError(f"no JSON stands for this value of type {of}")


def _repeated(of: Type, times: int) -> tuple[Type, ...]:
    member = of.arguments[0] if of.kind in (Kind.LIST, Kind.SET, Kind.VARIADIC) else of
    return (member,) * times


def _written_member(value: Value, of: Type, records: Records) -> JsonValue:
    for member in of.arguments:
        try:
            written = written_json(value, member, records)
        except ValueError:
            continue
        several = sum(other.kind is Kind.RECORD for other in of.arguments) > 1
        is_one_of_several = member.kind is Kind.RECORD and several
        return {RECORD_KEY: member.name, **written} if isinstance(written, dict) and is_one_of_several else written
    raise ValueError(f"no JSON stands for this value of type {of}")


def _written_key(key: Value, of: Type, records: Records) -> str:
    match key:
        case ["str", str(text)] if of.kind in (Kind.STR, Kind.ANY):
            return text
    if of.kind is Kind.ANY:
        raise ValueError("under Any only a text is a key")
    return json.dumps(_written(key, of, records))
