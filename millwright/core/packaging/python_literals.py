"""How values and names of a specification are written in a generated Python test.

It writes no test.
"""

import base64
import re

from pydantic import JsonValue

from millwright.core.packaging.package import one_line
from schemas.values import Value


def literal(value: Value) -> str:
    """Write a tagged value as a Python expression."""
    tag, *content = value
    match tag, content:
        case "none", []:
            return "None"
        case "bool", [bool(flag)]:
            return repr(flag)
        case "int", [str(digits)]:
            return str(int(digits))
        case "float", [str(text)]:
            return repr(float.fromhex(text)) if text not in ("nan", "inf", "-inf") else f'float("{text}")'
        case "str", [str(text)]:
            return repr(text)
        case "bytes", [str(text)]:
            return repr(base64.b64decode(text))
        case "record", [str(name), list(fields)]:
            return f"{name}({', '.join(_field(field) for field in fields)})"
    return _container(value)


def _container(value: Value) -> str:
    match value:
        case ["list", list(items)]:
            return f"[{_listed(items)}]"
        case ["tuple", list(items)]:
            return f"({_listed(items)}{',' if len(items) == 1 else ''})"
        case ["set", list(items)]:
            return f"{{{_listed(items)}}}" if items else "set()"
        case ["dict", list(pairs)]:
            return "{" + ", ".join(_pair(pair) for pair in pairs) + "}"
    raise ValueError(f"{value!r} is not a value that can be written down")


def _tagged(item: JsonValue) -> Value:
    if not isinstance(item, list):
        raise ValueError(f"{item!r} is not a tagged value")
    return item


def _listed(items: list[JsonValue]) -> str:
    return ", ".join(literal(_tagged(item)) for item in items)


def _pair(pair: JsonValue) -> str:
    key, item = _tagged(pair)
    return f"{literal(_tagged(key))}: {literal(_tagged(item))}"


def _field(field: JsonValue) -> str:
    name, item = _tagged(field)
    return f"{name}={literal(_tagged(item))}"


def assertion(call: str, expected: str, tolerance: float | None) -> str:
    """Write what compares a call's value with the expected one."""
    if tolerance is not None or 'float("nan")' in expected:
        return f"self.assertTrue(self.is_close({call}, {expected}, {tolerance or 0.0!r}))"
    return f"self.assertEqual({call}, {expected})"


def slug(text: str) -> str:
    """Write a text as part of a name."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:60] or "case"


def sentence(text: str) -> str:
    """Write a text as the line of a docstring."""
    return one_line(text, 100) or "An example."
