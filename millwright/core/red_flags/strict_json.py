"""Reads one JSON object out of a model's text, strictly: what is not JSON by its standard is named, never repaired.

It does not look for where the object stands; ``answer`` does.
"""

import json
import math
import re
from collections.abc import Iterator

from pydantic import JsonValue

MAX_JSON_DEPTH = 100
"""Far below the interpreter's own limit, which depends on how deep the caller already is."""

_TOKEN = re.compile(r'\\.|["\[\]{}]', re.DOTALL)


class NotStrictJsonError(ValueError):
    """A text is not one strict JSON object; the message is one line."""


def read_object(text: str) -> dict[str, JsonValue]:
    """Read one JSON object: no NaN, no number beyond a float, no key given twice, no lone surrogate or NUL.

    Raises:
        NotStrictJsonError: it is anything else, or more than 100 levels deep.
    """
    if _depth(text) > MAX_JSON_DEPTH:
        raise NotStrictJsonError(f"the JSON is more than {MAX_JSON_DEPTH} levels deep")
    try:
        value: JsonValue = json.loads(
            text, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant, parse_float=_finite
        )
    except ValueError as error:  # JSONDecodeError and our own hooks', and int() on thousands of digits
        raise NotStrictJsonError(f"not strict JSON: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(value, dict):
        raise NotStrictJsonError("the JSON is not an object")
    if not all(is_storable(text) for _, text in strings_of(value)):
        raise NotStrictJsonError("a string holds a NUL or half a surrogate pair")
    return value


def is_storable(text: str) -> bool:
    """Say whether databases keep the text: it holds no NUL and no half of a surrogate pair."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


def strings_of(value: JsonValue, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield each string of a value with the key that it stands under, and each key under itself."""
    match value:
        case str():
            yield key, value
        case dict():
            for name, item in value.items():
                yield name, name
                yield from strings_of(item, name)
        case list():
            for item in value:
                yield from strings_of(item, key)


def _depth(text: str) -> int:
    """Return an upper bound of the nesting of what a JSON parser would read of a text."""
    depth = deepest = 0
    inside_string = False
    for token in _TOKEN.finditer(text):
        match token[0]:
            case '"':
                inside_string = not inside_string
            case "[" | "{" if not inside_string:
                depth += 1
                deepest = max(deepest, depth)
            case "]" | "}" if not inside_string:
                depth -= 1
    return deepest


def _unique_keys(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} is given twice")
    return found


def _refuse_constant(name: str) -> JsonValue:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:40]} is beyond a float")
    return value
