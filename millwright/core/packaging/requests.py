"""What a request to a handler of HTTP is made of: the specification's template and the values of one call.

It sends nothing. The harness composes the same requests by the same rules, on its side of the sandbox.
"""

import json
import re
from collections.abc import Mapping
from typing import cast
from urllib.parse import quote, urlencode

from pydantic import JsonValue

from millwright.core.kinds import CALLS, methods_of
from millwright.core.signature import records_of
from schemas.specification import Method, TaskSpecification, TestCase
from schemas.types import parse_type
from schemas.values import RECORD_KEY, Value, decode_json

Sent = tuple[str, str, bytes | None]
"""The verb, the path with its query, and the content, if any."""

_Call = dict[str, JsonValue]

_PLACE = re.compile(r"\{([^{}]*)\}")
_ANY_PATH = "/?&=%+:@,;~"


def sent(method: Method, given: Mapping[str, Value]) -> Sent:
    """Write the request that a call stands for: inputs in the path, in the query, and the body as JSON."""
    if not method.request:
        return _any_request(given)
    verb, _, template = method.request.partition(" ")
    placed = _PLACE.findall(template)
    path = _PLACE.sub(lambda found: quote(_text(given[found[1]]), safe="", errors="replace"), template)
    query = [(name, _text(value)) for name, value in given.items() if name not in placed and name != "body"]
    if query:
        path += "?" + urlencode(query, errors="replace")
    return verb, path, json.dumps(_plain(given["body"])).encode() if "body" in given else None


def requests_of(task: TaskSpecification, case: TestCase) -> list[Sent]:
    """Write the requests of an example of a handler's view, in their order."""
    methods = {method.name: method for method in methods_of(task)}
    records = records_of(task)
    found = []
    for call in cast(list[_Call], case.inputs[CALLS]):
        method = methods[str(call[RECORD_KEY])]
        given = decode_json(cast(JsonValue, call), parse_type(method.name, records), records)
        found.append(sent(method, dict(cast(list[tuple[str, Value]], given[2]))))
    return found


def _any_request(given: Mapping[str, Value]) -> Sent:
    verb, path, content = (str(given[name][1]) for name in ("verb", "path", "content"))
    written = "/" + quote(path.lstrip("/"), safe=_ANY_PATH, errors="replace")
    return verb, written, content.encode("utf-8", "replace") or None


def _text(value: Value) -> str:
    match value:
        case ["bool", bool(truth)]:
            return "true" if truth else "false"
        case ["float", str(digits)] if digits not in ("nan", "inf", "-inf"):
            return repr(float.fromhex(digits))
        case _:
            return str(value[1])


def _plain(value: JsonValue) -> JsonValue:
    """Write a tagged value as JSON has it: records and dicts as objects, every sequence as a list."""
    match value:
        case ["none"]:
            return None
        case ["int", str(digits)]:
            return int(digits)
        case ["float", str(digits)]:
            return float(digits) if digits in ("nan", "inf", "-inf") else float.fromhex(digits)
        case ["list" | "tuple" | "set", [*items]]:
            return [_plain(item) for item in items]
        case ["dict", [*pairs]]:
            read = cast(list[tuple[Value, Value]], pairs)
            return {_key(key): _plain(item) for key, item in read}
        case ["record", str(), [*pairs]]:
            return {name: _plain(item) for name, item in cast(list[tuple[str, Value]], pairs)}
        case [str(), content]:
            return content
    raise ValueError(f"{value!r} is not a value that can be written as JSON")


def _key(key: Value) -> str:
    return str(key[1]) if key[0] == "str" else json.dumps(_plain(key))
