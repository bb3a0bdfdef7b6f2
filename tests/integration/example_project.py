"""The sample project's scripted content, taken apart for tests: its tree, its answers, and a process to run them in.

It judges nothing, and has no sandbox: only texts of this repository are run.
"""

import ast
import dataclasses
import json
import random
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from millwright.adapters.embedded.demo_sampling import (
    Completion,
    CompletionBook,
    TaskCompletions,
    bundled_files,
    read_book,
)
from millwright.core.prompts.planner import specifier_task
from schemas.identity import Archetype
from schemas.specification import TaskSpecification
from schemas.types import Kind, Type, parse_type
from schemas.values import canonical_text, decode_json

REPOSITORY = Path(__file__).resolve().parents[2]
REQUIREMENTS = (REPOSITORY / "examples/order-pricing/requirements.md").read_text(encoding="utf-8")
SPECIFIER_TASK = specifier_task(REQUIREMENTS)
"""What the specifier is asked about: answers for other prose than the sample's own are never given."""

RANDOM_INPUTS = 60

HARNESS = """
import dataclasses, json, sys

def encode(value):
    match value:
        case None: return ["none"]
        case bool(): return ["bool", value]
        case int(): return ["int", str(value)]
        case str(): return ["str", value]
        case list() | tuple(): return [type(value).__name__, [encode(item) for item in value]]
        case dict(): return ["dict", [[encode(key), encode(item)] for key, item in value.items()]]
    if dataclasses.is_dataclass(value):
        fields = [[field.name, encode(getattr(value, field.name))] for field in dataclasses.fields(value)]
        return ["record", type(value).__name__, fields]
    return ["object", type(value).__name__]

def decode(value, records):
    match value:
        case ["none"]: return None
        case ["bool" | "str", item]: return item
        case ["int", text]: return int(text)
        case ["list", items]: return [decode(item, records) for item in items]
        case ["tuple", items]: return tuple(decode(item, records) for item in items)
        case ["dict", pairs]: return {decode(key, records): decode(item, records) for key, item in pairs}
        case ["record", name, pairs]: return records[name](**{key: decode(item, records) for key, item in pairs})
    raise AssertionError(value)

def outcome(function, arguments):
    try:
        return encode(function(*arguments))
    except Exception as error:
        return ["raised", type(error).__name__]

def run(job):
    base = {}
    exec(job["prelude"], base)
    report = []
    for program in job["programs"]:
        space = dict(base)
        for source in program["sources"]:
            exec(source, space)
        records = {name: space[name] for name in job["records"]}
        outcomes = []
        for call in program["calls"]:
            outcomes.append(outcome(space[program["function"]], [decode(item, records) for item in call]))
        report.append(outcomes)
    return report

json.dump(run(json.load(sys.stdin)), sys.stdout)
"""


@dataclasses.dataclass(frozen=True)
class Program:
    """One right answer with the answers that it stands on, and the calls to make."""

    sources: tuple[str, ...]
    function: str
    calls: tuple[Any, ...]


@cache
def book() -> CompletionBook:
    """Return the bundled completions."""
    return read_book(bundled_files())


def entry(archetype: Archetype, task: str) -> TaskCompletions:
    """Return the completions for a task that must be there."""
    found = book().get(archetype.value, task)
    assert found is not None, f"no completions for {archetype} {task}"
    return found


def right(archetype: Archetype, task: str) -> list[Completion]:
    """Return the right answers to a task."""
    return [completion for completion in entry(archetype, task).completions if completion.kind == "right"]


def structure(completion: Completion) -> Any:
    """Parse a structured answer, which stands in one fenced block."""
    block = re.search(r"```json\n(.*)\n```", completion.text, re.DOTALL)
    return json.loads(block[1] if block else completion.text)


def code(completion: Completion) -> str:
    """Take the module out of an answer: its one fenced block, or the whole text."""
    blocks = re.findall(r"```python\n(.*?)```", completion.text, re.DOTALL)
    assert len(blocks) <= 1
    return str(blocks[0]) if blocks else completion.text


@cache
def covers() -> dict[str, tuple[str, ...]]:
    """Return the requirements that each task answers for: the root for all behaviour, a child for what it is given."""
    root = structure(right(Archetype.SPECIFIER, SPECIFIER_TASK)[0])
    found = {"root": tuple(root["requirements"]["functional"])}
    for task in inner():
        for child in structure(right(Archetype.DECOMPOSER, task)[0])["children"]:
            found[child["specification"]["id"]] = tuple(child["covers"])
    return found


@cache
def tree() -> dict[str, tuple[TaskSpecification, tuple[str, ...]]]:
    """Return every task of the sample project with the ids of its children, from the likeliest answers."""
    root = TaskSpecification.model_validate(structure(right(Archetype.SPECIFIER, SPECIFIER_TASK)[0])["specification"])
    found: dict[str, tuple[TaskSpecification, tuple[str, ...]]] = {}
    waiting = [root]
    while waiting:
        task = waiting.pop(0)
        children: list[TaskSpecification] = []
        if book().get("decomposer", task.id) is not None:
            proposal = structure(right(Archetype.DECOMPOSER, task.id)[0])
            children = [
                TaskSpecification.model_validate(
                    {**child["specification"], "records": list(root.records), "errors": list(root.errors)}
                )
                for child in proposal["children"]
            ]
        found[task.id] = (task, tuple(child.id for child in children))
        waiting += children
    return found


def leaves() -> list[str]:
    """Return the ids of the atomic tasks."""
    return [task for task, (_, children) in tree().items() if not children]


def inner() -> list[str]:
    """Return the ids of the tasks that compose others."""
    return [task for task, (_, children) in tree().items() if children]


def archetype_of(task: str) -> Archetype:
    """Return who writes a task's code."""
    return Archetype.INTEGRATOR if tree()[task][1] else Archetype.CODER


def below(task: str) -> list[str]:
    """Return the sources that a task's code calls: its dependencies and all that is under it, callees first."""
    specification, children = tree()[task]
    sources: list[str] = []
    for needed in (*specification.dependencies, *children):
        sources += [*below(needed), code(right(archetype_of(needed), needed)[0])]
    return sources


def prelude() -> str:
    """Write the records and errors that the root declares."""
    root = tree()["root"][0]
    lines = ["import dataclasses"]
    for error in root.errors:
        lines += [f"class {error.name}({error.base}):", "    pass"]
    for record in root.records:
        lines += ["@dataclasses.dataclass(frozen=True)", f"class {record.name}:"]
        lines += [f"    {field.name}: {field.type_annotation}" for field in record.fields]
    return "\n".join(lines)


def execute(programs: list[Program]) -> list[list[Any]]:
    """Run programs in a process of their own and return their outcomes, as tagged values."""
    job = {
        "prelude": prelude(),
        "records": [record.name for record in tree()["root"][0].records],
        "programs": [dataclasses.asdict(program) for program in programs],
    }
    ended = subprocess.run(
        [sys.executable, "-I", "-c", HARNESS], input=json.dumps(job), capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    report: list[list[Any]] = json.loads(ended.stdout)
    return report


def types_of(task: str) -> dict[str, Type]:
    """Return the types of a task's inputs by name."""
    specification = tree()[task][0]
    records = [record.name for record in specification.records]
    return {item.name: parse_type(item.type_annotation, records) for item in specification.inputs}


def example_calls(task: str) -> list[Any]:
    """Return the arguments of a task's examples, as tagged values."""
    specification = tree()[task][0]
    records = {record.name: record for record in specification.records}
    types = types_of(task)
    return [
        [decode_json(case.inputs[name], types[name], records) for name in types] for case in specification.test_cases
    ]


def expected(task: str) -> list[Any]:
    """Return the outcomes that a task's examples state, as tagged values."""
    specification = tree()[task][0]
    records = {record.name: record for record in specification.records}
    outputs = [parse_type(item.type_annotation, records) for item in specification.outputs]
    of = outputs[0] if len(outputs) == 1 else Type(Kind.TUPLE, tuple(outputs))
    return [
        ["raised", case.raises] if case.raises else decode_json(case.expected_output, of, records)
        for case in specification.test_cases
    ]


class Maker:
    """Makes random JSON values of types, within the constraints that specifications state."""

    def __init__(self, task: str) -> None:
        self._random = random.Random(task)
        self._records = {record.name: record for record in tree()[task][0].records}

    def value(self, of: Type, constraints: tuple[str, ...] = ()) -> Any:
        """Make a JSON value of a type."""
        text = " and ".join(constraints)
        listed = re.fullmatch(r"\w+ in (\(.*\))", text)
        if listed:
            return self._random.choice(ast.literal_eval(listed[1]))
        bounds = re.fullmatch(r"(-?\d+) <= \w+ <= (-?\d+)", text)
        if of.kind is Kind.INT:
            return self._integer(*(int(bounds[1]), int(bounds[2])) if bounds else (-1000, 1000))
        if of.kind is Kind.RECORD:
            least = 1 if constraints else -1000
            return {field.name: self._field(field.type_annotation, least) for field in self._records[of.name].fields}
        return self._unbounded(of)

    def _unbounded(self, of: Type) -> Any:
        match of.kind:
            case Kind.STR:
                return self._string()
            case Kind.BOOL:
                return self._random.random() < 0.5
            case Kind.NONE:
                return None
            case Kind.UNION:
                return self.value(self._random.choice(of.arguments))
            case Kind.LIST:
                return [self.value(of.arguments[0]) for _ in range(self._random.randrange(4))]
            case Kind.TUPLE:
                return [self.value(argument) for argument in of.arguments]
            case Kind.DICT:
                keys = [self._random.choice(("item", "quantity", "price", "x")) for _ in range(4)]
                return {key: self.value(of.arguments[1]) for key in keys}
            case _:
                raise AssertionError(f"the sample project has no {of}")

    def _field(self, annotation: str, least: int) -> Any:
        return self._integer(least, 10000) if annotation == "int" else self._string()

    def _integer(self, least: int, most: int) -> int:
        ranges = [(least, most), (least, min(most, least + 200)), (max(least, 0), min(most, 100_000))]
        return self._random.randint(*self._random.choice(ranges))

    def _string(self) -> str:
        alphabets = ("0123456789.", "0129. -,", "aB \t\n\x1c\u2003é²٤", '{}[]",:0 ', "ßſıİabroadSAVE10 ")
        alphabet = self._random.choice(alphabets)
        return "".join(self._random.choice(alphabet) for _ in range(self._random.choice((0, 1, 2, 4, 5, 8, 30, 60))))


def mutated_documents(task: str) -> list[Any]:
    """Return JSON documents near those of a task's examples, for tasks that read them."""
    specification, chooser = tree()[task][0], random.Random(task)
    found: list[Any] = []
    for case in specification.test_cases:
        for _ in range(4):
            text = str(case.inputs.get("document", ""))
            at = chooser.randrange(len(text) + 1)
            changed = text[:at] + chooser.choice(("0", "", '"', "null", "true", "1e3", "[]")) + text[at + 1 :]
            found.append([["str", changed], *([["str", "coupon"]] if "key" in case.inputs else [])])
    return found


def random_calls(task: str) -> list[Any]:
    """Return random arguments for a task, as tagged values."""
    specification = tree()[task][0]
    records = {record.name: record for record in specification.records}
    types, maker = types_of(task), Maker(task)
    calls = [
        [
            decode_json(maker.value(types[item.name], item.constraints), types[item.name], records)
            for item in specification.inputs
        ]
        for _ in range(RANDOM_INPUTS)
    ]
    return calls + (mutated_documents(task) if "document" in types else [])


@cache
def outcomes() -> dict[str, list[list[str]]]:
    """Return, per task and right answer, the outcomes of its examples and then of random calls, as canonical text."""
    programs: list[Program] = []
    places: list[str] = []
    for task in tree():
        calls = tuple(example_calls(task) + random_calls(task))
        for answer in right(archetype_of(task), task):
            places.append(task)
            programs.append(Program((*below(task), code(answer)), tree()[task][0].name, calls))
    found: dict[str, list[list[str]]] = {task: [] for task in tree()}
    for task, report in zip(places, execute(programs), strict=True):
        found[task].append([canonical_text(item) for item in report])
    return found


def conditions_source(task: TaskSpecification) -> str:
    """Write a function that calls a task's own and returns the names of the postconditions that do not hold."""
    names = ", ".join(item.name for item in task.inputs)
    return "\n".join(
        [
            f"def broken_conditions({names}):",
            "    try:",
            f"        result = {task.name}({names})",
            "    except OrderError:",
            "        return []",
            f"    checks = {{{', '.join(f'{item.name!r}: ({item.expression})' for item in task.postconditions)}}}",
            "    return [name for name, holds in checks.items() if holds is not True]",
        ]
    )
