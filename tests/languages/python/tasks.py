"""The tasks that the candidates beside this module answer; a candidate's file is named ``<task>__<manner>.py``."""

from pathlib import Path
from typing import Any

from millwright.core.verification.languages import language_named
from millwright.core.verification.layer import Subject
from schemas.identity import Digest
from schemas.specification import TaskSpecification
from schemas.types import parse_type
from schemas.values import decode_json
from schemas.verification import InputOrigin, InputSet, InputVector

FOLDER = Path(__file__).parent
RECORDS = "shop.records"

_INT = {"type_annotation": "int"}
_RECORDS = [
    {"name": "Line", "fields": [{"name": "price", "type_annotation": "Money"}, {"name": "count", **_INT}]},
    {"name": "Money", "fields": [{"name": "cents", **_INT}]},
]

TASKS = {
    task.name: task
    for task in map(
        TaskSpecification.model_validate,
        [
            {
                "id": "clamp",
                "name": "clamp",
                "description": "Return the value, or the bound that it passes.",
                "inputs": [{"name": "value", **_INT}, {"name": "low", **_INT}, {"name": "high", **_INT}],
                "outputs": [{"name": "result", **_INT}],
                "preconditions": [{"name": "bounds in order", "expression": "low <= high"}],
                "postconditions": [
                    {"name": "within bounds", "expression": "low <= result <= high"},
                    {"name": "unchanged inside", "expression": "result == value or not low <= value <= high"},
                ],
                "test_cases": [
                    {"name": "inside", "inputs": {"value": 5, "low": 0, "high": 9}, "expected_output": 5},
                    {"name": "above", "inputs": {"value": 12, "low": 0, "high": 9}, "expected_output": 9},
                ],
                "timeout_ms": 200,
                "max_complexity": 8,
            },
            {
                "id": "word-counts",
                "name": "word_counts",
                "description": "Count how often each word of a text occurs.",
                "inputs": [{"name": "text", "type_annotation": "str"}],
                "outputs": [{"name": "result", "type_annotation": "dict[str, int]"}],
                "test_cases": [
                    {"name": "two", "inputs": {"text": "To be to"}, "expected_output": {"To": 1, "be": 1, "to": 1}},
                    {"name": "none", "inputs": {"text": ""}, "expected_output": {}},
                    {"name": "twice", "inputs": {"text": "a a"}, "expected_output": {"a": 2}},
                ],
                "properties": [
                    {
                        "name": "every word is counted",
                        "property_function": "def check(text):\n"
                        "    assert sum(word_counts(text).values()) == len(text.split())\n",
                    }
                ],
            },
            {
                "id": "parse-amount",
                "name": "parse_amount",
                "description": "Read an amount like 12.50 as cents.",
                "inputs": [{"name": "text", "type_annotation": "str"}],
                "outputs": [{"name": "cents", **_INT}],
                "test_cases": [
                    {"name": "amount", "inputs": {"text": "12.50"}, "expected_output": 1250},
                    {"name": "words", "inputs": {"text": "much"}, "raises": "AmountError"},
                ],
                "errors": [{"name": "AmountError", "base": "ValueError"}],
            },
            {
                "id": "average",
                "name": "average",
                "description": "Return the mean of some numbers; None of none.",
                "inputs": [{"name": "values", "type_annotation": "list[float]"}],
                "outputs": [{"name": "mean", "type_annotation": "float | None"}],
                "test_cases": [
                    {"name": "none", "inputs": {"values": []}, "expected_output": None},
                    {"name": "ints", "inputs": {"values": [1, 2, 6]}, "expected_output": 3},
                    {"name": "thirds", "inputs": {"values": [0.1, 0.2]}, "expected_output": 0.15, "tolerance": 1e-9},
                ],
            },
            {
                "id": "subtotal",
                "name": "subtotal",
                "description": "Add up the lines of an order.",
                "inputs": [{"name": "lines", "type_annotation": "list[Line]"}],
                "outputs": [{"name": "total", "type_annotation": "Money"}],
                "test_cases": [
                    {
                        "name": "two lines",
                        "inputs": {
                            "lines": [
                                {"price": {"cents": 250}, "count": 2},
                                {"price": {"cents": 99}, "count": 1},
                            ]
                        },
                        "expected_output": {"cents": 599},
                    },
                    {"name": "empty", "inputs": {"lines": []}, "expected_output": {"cents": 0}},
                ],
                "records": _RECORDS,
            },
        ],
    )
}

_MORE: dict[str, list[list[Any]]] = {
    "clamp": [[37, 0, 50], [-3, 0, 9], [50, 0, 50], [1, 5, 2], [7, 7, 7]],
    "word_counts": [["a\tb"], ["x x x"], ["one two three four"], [" \n"]],
    "parse_amount": [["0.05"], ["1.5"], ["-1.00"], [""]],
    "average": [[[1.5, 2.5]], [[0.1, 0.2, 0.3]]],
    "subtotal": [[[{"price": {"cents": -1}, "count": 3}]]],
}


def inputs_of(task: TaskSpecification) -> InputSet:
    """Return the inputs beyond the examples on which the task's candidates are tried."""
    records = {record.name: record for record in task.records}
    types = [parse_type(item.type_annotation, records) for item in task.inputs]
    vectors = tuple(
        InputVector(
            arguments=tuple(decode_json(value, of, records) for value, of in zip(row, types, strict=True)),
            origin=InputOrigin.GENERATED,
        )
        for row in (_MORE[task.name] if task.inputs else ())
    )
    return InputSet(specification_digest=Digest("0" * 64), generator="by hand", vectors=vectors)


def subject_of(task: TaskSpecification, source: str) -> Subject:
    """Put a candidate's source into its setting: a package ``shop`` with the declared records."""
    language = language_named(task.target_language)
    records_module = RECORDS if task.records or task.errors else None
    target = language.module_path("shop", (task.name,), False)
    text = language.assemble(task, source, (), records_module)
    modules = {target: text}
    if records_module is not None:
        modules[language.module_path("shop", ("records",), False)] = language.records_source(task.records, task.errors)
    return Subject(
        task=task,
        source=text,
        modules=modules,
        target=target,
        module=language.module_name(target),
        inputs=inputs_of(task),
        records_module=records_module,
    )


def subject_in(path: Path) -> Subject:
    """Read a candidate's file, and put it into its setting."""
    return subject_of(TASKS[path.stem.partition("__")[0]], path.read_text(encoding="utf-8"))


def candidates(folder: str) -> list[Path]:
    """List the candidates in a folder beside this module."""
    return sorted((FOLDER / folder).glob("*.py"))
