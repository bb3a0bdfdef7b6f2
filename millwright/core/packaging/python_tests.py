"""The tests of a delivered Python module, written from the examples and properties that verified it."""

import ast
import base64
import re
from collections.abc import Sequence

from pydantic import JsonValue

from millwright.core.packaging.package import Part, Whole, one_line
from millwright.core.specification import input_types, result_type
from schemas.identity import RequirementId
from schemas.requirements import TestKind
from schemas.specification import Property, Record, TaskSpecification, TestCase
from schemas.values import Value, decode_json

_MOST_IN_A_NAME = 3

_CLOSE = '''
    def is_close(self, found: Any, expected: Any, tolerance: float) -> bool:
        """Compare two values, floats within a tolerance."""
        if isinstance(expected, float) and isinstance(found, float | int) and not isinstance(found, bool):
            both_nan = found != found and expected != expected
            return both_nan or found == expected or abs(found - expected) <= tolerance
        if type(found) is not type(expected):
            return False
        if isinstance(found, list | tuple):
            pairs = zip(found, expected, strict=False)
            return len(found) == len(expected) and all(self.is_close(a, b, tolerance) for a, b in pairs)
        if isinstance(found, set):
            pairs = zip(sorted(found, key=repr), sorted(expected, key=repr), strict=False)
            same = found == expected or all(self.is_close(a, b, tolerance) for a, b in pairs)
            return len(found) == len(expected) and same
        if isinstance(found, dict):
            same = found.keys() == expected.keys()
            return same and all(self.is_close(found[key], expected[key], tolerance) for key in found)
        if hasattr(found, "__dataclass_fields__"):
            return self.is_close(vars(found), vars(expected), tolerance)
        return bool(found == expected)
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


def test_module(part: Part, whole: Whole) -> str:
    """Write the test module of one part."""
    task = part.task
    records = {record.name: record for record in task.records}
    functions = _property_functions(task)
    names = method_names(task)
    asked = {item.statement.id: item.statement.text for item in whole.requirements.items}
    body = "".join(
        _example(part, case, records, names[TestKind.EXAMPLE, number], _docstring(case, asked))
        for number, case in enumerate(task.test_cases, 1)
    )
    body += "".join(
        _property(part, item, name, records, names[TestKind.PROPERTY, number], _docstring(item, asked))
        for number, (item, (name, _)) in enumerate(zip(task.properties, functions, strict=True), 1)
    )
    needs_close = "self.is_close(" in body
    properties = "".join(f"\n\n{source}\n" for _, source in functions)
    header = f'"""Tests of {part.module}.{task.name}, from the examples and properties that verified it."""\n\n'
    base = "TestCase" if task.name == "unittest" else "unittest.TestCase"
    return (
        header
        + _imports(part, whole, body + properties, needs_close)
        + properties
        + f"\n\nclass {class_name(part)}({base}):\n"
        + f'    """Examples and properties of {task.name}."""\n'
        + (_CLOSE if needs_close else "")
        + body
    )


def _property_functions(task: TaskSpecification) -> list[tuple[str, str]]:
    """Return the name and the source of each property's function; one whose name is taken gets another."""
    taken = {task.name, "unittest", "Any", *(item.name for item in task.records), *(item.name for item in task.errors)}
    functions = []
    for number, item in enumerate(task.properties, 1):
        function = _function(item)
        source = item.property_function.strip()
        if function.name in taken:
            function.name = f"property_{number}_{function.name}"
            source = ast.unparse(function)
        taken.add(function.name)
        functions.append((function.name, source))
    return functions


def method_names(task: TaskSpecification) -> dict[tuple[TestKind, int], str]:
    """Return the method of each example and property: named after the requirements that it shows, else numbered."""
    names: dict[tuple[TestKind, int], str] = {}
    for number, case in enumerate(task.test_cases, 1):
        names[TestKind.EXAMPLE, number] = f"test_{_after(case.shows) or number}_{_slug(case.name)}"
    for number, item in enumerate(task.properties, 1):
        names[TestKind.PROPERTY, number] = f"test_{_after(item.shows) or f'property_{number}'}_{_slug(item.name)}"
    taken: set[str] = set()
    for key, name in names.items():
        free, number = name, 1
        while free in taken:
            number += 1
            free = f"{name}_{number}"
        taken.add(free)
        names[key] = free
    return names


def _after(shows: Sequence[RequirementId]) -> str:
    """Write the first requirements that a test shows as the beginning of its name."""
    return "_".join(_slug(name) for name in shows[:_MOST_IN_A_NAME])


def _docstring(test: TestCase | Property, asked: dict[RequirementId, str]) -> str:
    """Write a test's docstring: what it is about, and the requirements that it shows in their own words."""
    said = [_sentence(test.description)] if test.description.strip() else []
    said += [f"{name}: {one_line(asked[name], 100)}" for name in test.shows if name in asked]
    first, *rest = said or [_sentence(test.name)]
    if not rest:
        return f'        """{first}"""'
    lines = "".join(f"        {line}\n" for line in rest)
    return f'        """{first}\n\n{lines}        """'


def class_name(part: Part) -> str:
    """Return the name of the class that holds a part's tests."""
    return "".join(word.capitalize() for word in re.split(r"[._-]+", part.path)) + "Test"


def _imports(part: Part, whole: Whole, body: str, needs_close: bool) -> str:
    used = {node.id for node in ast.walk(ast.parse(_dedented(body))) if isinstance(node, ast.Name)}
    declared = sorted({*(item.name for item in whole.records), *(item.name for item in whole.errors)} & used)
    lines = ["from unittest import TestCase" if part.task.name == "unittest" else "import unittest"]
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


def _example(part: Part, case: TestCase, records: dict[str, Record], method: str, docstring: str) -> str:
    task = part.task
    arguments = ", ".join(
        f"{name}={literal(decode_json(case.inputs[name], of, records))}"
        for name, of in zip((item.name for item in task.inputs), input_types(task), strict=True)
    )
    call = f"{task.name}({arguments})"
    lines = [f"    def {method}(self) -> None:", docstring]
    if case.raises is not None:
        lines += [f"        with self.assertRaises({case.raises}):", f"            {call}"]
    else:
        of = result_type(task)
        expected = literal(decode_json(case.expected_output, of, records))
        lines.append(f"        {_assertion(call, expected, case.tolerance)}")
    return "\n" + "\n".join(lines) + "\n"


def _assertion(call: str, expected: str, tolerance: float | None) -> str:
    if tolerance is not None or 'float("nan")' in expected:
        return f"self.assertTrue(self.is_close({call}, {expected}, {tolerance or 0.0!r}))"
    return f"self.assertEqual({call}, {expected})"


def _property(part: Part, item: Property, name: str, records: dict[str, Record], method: str, docstring: str) -> str:
    task = part.task
    calls = [
        "            {"
        + ", ".join(
            f'"{parameter}": {literal(decode_json(case.inputs[parameter], of, records))}'
            for parameter, of in zip((given.name for given in task.inputs), input_types(task), strict=True)
        )
        + "},\n"
        for case in task.test_cases
        if case.raises is None
    ]
    return (
        f"\n    def {method}(self) -> None:\n{docstring}\n"
        f"        for arguments in [\n{''.join(calls)}        ]:\n"
        f"            self.assertIsNot({name}(**arguments), False)\n"
    )


def _function(item: Property) -> ast.FunctionDef:
    for node in ast.parse(item.property_function).body:
        if isinstance(node, ast.FunctionDef):
            return node
    raise ValueError(f"the property {item.name} defines no function")


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:60] or "case"


def _sentence(text: str) -> str:
    return one_line(text, 100) or "An example."
