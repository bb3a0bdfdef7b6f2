"""Generated inputs relate: arguments are equal, adjacent, contained or sorted far more often than by chance."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, cast

import pytest

from millwright.adapters.inputs.hypothesis_inputs import HypothesisInputs
from millwright.adapters.inputs.relations import relations_of
from millwright.core.specification import digest_of
from schemas.specification import Condition, Parameter, TaskSpecification
from schemas.types import parse_type
from schemas.values import Value
from schemas.verification import InputOrigin

Holds = Callable[..., bool]


def _task(*annotations: str, constraints: tuple[str, ...] = (), conditions: tuple[str, ...] = ()) -> TaskSpecification:
    return TaskSpecification(
        id="t",  # type: ignore[arg-type]  # a plain id reads better here than TaskId("t")
        name="f",
        inputs=tuple(
            Parameter(name=name, type_annotation=annotation, constraints=constraints if name == "a" else ())
            for name, annotation in zip("abc", annotations, strict=False)
        ),
        preconditions=tuple(Condition(name=f"p{index}", expression=text) for index, text in enumerate(conditions)),
    )


def _plain(value: Value) -> Any:
    match value:
        case ["int", str() as text]:
            return int(text)
        case ["float", str() as text]:
            return float.fromhex(text)
        case ["list" | "tuple", list() as items]:
            return [_plain(cast(Value, item)) for item in items]
        case _:
            return value[1]


@pytest.fixture(scope="module")
def source() -> HypothesisInputs:
    """One source, whose processes stay warm from test to test."""
    return HypothesisInputs()


async def _generated(source: HypothesisInputs, task: TaskSpecification) -> list[tuple[Any, ...]]:
    vectors = (await source.inputs(task, digest_of(task))).vectors
    return [tuple(map(_plain, item.arguments)) for item in vectors if item.origin is InputOrigin.GENERATED]


@pytest.mark.parametrize(
    ("annotations", "holds", "least"),
    [
        (("int", "int"), lambda a, b: a == b, 8),
        (("int", "int"), lambda a, b: abs(a - b) == 1, 8),
        (("int", "int", "int"), lambda a, b, c: len({a, b, c}) == 2, 12),
        (("float", "float"), lambda a, b: a == b, 8),
        (("list[int]", "int"), lambda a, b: b in a, 16),
        (("list[int]", "int"), lambda a, b: abs(b - len(a)) <= 1, 10),
        (("list[float]", "float"), lambda a, b: b in a, 10),
        (("str", "str"), lambda a, b: "" != a != b != "" and (a in b or b in a), 10),
        (("str", "str"), lambda a, b: a != b and sorted(a) == sorted(b), 2),
        (("list[str]", "str"), lambda a, b: b in a, 10),
        (("list[int]", "list[int]"), lambda a, b: len(a) == len(b) > 1, 16),
        (("list[str]", "list[int]"), lambda a, b: len(a) == len(b) > 1, 16),
        (("list[int]",), lambda a: len(a) > 2 and a in (sorted(a), sorted(a)[::-1]), 12),
        (("list[int]",), lambda a: len(set(a)) < len(a), 30),
        (("list[int]",), lambda a: len(a) > 2 and a == a[::-1], 6),
        (("list[int]",), lambda a: any(abs(one - other) == 1 for one, other in pairwise(a)), 20),
        (("str",), lambda a: len(a) > 2 and a == a[::-1], 6),
        (("str",), lambda a: any(one == other for one, other in pairwise(a)), 20),
        (("tuple[str, ...]",), lambda a: len(set(a)) < len(a), 20),
    ],
)
async def test_arguments_relate(
    source: HypothesisInputs, annotations: tuple[str, ...], holds: Holds, least: int
) -> None:
    """At least so many of sixty inputs of each of three specifications have the relation: one seed alone is luck."""
    related = 0
    for number in range(3):
        task = _task(*annotations).model_copy(update={"description": f"Relate, for the time {number}."})
        generated = await _generated(source, task)
        assert len(generated) == 60
        related += sum(holds(*vector) for vector in generated)
    assert related >= least


@pytest.mark.parametrize(
    ("annotations", "constraints", "conditions", "holds"),
    [
        (("int", "int"), ("5 <= a <= 8",), ("a != b",), lambda a, b: 5 <= a <= 8 and a != b),
        (("list[int]", "int"), ("all(x > 10 for x in a)", "len(a) <= 4"), (), lambda a, b: all(x > 10 for x in a)),
        (("str", "str"), ("all(c in '01' for c in a)",), (), lambda a, b: set(a) <= set("01")),
        (("list[int]",), ("a == sorted(a)",), (), lambda a: a == sorted(a)),
        (("str",), ("3 <= len(a) <= 5",), (), lambda a: 3 <= len(a) <= 5),
    ],
)
async def test_relations_keep_to_the_constraints(
    source: HypothesisInputs,
    annotations: tuple[str, ...],
    constraints: tuple[str, ...],
    conditions: tuple[str, ...],
    holds: Holds,
) -> None:
    """What a relation would break stays as it was drawn, so that there are still enough."""
    generated = await _generated(source, _task(*annotations, constraints=constraints, conditions=conditions))
    assert all(holds(*vector) for vector in generated)
    assert len(generated) >= 40


async def test_arguments_drawn_apart_remain(source: HypothesisInputs) -> None:
    """About half are not made to relate: most faults need no relation."""
    generated = await _generated(source, _task("int", "int"))
    assert sum(abs(a - b) > 1 for a, b in generated) >= 20


@pytest.mark.parametrize(
    ("annotations", "within", "between"),
    [(["int"], 0, 0), (["bool", "str"], 2, 0), (["int", "int"], 0, 4), (["list[int]", "int"], 3, 3)],
)
def test_relations_follow_the_types(annotations: list[str], within: int, between: int) -> None:
    """Only arguments whose types have something in common relate."""
    assert tuple(map(len, relations_of([parse_type(text) for text in annotations]))) == (within, between)
