"""The tests of a delivered Python module, written from the examples and properties that verified it."""

import ast
import re

from pydantic import JsonValue

from millwright.core.packaging.package import Part, Whole
from millwright.core.specification import input_types, result_type
from schemas.specification import Property, Record, TestCase
from schemas.types import Kind, Type
from schemas.values import Value, decode_json

_CLOSE = '''

def close(left: Any, right: Any, tolerance: float) -> bool:
    """Compare two values, floats within a tolerance."""
    if isinstance(left, float) and isinstance(right, float | int):
        return left == right or abs(left - right) <= tolerance or (left != left and right != right)
    if type(left) is not type(right):
        return False
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(close(a, b, tolerance) for a, b in zip(left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(close(left[key], right[key], tolerance) for key in left)
    return bool(left == right)
'''


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
            return f'b64decode("{text}")'
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


def test_module(part: Part, whole: Whole) -> str:
    """Write the test module of one part."""
    task = part.task
    records = {record.name: record for record in task.records}
    body = "".join(_example(part, case, records, number) for number, case in enumerate(task.test_cases, 1))
    body += "".join(_property(part, item, records) for item in task.properties)
    needs_close = "close(" in body
    properties = "".join(f"\n\n{item.property_function.strip()}\n" for item in task.properties)
    header = f'"""Tests of {part.module}.{task.name}, from the examples and properties that verified it."""\n\n'
    return (
        header
        + _imports(part, whole, body + properties, needs_close)
        + (_CLOSE if needs_close else "")
        + properties
        + f"\n\nclass {_class_name(part)}(unittest.TestCase):\n"
        + f'    """Examples and properties of {task.name}."""\n'
        + body
    )


def _class_name(part: Part) -> str:
    return "".join(word.capitalize() for word in re.split(r"[._-]+", part.path)) + "Test"


def _imports(part: Part, whole: Whole, body: str, needs_close: bool) -> str:
    used = {node.id for node in ast.walk(ast.parse(_dedented(body))) if isinstance(node, ast.Name)}
    declared = sorted({*(item.name for item in whole.records), *(item.name for item in whole.errors)} & used)
    lines = ["import unittest"]
    if "b64decode" in used:
        lines.append("from base64 import b64decode")
    if needs_close:
        lines.append("from typing import Any")
    lines += ["", f"from {part.module} import {part.task.name}"]
    if declared and whole.records_file:
        module = whole.records_file[0].removesuffix(".py").replace("/", ".")
        lines.append(f"from {module} import {', '.join(declared)}")
    return "\n".join(lines) + "\n"


def _dedented(body: str) -> str:
    """Give a class body a class, so that it parses on its own."""
    return "class _:\n    pass\n" + body if body.lstrip().startswith("def test") else body


def _example(part: Part, case: TestCase, records: dict[str, Record], number: int) -> str:
    task = part.task
    arguments = ", ".join(
        f"{name}={literal(decode_json(case.inputs[name], of, records))}"
        for name, of in zip((item.name for item in task.inputs), input_types(task), strict=True)
    )
    call = f"{task.name}({arguments})"
    lines = [f"    def test_{number}_{_slug(case.name)}(self) -> None:"]
    lines.append(f'        """{_sentence(case.description or case.name)}"""')
    if case.raises is not None:
        lines += [f"        with self.assertRaises({case.raises}):", f"            {call}"]
    else:
        of = result_type(task)
        expected = literal(decode_json(case.expected_output, of, records))
        lines.append(f"        {_assertion(call, expected, of, case.tolerance)}")
    return "\n" + "\n".join(lines) + "\n"


def _assertion(call: str, expected: str, of: Type, tolerance: float | None) -> str:
    if tolerance is not None or (of.kind is Kind.FLOAT and "nan" in expected):
        return f"self.assertTrue(close({call}, {expected}, {tolerance or 0.0!r}))"
    return f"self.assertEqual({call}, {expected})"


def _property(part: Part, item: Property, records: dict[str, Record]) -> str:
    task = part.task
    name = _function_name(item)
    calls = [
        "            ("
        + "".join(
            f"{literal(decode_json(case.inputs[parameter], of, records))}, "
            for parameter, of in zip((given.name for given in task.inputs), input_types(task), strict=True)
        )
        + "),\n"
        for case in task.test_cases
        if case.raises is None
    ]
    return (
        f"\n    def test_property_{_slug(item.name)}(self) -> None:\n"
        f'        """{_sentence(item.description or item.name)}"""\n'
        f"        for arguments in [\n{''.join(calls)}        ]:\n"
        f"            self.assertIsNot({name}(*arguments), False)\n"
    )


def _function_name(item: Property) -> str:
    for node in ast.parse(item.property_function).body:
        if isinstance(node, ast.FunctionDef):
            return node.name
    raise ValueError(f"the property {item.name} defines no function")


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:60] or "case"


def _sentence(text: str) -> str:
    return " ".join(text.split()).replace("\\", "/").replace('"', "'")[:100]
