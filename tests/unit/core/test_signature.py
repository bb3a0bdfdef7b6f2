"""Equality of tagged values, and the signature that makes two candidates the same vote."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.signature import behaviour_signature, canonical, equal, is_deterministic, is_useless
from schemas.execution import Outcome, OutcomeKind
from schemas.specification import Record, RecordField, TaskSpecification
from schemas.types import parse_type
from schemas.values import Value
from tests.languages.in_process import encoded

POINT = Record(
    name="Point",
    fields=(RecordField(name="x", type_annotation="float"), RecordField(name="y", type_annotation="float")),
)
NAN = float("nan")

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.sets(st.integers() | st.text(max_size=3), max_size=3)
    ),
    max_leaves=8,
).map(encoded)


def same(a: object, b: object, of: str, tolerance: float | None = None) -> bool:
    """Compare two Python values under an annotation."""
    return equal(encoded(a), encoded(b), parse_type(of), tolerance)


def returned(value: object) -> Outcome:
    """Return an outcome that returned a value."""
    return Outcome(kind=OutcomeKind.RETURNED, value=encoded(value))


RAISED = Outcome(kind=OutcomeKind.RAISED, exception="ValueError")
LOST = Outcome(kind=OutcomeKind.LOST)


@pytest.mark.parametrize(
    ("a", "b", "of", "expected"),
    [
        (1, 1, "int", True),
        (True, 1, "int", False),
        (True, 1.0, "float", False),
        (1, 1.0, "int", False),
        (1, 1.0, "float", True),
        (2**53 + 1, float(2**53), "float", False),
        (10**400, float("inf"), "float", False),
        (1, 1.0, "float | None", True),
        (1, 1.0, "int | float", True),
        (1, 1.0, "Any", False),
        (0.0, -0.0, "float", True),
        (NAN, NAN, "float", True),
        ([1, 2], (1, 2), "list[int]", False),
        ([1, 2], (1, 2), "Any", True),
        ([[1], 2], [(1,), 2], "list[Any]", True),
        ([1, 2], [2, 1], "list[int]", False),
        ({1, 2}, {2, 1}, "set[int]", True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, "dict[str, int]", True),
        ({"a": 1}, {"a": 1.0}, "dict[str, float]", True),
        ({1: "a"}, {1.0: "a"}, "dict[int, str]", False),
        ((1, "a"), (1.0, "a"), "tuple[float, str]", True),
        ((1, 2), (1.0, 2.0), "tuple[float, ...]", True),
        ([1], [1.0], "list[float] | None", True),
        ((1,), (1.0,), "tuple[int, int] | tuple[float]", True),
        ("1", 1, "Any", False),
        (None, 0, "Any", False),
        (None, None, "int | None", True),
    ],
)
def test_equality_follows_the_declared_type(a: object, b: object, of: str, expected: bool) -> None:
    """The type decides whether int and float, list and tuple are told apart; bool is never int."""
    assert same(a, b, of) is expected
    assert same(b, a, of) is expected


@pytest.mark.parametrize(
    ("a", "b", "of", "expected"),
    [
        (0.1 + 0.2, 0.3, "float", True),
        (0.31, 0.3, "float", False),
        (3, 3.0005, "float", True),
        (3, 4, "int", False),
        ([0.1, [0.2]], [0.1001, [0.2001]], "Any", True),
        ({0.1, 5.0}, {5.0002, 0.1003}, "set[float]", True),
        ({"a": 1.0}, {"a": 1.0004}, "dict[str, float]", True),
        ({"a": 1.0}, {"b": 1.0}, "dict[str, float]", False),
        (NAN, NAN, "float", True),
        (NAN, 1.0, "float", False),
        (float("inf"), float("inf"), "float", True),
        (float("inf"), 1.0, "float", False),
        ([1.0], [1.0, 1.0], "list[float]", False),
        ([1.0], (1.0,), "list[float]", False),
    ],
)
def test_a_tolerance_is_absolute_and_for_floats_only(a: object, b: object, of: str, expected: bool) -> None:
    """A tolerance reaches floats at any depth, and nothing else."""
    assert same(a, b, of, tolerance=0.001) is expected


def test_an_object_of_another_class_equals_nothing() -> None:
    """Not even itself: nothing is known of it."""
    thing: Value = ["object", "generator"]
    assert not equal(thing, thing, parse_type("Any"))
    assert not equal(["list", [thing]], ["list", [thing]], parse_type("Any"))
    assert equal(["str", "object"], ["str", "object"], parse_type("str"))


def test_a_record_compares_by_its_declared_fields() -> None:
    """A field declared float takes an equal int; another record's name does not match."""
    of = parse_type("Point", {"Point"})
    a: Value = ["record", "Point", [["x", ["int", "1"]], ["y", ["float", "0x1.0p+0"]]]]
    b: Value = ["record", "Point", [["x", ["float", "0x1.0p+0"]], ["y", ["float", "0x1.0p+0"]]]]
    other: Value = ["record", "Pixel", b[2]]
    assert equal(a, b, of, None, {"Point": POINT})
    assert equal(a, b, of, 0.1, {"Point": POINT})
    assert not equal(b, other, of, None, {"Point": POINT})
    assert not equal(b, other, of, 0.1, {"Point": POINT})


@given(values)
def test_every_value_equals_itself(value: Value) -> None:
    """Equality is reflexive, NaN included, with a tolerance and without."""
    assert equal(value, value, parse_type("Any"))
    assert equal(value, value, parse_type("Any"), 0.5)


@given(values, values)
def test_values_are_equal_just_when_their_canonical_texts_are(a: Value, b: Value) -> None:
    """Canonical text and equality say the same."""
    of = parse_type("Any")
    assert equal(a, b, of) == (canonical(a, of) == canonical(b, of))


@given(values, values)
def test_a_tolerance_only_ever_forgives(a: Value, b: Value) -> None:
    """What is equal without a tolerance is equal with one."""
    of = parse_type("Any")
    assert not equal(a, b, of) or equal(a, b, of, 1e-6)


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(min_value=1e-9, max_value=1.0))
def test_a_canonical_float_within_a_tolerance_is_near(number: float, tolerance: float) -> None:
    """Floats with one canonical text differ by no more than the tolerance."""
    of = parse_type("float")
    other = number + tolerance / 4
    if canonical(encoded(number), of, tolerance) == canonical(encoded(other), of, tolerance):
        assert abs(number - other) <= tolerance


def test_the_same_behaviour_is_the_same_signature() -> None:
    """Order of dicts, int under float and the noise of a sum do not split a vote."""
    of = parse_type("dict[str, float]")
    a = [returned({"a": 0.1 + 0.2, "b": 1}), RAISED, LOST]
    b = [returned({"b": 1.0, "a": 0.3}), RAISED, LOST]
    assert behaviour_signature(a, of) == behaviour_signature(b, of)


@pytest.mark.parametrize(
    "other",
    [
        [returned(2), RAISED],
        [returned(1), LOST],
        [returned(1), Outcome(kind=OutcomeKind.RAISED, exception="KeyError")],
        [RAISED, returned(1)],
        [returned(1)],
        [returned(None), RAISED],
    ],
)
def test_other_behaviour_is_another_signature(other: list[Outcome]) -> None:
    """A value, an exception's class, a lost call and their order all count."""
    of = parse_type("int | None")
    assert behaviour_signature([returned(1), RAISED], of) != behaviour_signature(other, of)


def test_the_message_of_an_exception_is_no_part_of_the_signature() -> None:
    """Two candidates that raise the same class do the same, however they word it."""
    of = parse_type("int")
    worded = RAISED.model_copy(update={"message": "no"})
    assert behaviour_signature([worded], of) == behaviour_signature([RAISED], of)


def _task(**fields: object) -> TaskSpecification:
    base: dict[str, object] = {"id": "f", "name": "f", "outputs": [{"name": "r", "type_annotation": "int | None"}]}
    return TaskSpecification.model_validate(base | fields)


def test_a_candidate_that_never_gives_a_value_is_useless() -> None:
    """Raising on every input, and None on every input, is no answer."""
    assert is_useless([RAISED, RAISED], _task())
    assert is_useless([RAISED, LOST], _task())
    assert is_useless([returned(None), returned(None)], _task())
    assert not is_useless([returned(None), RAISED], _task())
    assert not is_useless([returned(0)], _task())
    assert not is_useless([], _task())


def test_what_the_specification_demands_is_not_useless() -> None:
    """A function without outputs returns None; examples may demand None or an exception and nothing else."""
    assert not is_useless([returned(None)], _task(outputs=[]))
    assert not is_useless([RAISED], _task(test_cases=[{"name": "a", "inputs": {}, "raises": "ValueError"}]))
    none: list[dict[str, object]] = [{"name": "a", "inputs": {}, "expected_output": None}]
    assert not is_useless([returned(None)], _task(test_cases=none))
    assert is_useless([returned(None)], _task(test_cases=[{"name": "a", "inputs": {}, "expected_output": 1}]))


def test_two_runs_that_differ_are_not_deterministic() -> None:
    """Values and exceptions are compared; what one run lost to a busy machine is not."""
    assert is_deterministic([returned({2, 1}), RAISED], [returned({1, 2}), RAISED])
    assert is_deterministic([returned(1)], [LOST])
    assert not is_deterministic([returned(1)], [returned(2)])
    assert not is_deterministic([returned(1)], [RAISED])
    assert not is_deterministic([returned(1)], [returned(1), returned(1)])
