"""Proposals of simpler argument lists: always smaller, of the same types, and few."""

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from millwright.core.signature import records_of
from millwright.core.verification.evidence import Arguments
from millwright.core.verification.shrinking import MOST_PROPOSALS, fits, smaller
from millwright.core.verification.simplicity import size
from schemas.specification import TaskSpecification
from schemas.types import Kind, Type, parse_type
from schemas.values import Value, canonical_text
from tests.languages.in_process import encoded

RECORDS = [
    {"name": "Money", "fields": [{"name": "cents", "type_annotation": "int"}]},
    {
        "name": "Line",
        "fields": [{"name": "price", "type_annotation": "Money"}, {"name": "note", "type_annotation": "str | None"}],
    },
]

ANNOTATIONS = (
    *("int", "float", "bool", "str", "bytes", "Any", "int | None", "list[int] | str", "list[float]", "set[int]"),
    *("dict[str, int]", "dict[int, list[str]]", "tuple[int, str]", "tuple[int, ...]", "list[Line]", "Money | None"),
)


def task_of(*annotations: str) -> TaskSpecification:
    """Make a task with inputs of these types."""
    inputs = [{"name": f"x{index}", "type_annotation": text} for index, text in enumerate(annotations)]
    return TaskSpecification.model_validate({"id": "f", "name": "f", "inputs": inputs, "records": RECORDS})


def values(of: Type) -> st.SearchStrategy[Value]:
    """Draw tagged values of a type."""
    scalars: dict[Kind, st.SearchStrategy[Any]] = {
        Kind.INT: st.integers().map(encoded),
        Kind.FLOAT: st.floats().map(encoded),
        Kind.BOOL: st.booleans().map(encoded),
        Kind.STR: st.text(max_size=30).map(encoded),
        Kind.BYTES: st.sampled_from(["", "AA==", "AQIDBAUG", "//79"]).map(lambda text: ["bytes", text]),
        Kind.NONE: st.just(["none"]),
        Kind.ANY: st.recursive(
            st.integers() | st.text(max_size=5) | st.none(), lambda inner: st.lists(inner, max_size=4), max_leaves=8
        ).map(encoded),
    }
    if of.kind in scalars:
        return scalars[of.kind]
    parts = [values(argument) for argument in of.arguments]
    if of.kind is Kind.UNION:
        return st.one_of(parts)
    if of.kind is Kind.TUPLE:
        return st.tuples(*parts).map(lambda items: ["tuple", list(items)])
    if of.kind is Kind.DICT:
        pairs = st.lists(st.tuples(*parts), max_size=5, unique_by=lambda pair: canonical_text(pair[0]))
        return pairs.map(lambda items: ["dict", [list(pair) for pair in items]])
    if of.kind is Kind.RECORD:
        fields = {
            field.name: values(annotation(field.type_annotation)) for field in records_of(task_of())[of.name].fields
        }
        return st.fixed_dictionaries(fields).map(
            lambda made: ["record", of.name, [list(item) for item in made.items()]]
        )
    tag = "tuple" if of.kind is Kind.VARIADIC else of.kind.value
    unique_by = canonical_text if of.kind is Kind.SET else None
    return st.lists(parts[0], max_size=15, unique_by=unique_by).map(lambda items: [tag, cast(JsonValue, items)])


def annotation(text: str) -> Type:
    """Parse an annotation over the records of these tests."""
    return parse_type(text, records_of(task_of()))


@st.composite
def cases(draw: st.DrawFn) -> tuple[TaskSpecification, Arguments]:
    """Draw a task and an argument list for it."""
    chosen = draw(st.lists(st.sampled_from(ANNOTATIONS), min_size=1, max_size=3))
    return task_of(*chosen), tuple(draw(values(annotation(text))) for text in chosen)


@given(cases())
def test_every_proposal_is_smaller_of_the_same_types_and_there_are_few(
    case: tuple[TaskSpecification, Arguments],
) -> None:
    """The measure is of natural numbers, so that whoever follows proposals comes to an end."""
    task, arguments = case
    proposals = smaller(arguments, task)
    assert len(proposals) <= MOST_PROPOSALS
    assert len({"\n".join(map(canonical_text, proposal)) for proposal in proposals}) == len(proposals)
    assert [size(proposal) for proposal in proposals] == sorted(size(proposal) for proposal in proposals)
    for proposal in proposals:
        assert (0, 0) <= size(proposal) < size(arguments)
        assert [
            fits(value, annotation(item.type_annotation), records_of(task))
            for item, value in zip(task.inputs, proposal, strict=True)
        ] == [True] * len(proposal)
    assert proposals == smaller(arguments, task), "the same question has the same answer"


@given(cases())
def test_following_the_simplest_proposal_comes_to_an_end_soon(case: tuple[TaskSpecification, Arguments]) -> None:
    """Where everything fails, a few steps lead to the simplest arguments of all."""
    task, arguments = case
    for _ in range(12):
        proposals = smaller(arguments, task)
        if not proposals:
            break
        arguments = proposals[0]
    assert smaller(arguments, task) == ()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("int", 0),
        ("float", 0.0),
        ("bool", False),
        ("str", ""),
        ("list[int]", []),
        ("tuple[int, str]", (0, "")),
        ("int | None", None),
        ("dict[str, int]", {}),
    ],
)
def test_nothing_is_simpler_than_the_simplest(text: str, value: object) -> None:
    """Zero, false, empty and None are the ends."""
    assert smaller((encoded(value),), task_of(text)) == ()


def shrunk(arguments: tuple[object, ...], task: TaskSpecification, fails: Any, rounds: int = 5) -> Arguments:
    """Follow the simplest failing proposal of each round."""
    now = tuple(map(encoded, arguments))
    for _ in range(rounds):
        failing = [proposal for proposal in smaller(now, task) if fails(*proposal)]
        if not failing:
            break
        now = failing[0]
    return now


def test_a_bound_of_a_number_is_found_by_halving() -> None:
    """Five rounds come close from far away."""
    (value,) = shrunk((10_000,), task_of("int"), lambda value: int(value[1]) > 700)
    assert 700 < int(str(value[1])) < 760


def test_one_bad_member_is_left_of_a_long_list() -> None:
    """What does not matter goes first."""
    items = [*range(40), -7, *range(30)]
    (value,) = shrunk((items,), task_of("list[int]"), lambda value: any(int(item[1]) < 0 for item in value[1]), 8)
    assert value == ["list", [["int", "-1"]]]


def test_what_matters_of_a_text_is_kept() -> None:
    """Other characters become the simplest, or go."""
    (value,) = shrunk(("The quick (brown fox",), task_of("str"), lambda value: "(" in value[1], 8)
    assert value == ["str", "("]


def test_an_int_of_thousands_of_digits_is_shortened() -> None:
    """Without converting it, which Python refuses."""
    huge: Value = ["int", "9" * 9000]
    assert ["int", "9" * 4500] in [proposal[0] for proposal in smaller((huge,), task_of("int"))]


def test_members_of_a_fixed_tuple_stay_so_many() -> None:
    """And each shrinks within its own type, also inside a record."""
    proposals = smaller((encoded((8, "x")),), task_of("tuple[int, str]"))
    assert proposals
    assert all(len(proposal[0][1]) == 2 for proposal in proposals)  # type: ignore[arg-type]
