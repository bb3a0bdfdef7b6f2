"""The type language of specifications, and values decoded by it."""

import json
from random import Random
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from schemas.specification import Record, RecordField
from schemas.types import Kind, Type, TypeSyntaxError, parse_type
from schemas.values import ValueFault, canonical_text, decode_json

_SCALARS = [Type(kind) for kind in (Kind.INT, Kind.FLOAT, Kind.BOOL, Kind.STR, Kind.BYTES, Kind.NONE, Kind.ANY)]
_POINT = Record(
    name="Point",
    fields=(RecordField(name="x", type_annotation="int"), RecordField(name="tags", type_annotation="set[str]")),
)
_RECORDS = {"Point": _POINT}


def _bigger(inner: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
    members = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.builds(lambda one: Type(Kind.LIST, (one,)), inner),
        st.builds(lambda one: Type(Kind.SET, (one,)), inner),
        st.builds(lambda one: Type(Kind.VARIADIC, (one,)), inner),
        st.builds(lambda key, value: Type(Kind.DICT, (key, value)), inner, inner),
        st.builds(lambda several: Type(Kind.TUPLE, tuple(several)), members),
    )


_TYPES = st.recursive(st.sampled_from([*_SCALARS, Type(Kind.RECORD, name="Point")]), _bigger, max_leaves=6)


def _decoded(annotation: str, value: object) -> JsonValue:
    tagged = decode_json(cast(JsonValue, value), parse_type(annotation, _RECORDS), _RECORDS)
    return cast(JsonValue, tagged)


@given(_TYPES)
def test_a_written_type_parses_to_itself(of: Type) -> None:
    """Writing a type and parsing it gives the same type."""
    assert parse_type(str(of), _RECORDS) == of


@pytest.mark.parametrize(
    ("annotation", "meaning"),
    [
        ("Optional[int]", "int | None"),
        ("int | (None | int)", "int | None"),
        ("List[Dict[str, int]]", "list[dict[str, int]]"),
        ("list", "list[Any]"),
        ("dict", "dict[Any, Any]"),
        ("tuple", "tuple[Any, ...]"),
        (" int ", "int"),
    ],
)
def test_other_spellings_mean_the_same(annotation: str, meaning: str) -> None:
    """Bare containers, Optional and capitals are understood."""
    assert str(parse_type(annotation)) == meaning


@pytest.mark.parametrize(
    "annotation",
    ["", "integer", "list[int, str]", "dict[int]", "callable", "int and str", "Point", "list[", "x" * 501, "print()"],
)
def test_other_annotations_are_refused(annotation: str) -> None:
    """What is not in the language is refused."""
    with pytest.raises(TypeSyntaxError):
        parse_type(annotation)


@pytest.mark.parametrize(
    ("annotation", "value", "tagged"),
    [
        ("int", 3, ["int", "3"]),
        ("float", 1, ["float", "0x1.0000000000000p+0"]),
        ("float", {"$float": "nan"}, ["float", "nan"]),
        ("bytes", "aGk=", ["bytes", "aGk="]),
        ("dict[int, bool]", {"1": True}, ["dict", [[["int", "1"], ["bool", True]]]]),
        ("dict[tuple[int], str]", {"[1]": "a"}, ["dict", [[["tuple", [["int", "1"]]], ["str", "a"]]]]),
        ("set[int]", [2, 1, 2], ["set", [["int", "1"], ["int", "2"]]]),
        ("tuple[int, str]", [1, "a"], ["tuple", [["int", "1"], ["str", "a"]]]),
        ("tuple[int, ...]", [], ["tuple", []]),
        ("float | int", 1, ["int", "1"]),
        ("str | None", None, ["none"]),
        (
            "Any",
            [1, 0.0, {"a": None}],
            ["list", [["int", "1"], ["float", "0x0.0p+0"], ["dict", [[["str", "a"], ["none"]]]]]],
        ),
        ("Point", {"x": 1, "tags": []}, ["record", "Point", [["x", ["int", "1"]], ["tags", ["set", []]]]]),
    ],
)
def test_values_are_decoded_by_the_declared_type(annotation: str, value: object, tagged: object) -> None:
    """A JSON value becomes the tagged value that its type says."""
    assert _decoded(annotation, value) == tagged


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        ("int", True),
        ("int", 1.0),
        ("bool", 1),
        ("str", 1),
        ("float", "1"),
        ("float", {"$float": "big"}),
        ("bytes", "%"),
        ("list[int]", {"0": 1}),
        ("tuple[int, int]", [1]),
        ("dict[int, int]", {"a": 1}),
        ("Point", {"x": 1}),
        ("int | None", "a"),
        ("None", 0),
    ],
)
def test_values_of_other_types_are_refused(annotation: str, value: object) -> None:
    """A value that does not fit is refused, and never bent."""
    with pytest.raises(ValueFault):
        _decoded(annotation, value)


def test_a_fault_names_its_place() -> None:
    """The message leads to the part that does not fit."""
    with pytest.raises(ValueFault, match=r"value\[1\]\.x: true is not of type int"):
        _decoded("list[Point]", [{"x": 1, "tags": []}, {"x": True, "tags": []}])


@given(st.dictionaries(st.text(max_size=5), st.integers(), max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_dicts_and_sets_does_not_matter(mapping: dict[str, int], random: Random) -> None:
    """Equal dicts and sets have equal canonical texts."""
    pairs = list(mapping.items())
    random.shuffle(pairs)
    of = parse_type("dict[str, int]")
    one = decode_json(cast(JsonValue, mapping), of, {})
    other = decode_json(cast(JsonValue, dict(pairs)), of, {})
    assert canonical_text(one) == canonical_text(other)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=4),
        lambda one: st.lists(one, max_size=3),
        max_leaves=6,
    )
)
def test_canonical_texts_are_ascii_json(value: JsonValue) -> None:
    """A canonical text is ASCII JSON, equal for equal values."""
    text = canonical_text(decode_json(value, parse_type("Any"), {}))
    assert text.isascii()
    assert canonical_text(json.loads(text)) == text
