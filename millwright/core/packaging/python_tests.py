"""The tests of a delivered Python module, written from the examples and properties that verified it."""

import ast
import re
from collections.abc import Sequence

from millwright.core.packaging.package import Part, Whole, one_line
from millwright.core.packaging.python_kind_tests import MEANS, kind_example, means_of
from millwright.core.packaging.python_literals import assertion, literal, sentence, slug
from millwright.core.specification import input_types, result_type
from schemas.identity import RequirementId
from schemas.requirements import TestKind
from schemas.specification import Property, Record, TaskKind, TaskSpecification, TestCase
from schemas.values import decode_json

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


def test_module(part: Part, whole: Whole) -> str:
    """Write the test module of one part."""
    task = part.task
    records = {record.name: record for record in task.records}
    functions = _property_functions(task)
    names = method_names(task)
    asked = {item.statement.id: item.statement.text for item in whole.requirements.items}
    example = kind_example if task.kind in MEANS else _example
    body = "".join(
        example(part, case, names[TestKind.EXAMPLE, number], _docstring(case, asked))
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
        names[TestKind.EXAMPLE, number] = f"test_{_after(case.shows) or number}_{slug(case.name)}"
    for number, item in enumerate(task.properties, 1):
        names[TestKind.PROPERTY, number] = f"test_{_after(item.shows) or f'property_{number}'}_{slug(item.name)}"
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
    return "_".join(slug(name) for name in shows[:_MOST_IN_A_NAME])


def _docstring(test: TestCase | Property, asked: dict[RequirementId, str]) -> str:
    """Write a test's docstring: what it is about, and the requirements that it shows in their own words."""
    said = [sentence(test.description)] if test.description.strip() else []
    said += [f"{name}: {one_line(asked[name], 100)}" for name in test.shows if name in asked]
    first, *rest = said or [sentence(test.name)]
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
    task = part.task
    imports, means = means_of(part, whole)
    plain = {line for line in imports if line.startswith("import ")}
    plain.add("from unittest import TestCase" if task.name == "unittest" else "import unittest")
    members = {line for line in imports if line not in plain}
    if needs_close:
        members.add("from typing import Any")
    lines = [*sorted(plain, key=lambda line: (line.startswith("from"), line)), *sorted(members)]
    awaited = task.kind is TaskKind.ASYNC_FUNCTION
    own = f"from {part.module} import {task.name}{' as awaited' if awaited else ''}"
    lines += ["", own] if task.kind not in (TaskKind.COMMAND, TaskKind.FILE) else []
    if declared and whole.records_file:
        module = whole.records_file[0].removesuffix(".py").replace("/", ".")
        lines.append(f"from {module} import {', '.join(declared)}")
    return "\n".join(lines) + "\n" + (f"\n{means}" if means else "")


def _dedented(body: str) -> str:
    """Give a class body a class, so that it parses on its own."""
    return "class _:\n    pass\n" + body if body.lstrip().startswith("def test") else body


def _example(part: Part, case: TestCase, method: str, docstring: str) -> str:
    task = part.task
    records = {record.name: record for record in task.records}
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
        lines.append(f"        {assertion(call, expected, case.tolerance)}")
    return "\n" + "\n".join(lines) + "\n"


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
