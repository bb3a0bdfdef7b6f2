"""Runs the examples' right answers in a process of their own, on their specifications' examples and on random inputs.

It has no sandbox: only texts of this repository are run.
"""

import ast
import dataclasses
import json
import random
import re
import subprocess
import sys
from functools import cache
from typing import Any

from schemas.specification import TaskKind, TaskSpecification
from schemas.types import Kind, Type
from schemas.values import canonical_text, decode_json
from tests.integration.example_project import Example, code

RANDOM_INPUTS = 60
NEAR_INPUTS = 4
MUTATIONS = ("0", "", '"', "null", "true", "1e3", "[]", "-", ".", ",", "9", " ", "#", "\n", "x")

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


ASKED = """
import io, json
from urllib.parse import quote as quoted
_METHODS = {methods!r}
_make = {name}

def _request(call):
    given = vars(call)
    if type(call).__name__ == "request":
        return given["verb"], given["path"], given["content"].encode("utf-8", "replace")
    verb, _, path = _METHODS[type(call).__name__].partition(" ")
    for field, value in given.items():
        path = path.replace("{{" + field + "}}", quoted(str(value), safe="", errors="replace"))
    return verb, path, json.dumps(dataclasses.asdict(given["body"])).encode() if "body" in given else b""

def _answered(application, verb, path, content):
    from urllib.parse import unquote_to_bytes
    told = []
    environ = {{"REQUEST_METHOD": verb, "PATH_INFO": unquote_to_bytes(path).decode("latin-1")}}
    environ |= {{"CONTENT_LENGTH": str(len(content)), "wsgi.input": io.BytesIO(content)}}
    body = b"".join(application(environ, lambda status, headers: told.append((status, dict(headers)))))
    status, headers = told[0]
    return response(int(status[:3]), headers["Content-Type"], json.loads(body))

def {name}(calls):
    application = _make()
    return history([_answered(application, *_request(call)) for call in calls])
"""
"""Stands for an application of the name: called with requests it makes one, and returns what that answers."""


@dataclasses.dataclass(frozen=True)
class Program:
    """One right answer with the answers that it stands on, and the calls to make."""

    sources: tuple[str, ...]
    function: str
    calls: tuple[Any, ...]


def execute(example: Example, programs: list[Program]) -> list[list[Any]]:
    """Run programs in a process of their own and return their outcomes, as tagged values."""
    root = example.task("root")
    job = {
        "prelude": example.prelude,
        "records": [record.name for record in root.known_records],
        "programs": [dataclasses.asdict(_asked(program, root)) for program in programs],
    }
    ended = subprocess.run(
        [sys.executable, "-I", "-c", HARNESS], input=json.dumps(job), capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    report: list[list[Any]] = json.loads(ended.stdout)
    return report


def _asked(program: Program, root: TaskSpecification) -> Program:
    """Let a program that holds an application be called with requests, as a function."""
    if root.kind is not TaskKind.HTTP_HANDLER or not any(f"def {root.name}(" in text for text in program.sources):
        return program
    methods = {method.name: method.request for method in root.methods}
    adapter = ASKED.format(methods=methods, name=root.name)
    return dataclasses.replace(program, sources=(*program.sources, adapter))


class Maker:
    """Makes random JSON values of types, within the constraints that specifications state."""

    def __init__(self, task: TaskSpecification) -> None:
        self._random = random.Random(task.id)
        self._records = {record.name: record for record in task.records}

    def value(self, of: Type, constraints: tuple[str, ...] = ()) -> Any:
        """Make a JSON value of a type."""
        text = " and ".join(constraints)
        listed = re.fullmatch(r"\w+ in (\(.*\))", text)
        if listed:
            return self._random.choice(ast.literal_eval(listed[1]))
        bounds = re.fullmatch(r"(-?\d+) <= \w+ <= (-?\d+)", text)
        if of.kind is Kind.LIST and text:
            return [self.value(of.arguments[0]) for _ in range(self._random.randrange(1, 5))]
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
                raise AssertionError(f"no example has {of}")

    def _field(self, annotation: str, least: int) -> Any:
        if annotation == "int":
            return self._integer(least, 10000)
        return self._random.choice(("A", "B", self._string()))

    def _integer(self, least: int, most: int) -> int:
        ranges = [(least, most), (least, min(most, least + 200)), (max(least, 0), min(most, 100_000))]
        return self._random.randint(*self._random.choice(ranges))

    def _string(self) -> str:
        alphabets = ("0123456789.", "0129. -,", "aB \t\n\x1c\u2003é²٤", '{}[]",:0 ', "ßſıİabroadSAVE10 ", "AB-01:, #")
        alphabet = self._random.choice(alphabets)
        return "".join(self._random.choice(alphabet) for _ in range(self._random.choice((0, 1, 2, 4, 5, 8, 30, 60))))


def near_examples(example: Example, task: str) -> list[Any]:
    """Return arguments near those of a task's examples, for tasks that read text; as tagged values."""
    specification, chooser = example.task(task), random.Random(task)
    free = [item.name for item in specification.inputs if all("len(" in text for text in item.constraints)]
    texts = [name for name in free if example.types_of(task)[name].kind is Kind.STR]
    places = [list(example.types_of(task)).index(name) for name in texts]
    found: list[Any] = []
    for call in example.example_calls(task) if texts else ():
        for _ in range(NEAR_INPUTS):
            place = chooser.choice(places)
            text = call[place][1]
            at = chooser.randrange(len(text) + 1)
            changed = text[:at] + chooser.choice(MUTATIONS) + text[at + chooser.randrange(2) :]
            found.append([*call[:place], ["str", changed], *call[place + 1 :]])
    return found


def random_calls(example: Example, task: str) -> list[Any]:
    """Return random arguments for a task, as tagged values."""
    specification = example.task(task)
    if specification.kind is TaskKind.HTTP_HANDLER:
        return _random_requests(example, task)
    records = {record.name: record for record in specification.records}
    types, maker = example.types_of(task), Maker(specification)
    calls = [
        [
            decode_json(maker.value(types[item.name], item.constraints), types[item.name], records)
            for item in specification.inputs
        ]
        for _ in range(RANDOM_INPUTS)
    ]
    return calls + near_examples(example, task)


def _random_requests(example: Example, task: str) -> list[Any]:
    """Return sequences of the requests of a handler's examples, and of bodies near to theirs, as tagged values."""
    chooser = random.Random(task)
    asked = [step for call in example.example_calls(task) for step in call[0][1]]
    texts = [field[1][1] for step in asked for field in step[2] if field[0] == "content" and field[1][1]]
    for text in texts * RANDOM_INPUTS:
        at = chooser.randrange(len(text) + 1)
        content = text[:at] + chooser.choice(MUTATIONS) + text[at + chooser.randrange(2) :]
        given = [["verb", ["str", "POST"]], ["path", ["str", "/quotes"]], ["content", ["str", content]]]
        asked.append(["record", "request", given])
    return [[["list", chooser.choices(asked, k=chooser.randrange(1, 4))]] for _ in range(RANDOM_INPUTS)]


@cache
def outcomes(example: Example) -> dict[str, list[list[str]]]:
    """Return, per task and right answer, the outcomes of its examples and then of random calls, as canonical text."""
    programs: list[Program] = []
    places: list[str] = []
    for task in example.tree:
        calls = tuple(example.example_calls(task) + random_calls(example, task))
        for answer in example.right(example.archetype_of(task), task):
            places.append(task)
            programs.append(Program((*example.below(task), code(answer)), example.task(task).name, calls))
    found: dict[str, list[list[str]]] = {task: [] for task in example.tree}
    for task, report in zip(places, execute(example, programs), strict=True):
        found[task].append([canonical_text(item) for item in report])
    return found


def conditions_source(task: TaskSpecification) -> str:
    """Write a function that calls a task's own and returns the names of the postconditions that do not hold."""
    names = ", ".join(item.name for item in task.inputs)
    errors = ", ".join(error.name for error in task.errors)
    return "\n".join(
        [
            f"def broken_conditions({names}):",
            "    try:",
            f"        result = {task.name}({names})",
            f"    except ({errors},):",
            "        return []",
            f"    checks = {{{', '.join(f'{item.name!r}: ({item.expression})' for item in task.postconditions)}}}",
            "    return [name for name, holds in checks.items() if holds is not True]",
        ]
    )


def promises(example: Example, task: str) -> str:
    """Write a function that says whether arguments keep a task's constraints and preconditions."""
    specification = example.task(task)
    conditions = [text for item in specification.inputs for text in item.constraints]
    conditions += [item.expression for item in specification.preconditions]
    names = ", ".join(item.name for item in specification.inputs)
    return f"def promised({names}):\n    return {' and '.join(f'({text})' for text in conditions) or 'True'}\n"
