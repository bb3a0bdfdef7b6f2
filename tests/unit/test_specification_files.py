"""Reading files of task specifications and requirements: JSON's scalars in YAML, every fault with its line."""

import json
import os
import re
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from millwright.adapters.documents.published_schema import schema_text
from millwright.adapters.documents.specification_file import (
    locate_faults,
    read_json,
    read_requirements,
    read_specification,
)
from millwright.adapters.documents.yaml_reader import DocumentSyntaxError, read_yaml
from millwright.core.specification import check_document
from millwright.errors import BadInput, SpecificationInvalid
from schemas.specification import Fault, SpecificationDocument, TaskKind, TaskSpecification

_DOCS = Path(__file__).parents[2] / "docs"
_TASK = "id: a\n  name: f\n  inputs: [{name: n, type_annotation: int}]\n"
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def _read(text: str) -> SpecificationDocument:
    return read_specification(text, "spec.yaml", check_document)


def _faults(text: str) -> list[str]:
    with pytest.raises(SpecificationInvalid) as caught:
        _read(text)
    return [str(fault) for fault in caught.value.faults]


def test_a_bare_list_and_a_mapping_say_the_same() -> None:
    """A list of tasks is a document with nothing else in it, in YAML and in JSON."""
    bare, mapping = _read(f"- {_TASK}"), _read(f"tasks:\n- {_TASK}")
    in_json = json.dumps([{"id": "a", "name": "f", "inputs": [{"name": "n", "type_annotation": "int"}]}])
    assert bare == mapping == _read(in_json) == _read("\ufeff" + in_json)


def test_faults_carry_the_lines_of_the_file() -> None:
    """Faults of shape and faults of meaning both name the line."""
    assert _faults(f"# a comment\n- {_TASK}  max_lins: 3\n  max_lines: '4'\n") == [
        "tasks[0].max_lines, line 6: should be a valid integer",
        "tasks[0].max_lins, line 5: no such field",
    ]
    assert _faults(f"tasks:\n- {_TASK}  dependencies:\n  - b\n  parent: c\n") == [
        "tasks[0].parent, line 7: 'a' has an unknown parent 'c'",
        "tasks[0].dependencies[0], line 6: 'a' depends on an unknown task 'b'",
    ]


def test_faults_found_later_can_be_located() -> None:
    """A fault that only the sandbox can find still gets its line."""
    (fault,) = locate_faults(f"- {_TASK}", [Fault(where="tasks[0].inputs[0].name", what="odd")])
    assert str(fault) == "tasks[0].inputs[0].name, line 3: odd"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "spec.yaml: empty"),
        ("  \n", "spec.yaml: empty"),
        ("hello", "spec.yaml: neither a mapping"),
        ("a: [", "spec.yaml, line 2: not YAML"),
        ("a:\n\t- b", "spec.yaml, line 2: not YAML"),
        ("a: &x 1\nb: *x", "a in spec.yaml, line 1: anchors and aliases are not allowed"),
        ("a: !!python/object:os.system ls", "the tag tag:yaml.org,2002:python/object:os.system is not allowed"),
        ("a: 1\nb:\n  c: 1\n  c: 2", "b.c in spec.yaml, line 4: the key 'c' is there twice"),
        ("? [a]\n: 1", "a key must be a word"),
        ("a: 1\n---\nb: 1", "spec.yaml, line 2: there is more than one document"),
        ("a: " + "[" * 100 + "]" * 100, "nested deeper than 60 levels"),
        ("a: 1e999", "the number 1e999 is too large"),
        ("a: " + "9" * 2000, "a number of more than 1000 digits"),
        ('{"a": 1, "a": 2}', "the key 'a' is there twice"),
        ('{"tasks": NaN}', 'write {"$float": "nan"}'),
        ('{"tasks": [}', "spec.yaml, line 1: not JSON"),
        ("[" * 100_000, "not JSON: nested too deeply"),
        ("- id: a", "tasks[0].name, line 1: this field is required"),
        ("- a", "tasks[0], line 1: should be an object"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason(text: str, fault: str) -> None:
    """Anything that is not a document gets one clear line."""
    assert any(fault in found for found in _faults(text)), _faults(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("off", "off"),
        ("True", "True"),
        ("2024-01-01", "2024-01-01"),
        ("12:30:45", "12:30:45"),
        ("010", "010"),
        ("0x1f", "0x1f"),
        ("1_000", "1_000"),
        ("+1", "+1"),
        (".5", ".5"),
        (".nan", ".nan"),
        ("'1'", "1"),
        ("true", True),
        ("null", None),
        ("-12", -12),
        ("1.5e3", 1500.0),
        ("<<", "<<"),
    ],
)
def test_yaml_has_the_scalars_of_json(text: str, value: JsonValue) -> None:
    """A word is what it would be in JSON, and otherwise text."""
    assert read_yaml(f"a: {text}").value == {"a": value}
    assert type(value) is type(read_yaml(f"- {text}").value[0])  # type: ignore[index]  # a list, by construction


@given(_JSON)
def test_yaml_and_json_read_the_same_value(value: JsonValue) -> None:
    """A value written as JSON, or by a YAML library with every text quoted, is read back as it was."""
    assert read_json(json.dumps(value)) == value
    written = yaml.safe_dump(value, default_style='"', allow_unicode=False)
    unquoted = re.sub(r'!!(null|bool|int|float) "([^"]*)"', lambda found: found[2], written)
    if not re.search(r"\.(nan|inf)|[0-9]e", unquoted):
        assert read_yaml(unquoted).value == value


@given(st.text(max_size=80))
def test_no_text_makes_the_reader_fail(text: str) -> None:
    """Any text is read or refused."""
    with suppress(DocumentSyntaxError):
        read_yaml(text)


def test_requirements_are_text() -> None:
    """Requirements are prose in UTF-8, with or without a byte order mark."""
    assert read_requirements("\ufeffEin Zähler.\n".encode(), "r.md") == "Ein Zähler.\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "r.md is empty: write down"),
        (b" \n\t", "r.md is empty"),
        (b"\xff\xfe\x00", "r.md is not text in UTF-8 (byte 0)"),
        (b"line\nPK\x03\x04", "r.md is not text (control character in line 2)"),
        (b"a" * (1024 * 1024 + 1), "r.md has 1.0 MiB; requirements may have at most 1 MiB"),
    ],
)
def test_other_requirements_are_refused_in_one_line(data: bytes, message: str) -> None:
    """Empty, huge and binary input gets one line that says what to do."""
    with pytest.raises(BadInput) as caught:
        read_requirements(data, "r.md")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def _documented() -> list[SpecificationDocument]:
    page = (_DOCS / "task-specification.md").read_text(encoding="utf-8")
    return [_read(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]


def test_the_documented_examples_are_valid_and_show_every_field() -> None:
    """The page's examples can be built as they stand, and leave no field of a task, and no kind, out."""
    tasks = [task for document in _documented() for task in document.tasks]
    shown = {field for task in tasks for field in task.model_fields_set}
    assert shown == set(TaskSpecification.model_fields) - {"shapes"}  # which are derived
    assert {task.kind for task in tasks} == set(TaskKind)


def test_the_published_schema_is_up_to_date() -> None:
    """The schema in docs/ is the one that the code writes."""
    published = (_DOCS / "task-specification.schema.json").read_text(encoding="utf-8")
    assert published == schema_text(), "write it again: make schema"


def test_real_specifications_are_read_without_faults() -> None:
    """The 82 public specifications named by MILLWRIGHT_HUMANEVAL (a folder with specs.yaml) are sound."""
    folder = os.environ.get("MILLWRIGHT_HUMANEVAL")
    if not folder:
        pytest.skip("MILLWRIGHT_HUMANEVAL names no folder with specs.yaml")
    text = Path(folder, "specs.yaml").read_text(encoding="utf-8")
    assert len(_read(text).tasks) == 82
