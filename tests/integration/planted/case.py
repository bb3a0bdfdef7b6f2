"""What a planted defect is: a task, a candidate that is wrong in one place, and what must be said of it.

It plants none; each layer's defects stand in the module of its name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from millwright.core.specification import check_document
from schemas.identity import LayerName
from schemas.specification import SpecificationDocument, TaskSpecification

MARK = "§"
"""Stands at the end of the line that a finding must name; it is taken out before the source is tried."""


@dataclass(frozen=True)
class Raises:
    """An example's expectation that an exception is raised."""

    exception: str


@dataclass(frozen=True)
class Near:
    """An example's expectation of a number within a tolerance."""

    value: float
    tolerance: float


Expected = JsonValue | Raises | Near


@dataclass(frozen=True)
class Defect:
    """A candidate with one defect; ``line`` is where it is in ``source``, None where no line can be named."""

    layer: LayerName
    name: str
    task: TaskSpecification
    source: str
    line: int | None
    code: str

    @property
    def id(self) -> str:
        """A name that is its own among all defects."""
        return f"{self.layer.value}: {self.name}"


def task(
    name: str,
    takes: Mapping[str, str],
    gives: str,
    cases: Sequence[tuple[Sequence[JsonValue], Expected]],
    **more: JsonValue,
) -> TaskSpecification:
    """Make a task from parameter types, the result's type and examples; conditions are given as expressions.

    Raises:
        ValueError: the task does not agree with itself.
    """
    bounds = more.pop("constraints", {})
    assert isinstance(bounds, dict)
    fields: dict[str, JsonValue] = {
        "id": name,
        "name": name,
        "inputs": [
            {"name": word, "type_annotation": of, "constraints": bounds.get(word, [])} for word, of in takes.items()
        ],
        "outputs": [{"name": "result", "type_annotation": gives}],
        "test_cases": [
            {"name": f"example {number}", "inputs": dict(zip(takes, values, strict=True)), **_outcome(expected)}
            for number, (values, expected) in enumerate(cases, 1)
        ],
    }
    for kind in ("preconditions", "postconditions", "invariants"):
        expressions = more.pop(kind, [])
        assert isinstance(expressions, list)
        fields[kind] = [{"name": f"{kind} {at}", "expression": text} for at, text in enumerate(expressions, 1)]
    properties = more.pop("properties", {})
    assert isinstance(properties, dict)
    fields["properties"] = [{"name": name, "property_function": text} for name, text in properties.items()]
    made = TaskSpecification.model_validate({**fields, **more})
    if faults := check_document(SpecificationDocument(tasks=(made,))):
        raise ValueError(f"{name}: {'; '.join(map(str, faults))}")
    return made


def _outcome(expected: Expected) -> dict[str, JsonValue]:
    match expected:
        case Raises(exception):
            return {"raises": exception}
        case Near(value, tolerance):
            return {"expected_output": value, "tolerance": tolerance}
        case _:
            return {"expected_output": expected}


def planted(layer: LayerName, *defects: tuple[TaskSpecification, str, str, str]) -> tuple[Defect, ...]:
    """Read defects, each a task, a name, the code that must be reported, and the source with its line marked."""
    return tuple(_read(layer, *each) for each in defects)


def _read(layer: LayerName, of: TaskSpecification, name: str, code: str, marked: str) -> Defect:
    text = marked.removeprefix("\n")
    lines = [number for number, line in enumerate(text.split("\n"), 1) if MARK in line]
    if len(lines) > 1:
        raise ValueError(f"{name}: more than one line is marked")
    return Defect(layer, name, of, text.replace(MARK, ""), lines[0] if lines else None, code)
