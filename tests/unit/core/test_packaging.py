"""Deliverables as Python packages: whatever a specification says, the files load and their tests run and judge."""

import ast
import base64
import builtins
import json
import math
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millwright.core.assembly import dotted_name, file_path, import_clash, module_parts, records_clash
from millwright.core.examples import accepts, example_calls
from millwright.core.packaging import PACKAGERS, packager_for
from millwright.core.packaging.package import Part, Whole
from millwright.core.packaging.python import PythonPackager
from millwright.core.packaging.python_literals import literal
from millwright.core.packaging.traceability import TRACEABILITY
from millwright.core.tracing import TracedNode, trace
from millwright.core.verification.languages import language_named
from millwright.errors import BadInput
from schemas.evidence import NodeRecord
from schemas.execution import Outcome, OutcomeKind
from schemas.identity import LayerName, NodePath, ProjectId, RequirementId, TaskId
from schemas.requirements import Requirement, Requirements, Statement, StatementKind
from schemas.specification import Record, TaskSpecification
from schemas.types import parse_type
from schemas.values import decode_json
from tests.strategies import digest_of, project_ids

PACKAGER = PythonPackager()
PYTHON = language_named("python")
HOSTILE = 'Ends "early""" and \\ on\nlines\twith \x00 \x1b \u2028 ünï {braces} \'\'\' %s \\'
RECORDS: list[dict[str, Any]] = [
    {"name": "Line", "fields": [{"name": "price", "type_annotation": "float"}]},
    {"name": "Order", "fields": [{"name": "lines", "type_annotation": "list[Line]"}]},
]
ERRORS = [{"name": "Refused", "base": "ValueError"}]


def _task(name: str, /, **fields: Any) -> TaskSpecification:
    base: dict[str, Any] = {
        "id": name,
        "name": name,
        "inputs": [{"name": "n", "type_annotation": "int"}],
        "outputs": [{"name": "result", "type_annotation": "int"}],
        "test_cases": [{"name": "one", "inputs": {"n": 1}, "expected_output": 2}],
    }
    return TaskSpecification.model_validate({**base, **fields})


def _part(task: TaskSpecification, source: str, path: str, package: str = "shop") -> Part:
    node = NodeRecord(
        project=ProjectId(package), path=NodePath(path), task=task.id, name=task.name, specification=digest_of(path)
    )
    return Part(
        path=node.path,
        task=task,
        module=dotted_name(package, node.path),
        file=file_path(PYTHON, package, node),
        text=PYTHON.assemble(task, source, (), f"{package}.records"),
    )


def _whole(*parts: Part, summary: str = "A shop.", package: str = "shop") -> Whole:
    records = {record.name: record for part in parts for record in part.task.records}
    errors = {error.name: error for part in parts for error in part.task.errors}
    text = PYTHON.records_source(list(records.values()), list(errors.values()))
    return Whole(
        package=package,
        version="0.1.0",
        summary=summary,
        parts=parts,
        records=tuple(records.values()),
        errors=tuple(errors.values()),
        records_file=(f"{package}/records.py", text) if records or errors else None,
    )


def _written(files: Mapping[str, str], root: Path) -> Path:
    for name, text in files.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return root


def _tested(files: Mapping[str, str], root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "unittest", "discover", "-s", "tests", "-t", "."]
    return subprocess.run(command, cwd=_written(files, root), capture_output=True, text=True, timeout=60, check=False)


def _ran(files: Mapping[str, str], root: Path) -> int:
    """Run the delivered tests, which must pass; return how many there were."""
    done = _tested(files, root)
    assert done.returncode == 0, done.stderr
    return int(done.stderr.split("Ran ")[1].split()[0])


TOTAL = {
    "records": RECORDS,
    "errors": ERRORS,
    "inputs": [{"name": "order", "type_annotation": "Order"}, {"name": "tax", "type_annotation": "float"}],
    "outputs": [{"name": "result", "type_annotation": "Line"}],
    "test_cases": [
        {
            "name": HOSTILE,
            "inputs": {"order": {"lines": [{"price": 0.1}, {"price": 0.2}]}, "tax": 0},
            "expected_output": {"price": 0.3},
            "tolerance": 1e-9,
        },
        {"name": "none", "inputs": {"order": {"lines": []}, "tax": -1}, "raises": "Refused"},
        {"name": "parent", "inputs": {"order": {"lines": []}, "tax": -1.5}, "raises": "ValueError"},
        {
            "name": "nan",
            "inputs": {"order": {"lines": [{"price": {"$float": "nan"}}]}, "tax": 0},
            "expected_output": {"price": {"$float": "nan"}},
        },
    ],
    "properties": [
        {
            "name": "taxed",
            "property_function": "def holds(tax: float, order: Order) -> None:\n"
            "    found = total(order, tax)\n    assert found.price != found.price or found.price >= 0\n",
        },
        {
            "name": "taxed",
            "property_function": "def holds(order: Order, tax: float) -> bool:\n"
            "    assert isinstance(total(order, tax), Line)\n    return True\n",
            "description": HOSTILE,
        },
    ],
    "description": HOSTILE,
}
TOTAL_SOURCE = """def total(order: Order, tax: float) -> Line:
    if tax < 0:
        raise Refused("tax")
    return Line(sum([line.price for line in order.lines]) * (1 + tax))
"""


def test_delivered_tests_run_with_records_errors_tolerance_and_properties(tmp_path: Path) -> None:
    """Four examples and two properties of one name are six tests, and the right code passes them all."""
    files = PACKAGER.files(_whole(_part(_task("total", **TOTAL), TOTAL_SOURCE, "root.total"), summary=HOSTILE))
    assert _ran(files, tmp_path) == 6


def _asked(*texts: str) -> Requirements:
    kinds = (StatementKind.FUNCTIONAL, StatementKind.FUNCTIONAL, StatementKind.CONTEXT)
    items = [
        Requirement(
            statement=Statement(
                id=RequirementId(f"R{number}"), text=text, start=0, end=1, first_line=number, last_line=number
            ),
            kind=kind,
        )
        for number, (text, kind) in enumerate(zip(texts, kinds, strict=True), 1)
    ]
    return Requirements(items=tuple(items))


def test_tests_are_named_after_the_requirements_that_they_show(tmp_path: Path) -> None:
    """Names that would be equal are told apart, hostile words stay words, and each name in the account can be run."""
    cases = [
        {"name": "Half a cent", "inputs": {"n": 1}, "expected_output": 2, "shows": ["R1"]},
        {"name": "half-a-cent", "inputs": {"n": 2}, "expected_output": 4, "shows": ["R1", "R2"]},
        {"name": "half a cent", "inputs": {"n": 3}, "expected_output": 6, "shows": ["R1"], "description": "Three."},
        {"name": "plain", "inputs": {"n": 4}, "expected_output": 8},
    ]
    source = "def even(n: int) -> None:\n    assert double(n) % 2 == 0\n"
    properties = [{"name": "even", "property_function": source, "shows": ["R2"]}]
    task = _task("double", test_cases=cases, properties=properties, requirements=["R1", "R2"])
    asked = _asked("It doubles.", HOSTILE, "We like it.")
    nodes = [TracedNode(NodePath("root.double"), task, True, frozenset(LayerName))]
    part = _part(task, "def double(n: int) -> int:\n    return n * 2\n", "root.double")
    files = PACKAGER.files(replace(_whole(part), requirements=asked, traces=trace(asked, nodes)))
    text = files["tests/test_root_double.py"]
    methods = re.findall(r"def (test_\w+)", text)
    names = "test_r1_half_a_cent test_r1_r2_half_a_cent test_r1_half_a_cent_2 test_4_plain test_r2_even"
    assert methods == names.split()
    assert '"""R1: It doubles."""' in text
    assert '"""Three.\n\n        R1: It doubles.\n' in text
    account = json.loads(files[TRACEABILITY])
    first, second, third = account["requirements"]
    assert (first["id"], first["kind"], first["evidence"]) == ("R1", "functional", "shown")
    assert first["parts"] == ["shop.double"]
    assert (third["kind"], "tests" in third) == ("context", False)
    assert second["text"] == HOSTILE
    assert second["tests"] == [
        "tests.test_root_double.RootDoubleTest.test_r1_r2_half_a_cent",
        "tests.test_root_double.RootDoubleTest.test_r2_even",
    ]
    assert _ran(files, tmp_path) == 5
    done = subprocess.run(
        [sys.executable, "-m", "unittest", *first["tests"], *second["tests"]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Ran 5 tests" in done.stderr


def test_a_deliverable_without_requirements_has_no_account_of_them() -> None:
    """Where a given specification names none there is nothing to trace."""
    assert TRACEABILITY not in PACKAGER.files(_whole(_part(_task("total", **TOTAL), TOTAL_SOURCE, "root.total")))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(1 + tax)", "(1.001 + tax)"),
        ('Refused("tax")', 'ZeroDivisionError("tax")'),
        ("Line(sum([line.price for line in order.lines]) * (1 + tax))", "Line(0.3)"),
    ],
)
def test_delivered_tests_fail_for_wrong_code(tmp_path: Path, old: str, new: str) -> None:
    """The delivered tests judge: a wrong value, a wrong exception and a constant are each caught."""
    part = _part(_task("total", **TOTAL), TOTAL_SOURCE.replace(old, new), "root.total")
    assert _tested(PACKAGER.files(_whole(part)), tmp_path).returncode != 0


def test_functions_named_like_what_tests_use_are_tested_all_the_same(tmp_path: Path) -> None:
    """A function called close, unittest or main is the one that its tests call."""
    cases = [{"name": "one", "inputs": {"n": 1}, "expected_output": 2.0, "tolerance": 0.1}]
    outputs = [{"name": "result", "type_annotation": "float"}]
    parts = [
        _part(
            _task(name, outputs=outputs, test_cases=cases),
            f"def {name}(n: int) -> float:\n    return n * 2\n",
            f"root.{name}",
        )
        for name in ("close", "unittest", "main", "is_close")
    ]
    assert _ran(PACKAGER.files(_whole(*parts)), tmp_path) == 4


def test_no_test_is_lost_to_its_files_name(tmp_path: Path) -> None:
    """Hyphens in ids keep no test from being found, and two paths never share a file."""
    source = "def double(n: int) -> int:\n    return n * 2\n"
    paths = ("root.a-b", "root.a.b", "root.a_b.c", "root.a.b-c", "root.a.b_2")
    files = PACKAGER.files(_whole(*(_part(_task("double"), source, path) for path in paths)))
    files |= {"shop/a/__init__.py": "", "shop/a_b/__init__.py": ""}
    files.pop("shop/a_b.py", None)
    part = _part(_task("double"), source, "root.a-b")
    files["shop/a_b/__init__.py"] = part.text
    assert _ran(files, tmp_path) == len(paths)


@settings(max_examples=40)
@given(st.text(max_size=60) | st.sampled_from([HOSTILE, "\\", '"', '"""', "\ud800", "a" * 500]))
def test_no_text_breaks_the_generated_files(text: str) -> None:
    """Whatever descriptions and names of examples say, every module compiles and pyproject is TOML."""
    case = {"name": text, "description": text, "inputs": {"n": 1}, "expected_output": 2}
    rule = {"name": text, "property_function": "def p(n: int) -> None:\n    assert double(n)\n", "description": text}
    task = _task("double", description=text, test_cases=[case, case], properties=[rule, rule], errors=ERRORS)
    part = _part(task, "def double(n: int) -> int:\n    return n * 2\n", "root.double")
    files = PACKAGER.files(_whole(part, summary=text))
    files["shop/group/__init__.py"] = PACKAGER.group(text, [("shop.double", "double")])
    for name, content in files.items():
        content.encode("utf-8")
        if name.endswith(".py"):
            compile(content, name, "exec")
    assert tomllib.loads(files["pyproject.toml"])["project"]["name"] == "shop"
    assert files["README.md"].startswith("# shop\n")


@pytest.mark.parametrize("name", ["main", "sys", "Path", "convert"])
def test_a_text_filter_becomes_a_command(tmp_path: Path, name: str) -> None:
    """A root from one text to one text is run as a module, whatever it is called; a refusal is exit 2."""
    text = [{"name": "t", "type_annotation": "str"}]
    case = {"name": "hi", "inputs": {"t": "hi"}, "expected_output": "HI"}
    task = _task(name, id="root", inputs=text, outputs=text, test_cases=[case], errors=ERRORS)
    source = f"def {name}(t: str) -> str:\n    if not t:\n        raise Refused('empty')\n    return t.upper()\n"
    files = PACKAGER.files(_whole(_part(task, source, "root"), package="up_per"))
    files = {path.replace("shop/", "up_per/"): content for path, content in files.items()}
    part = _part(task, source, "root", "up_per")
    files = PACKAGER.files(_whole(part, package="up_per"))
    assert tomllib.loads(files["pyproject.toml"])["project"]["scripts"] == {"up-per": "up_per.__main__:main"}
    _written(files, tmp_path)
    command = [sys.executable, "-m", "up_per"]
    for given_, status, out in (("hi", 0, "HI\n"), ("", 2, "")):
        done = subprocess.run(
            command, cwd=tmp_path, input=given_, capture_output=True, text=True, timeout=30, check=False
        )
        assert (done.returncode, done.stdout) == (status, out), done.stderr


@given(project_ids())
def test_any_project_id_makes_an_importable_package_name(project: ProjectId) -> None:
    """The name is an identifier, no keyword, and not one that the standard library has."""
    name = PACKAGER.package_name(project)
    assert name.isidentifier()
    assert name not in sys.stdlib_module_names
    compile(f"import {name}", "name", "exec")


@pytest.mark.parametrize(
    ("project", "name"),
    [
        ("shop", "shop"),
        ("order-pricing", "order_pricing"),
        ("json", "json_package"),
        ("test", "test_package"),
        ("tests", "tests_package"),
        ("hatchling", "hatchling_package"),
        ("class", "class_package"),
        ("2fa", "package_2fa"),
    ],
)
def test_names_that_are_taken_get_another_form(project: str, name: str) -> None:
    """Keywords, the standard library, the tests and the tools of the checks keep their names."""
    assert PACKAGER.package_name(ProjectId(project)) == name


def test_a_group_re_exports_its_members_and_says_what_it_is() -> None:
    """The imports are sorted; a group without members is a docstring."""
    text = PACKAGER.group("Money.", [("shop.b", "two"), ("shop.a", "one")])
    assert text.index("shop.a") < text.index("shop.b")
    assert '__all__ = [\n    "one",\n    "two",\n]' in text
    assert PACKAGER.group("Money.", []) == '"""Money."""\n'


def test_the_trials_cover_types_and_the_package_where_it_is_installed() -> None:
    """The type check carries every file; the sources of what is installed lie apart from the scripts."""
    whole = _whole(_part(_task("double"), "def double(n: int) -> int:\n    return n\n", "root.double"))
    files = PACKAGER.files(whole)
    types, installed = PACKAGER.trials(whole, files)
    assert (types.answers, types.command.files) == (("types",), files)
    assert installed.answers == ("build", "install", "imports", "tests")
    assert {f"source/{path}" for path in files} <= installed.command.files.keys()


def test_there_is_one_packager_a_language_and_an_unknown_one_is_refused() -> None:
    """The languages of the packagers are distinct."""
    names = [packager.language for packager in PACKAGERS]
    assert len(set(names)) == len(names)
    assert packager_for("python").language == "python"
    with pytest.raises(BadInput, match="known are: python"):
        packager_for("cobol")


VALUES: list[tuple[str, Any, Any]] = [
    ("None", None, None),
    ("bool", True, True),
    ("int", -(10**30), -(10**30)),
    ("float", 0.1, 0.1),
    ("float", 5e-324, 5e-324),
    ("float", {"$float": "inf"}, math.inf),
    ("float", {"$float": "-inf"}, -math.inf),
    ("str", HOSTILE, HOSTILE),
    ("bytes", base64.b64encode(b'\x00"\\').decode(), b'\x00"\\'),
    ("list[int | None]", [1, None], [1, None]),
    ("tuple[()]", [], ()),
    ("tuple[int]", [1], (1,)),
    ("tuple[int, ...]", [1, 2], (1, 2)),
    ("set[int]", [], set()),
    ("set[tuple[int, str]]", [[1, "a"], [2, "b"]], {(1, "a"), (2, "b")}),
    ("dict[int, list[float]]", {"1": [1]}, {1: [1.0]}),
    ("dict[tuple[int, int], str]", {"[1, 2]": "x"}, {(1, 2): "x"}),
    ("Any", {"a": [1, 2.5, None, True]}, {"a": [1, 2.5, None, True]}),
    ("Order", {"lines": [{"price": 2}]}, ("Order", [("Line", 2.0)])),
]
BY_NAME = {record["name"]: Record.model_validate(record) for record in RECORDS}
SCOPE = {
    "__builtins__": builtins,
    "Order": lambda lines: ("Order", lines),
    "Line": lambda price: ("Line", price),
}


@pytest.mark.parametrize(("annotation", "given_", "expected"), VALUES)
def test_every_kind_of_value_can_be_written_down(annotation: str, given_: Any, expected: Any) -> None:
    """A literal evaluates to the value, with its exact type."""
    value = eval(literal(decode_json(given_, parse_type(annotation, BY_NAME), BY_NAME)), dict(SCOPE))
    assert value == expected
    assert type(value) is type(expected)


def test_not_a_number_can_be_written_down() -> None:
    """NaN equals nothing, so it is looked at apart."""
    assert math.isnan(eval(literal(["float", "nan"])))


@settings(max_examples=40)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(), st.lists))
def test_untyped_values_survive_the_round_trip(value: Any) -> None:
    """Whatever JSON says under Any is what the literal evaluates to."""
    assert eval(literal(decode_json(value, parse_type("Any"), {}))) == value


def test_an_object_of_another_class_cannot_be_written_down() -> None:
    """It matches nothing, so that no literal may stand for it."""
    with pytest.raises(ValueError, match="written down"):
        literal(["object", "Thing"])


def test_modules_are_named_by_ids() -> None:
    """Hyphens become underscores and keywords get one; the root is the package itself."""
    assert module_parts(NodePath("root")) == ()
    assert module_parts(NodePath("root.a-b.class")) == ("a_b", "class_")
    assert dotted_name("shop", NodePath("root.a-b")) == "shop.a_b"
    leaf = NodeRecord(
        project=ProjectId("p"), path=NodePath("root.a"), task=TaskId("a"), name="a", specification=digest_of("a")
    )
    group = leaf.model_copy(update={"children": (NodePath("root.a.b"),)})
    assert file_path(PYTHON, "shop", leaf) == "shop/a.py"
    assert file_path(PYTHON, "shop", group) == "shop/a/__init__.py"
    assert file_path(PYTHON, "shop", leaf.model_copy(update={"path": NodePath("root")})) == "shop/__init__.py"


def test_names_that_would_mean_two_things_are_found() -> None:
    """A module has one meaning for each name: function, dependencies, records and errors."""
    task = _task("total", records=RECORDS, errors=ERRORS)
    assert import_clash(task, ["parse", "price"]) is None
    for functions in (["parse", "parse"], ["total"], ["Order"], ["Refused"]):
        assert functions[-1] in str(import_clash(task, functions))
    assert records_clash([TaskId("records")], _task("total")) is None
    assert "records" in str(records_clash([TaskId("a"), TaskId("records")], task))


def test_examples_are_called_in_the_order_of_inputs_and_accepted_by_declared_type() -> None:
    """Under a float, also one inside a record, an equal int is equal; an exception's bases are looked at."""
    task = _task("total", **TOTAL)
    assert [call[1] for call in example_calls(task)][:2] == [["float", "0x0.0p+0"], ["float", float(-1).hex()]]
    line = _task(
        "price",
        records=RECORDS,
        outputs=[{"name": "r", "type_annotation": "Line"}],
        test_cases=[{"name": "two", "inputs": {"n": 1}, "expected_output": {"price": 2}}],
    )
    two = Outcome(kind=OutcomeKind.RETURNED, value=["record", "Line", [["price", ["int", "2"]]]])
    three = Outcome(kind=OutcomeKind.RETURNED, value=["record", "Line", [["price", ["int", "3"]]]])
    assert accepts(line, line.test_cases[0], two)
    assert not accepts(line, line.test_cases[0], three)
    refused = Outcome(kind=OutcomeKind.RAISED, exception="Refused", exception_bases=("ValueError", "Exception"))
    other = Outcome(kind=OutcomeKind.RAISED, exception="KeyError", exception_bases=("LookupError", "Exception"))
    assert all(accepts(task, case, refused) for case in task.test_cases[1:3])
    assert not any(
        accepts(task, case, outcome) for case in task.test_cases for outcome in (other, Outcome(kind=OutcomeKind.LOST))
    )


def test_generated_tests_hold_no_names_that_are_never_used() -> None:
    """Imports of the delivered tests are those that they need."""
    part = _part(_task("total", **TOTAL), TOTAL_SOURCE, "root.total")
    text = PACKAGER.files(_whole(part))["tests/test_root_total.py"]
    imported = {
        alias.asname or alias.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    used = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    assert imported <= used
    assert {"Order", "Line", "Refused"} <= imported
