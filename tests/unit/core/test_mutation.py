"""Mutations of argument lists: of the declared types, distinct, bounded, near, and the same for one seed."""

import hashlib
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.mutation import GROWTH, ROOM, mutations
from millwright.core.mutation_values import identity, key_of, parts, weight
from millwright.core.verification.shrinking import fits
from schemas.specification import Record, RecordField
from schemas.types import Kind, Type, parse_type
from schemas.values import Value, canonical_text, decode_json

Vector = tuple[Value, ...]

POINT = Record(
    name="Point",
    fields=(RecordField(name="x", type_annotation="int"), RecordField(name="tags", type_annotation="list[str]")),
)
RECORDS = {"Point": POINT}
ANNOTATIONS = (
    "int",
    "float",
    "bool",
    "str",
    "bytes",
    "None",
    "Any",
    "list[int]",
    "list[str]",
    "list[list[float]]",
    "list[Any]",
    "set[int]",
    "set[str]",
    "set[int | float | bool]",
    "set[tuple[int, ...]]",
    "dict[str, int]",
    "dict[int, list[str]]",
    "tuple[int, str]",
    "tuple[float, ...]",
    "int | None",
    "str | int | list[int]",
    "Point",
    "list[Point]",
    "dict[str, Point | None]",
)
_SCALARS: dict[Kind, st.SearchStrategy[Value]] = {
    Kind.INT: st.integers(-(10**25), 10**25).map(lambda number: ["int", str(number)]),
    Kind.FLOAT: st.floats().map(lambda number: decode_json(_readable(number), Type(Kind.FLOAT), {})),
    Kind.BOOL: st.booleans().map(lambda flag: ["bool", flag]),
    Kind.STR: st.text(max_size=12).map(lambda text: ["str", text]),
    Kind.BYTES: st.sampled_from(["", "YQ==", "YWI=", "AP8="]).map(lambda text: ["bytes", text]),
    Kind.NONE: st.just(["none"]),
}


def _readable(number: float) -> Any:
    return {"$float": str(number)} if number != number or number in (float("inf"), float("-inf")) else number


def tagged(of: Type) -> st.SearchStrategy[Value]:
    """Return a strategy for tagged values of a type."""
    if of.kind in _SCALARS:
        return _SCALARS[of.kind]
    if of.kind is Kind.ANY:
        scalars = st.one_of(list(_SCALARS.values()))
        return scalars | st.lists(scalars, max_size=3).map(lambda items: ["list", cast(Any, items)])
    if of.kind is Kind.UNION:
        return st.one_of([tagged(member) for member in of.arguments])
    if of.kind is Kind.TUPLE:
        return st.tuples(*map(tagged, of.arguments)).map(lambda items: ["tuple", cast(Any, list(items))])
    if of.kind is Kind.RECORD:
        fields = [(field.name, tagged(parse_type(field.type_annotation, RECORDS))) for field in POINT.fields]
        built = st.tuples(*(strategy for _, strategy in fields))
        return built.map(lambda items: ["record", "Point", _named([name for name, _ in fields], items)])
    member = tagged(of.arguments[0])
    if of.kind is Kind.DICT:
        several = st.lists(st.tuples(member, tagged(of.arguments[1])).map(list), max_size=4, unique_by=_identity_of_key)
        return several.map(lambda pairs: ["dict", cast(Any, pairs)])
    if of.kind is Kind.SET:
        unique = st.lists(member, max_size=4, unique_by=identity)
        return unique.map(lambda items: ["set", cast(Any, sorted(items, key=canonical_text))])
    tag = "tuple" if of.kind is Kind.VARIADIC else "list"
    return st.lists(member, max_size=5).map(lambda items: [tag, cast(Any, items)])


def _named(names: list[str], items: tuple[Value, ...]) -> Any:
    return [[name, item] for name, item in zip(names, items, strict=True)]


def _identity_of_key(pair: list[Value]) -> object:
    return identity(pair[0])


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Vector], list[Type], int]:
    """Return some argument lists, their types and a seed."""
    types = [parse_type(text, RECORDS) for text in draw(st.lists(st.sampled_from(ANNOTATIONS), min_size=1, max_size=3))]
    vectors = draw(st.lists(st.tuples(*map(tagged, types)), min_size=1, max_size=3))
    return vectors, types, draw(st.integers(0, 2**64))


def vectors_of(annotations: list[str], *values: list[Any]) -> tuple[list[Vector], list[Type]]:
    """Decode JSON values into argument lists."""
    types = [parse_type(text, RECORDS) for text in annotations]
    return [
        tuple(decode_json(item, of, RECORDS) for item, of in zip(each, types, strict=True)) for each in values
    ], types


def made(annotations: list[str], *values: list[Any], count: int = 200, seed: int = 0) -> tuple[Vector, ...]:
    """Return the mutations of argument lists given as JSON."""
    vectors, types = vectors_of(annotations, *values)
    return mutations(vectors, types, seed, count, RECORDS)


@given(cases())
def test_every_mutation_fits_the_declared_types(case: tuple[list[Vector], list[Type], int]) -> None:
    """Whatever the types and the values."""
    vectors, types, seed = case
    for mutant in mutations(vectors, types, seed, 25, RECORDS):
        assert len(mutant) == len(types)
        assert all(fits(value, of, RECORDS) for value, of in zip(mutant, types, strict=True))


@given(cases())
def test_mutations_are_distinct_and_none_was_given(case: tuple[list[Vector], list[Type], int]) -> None:
    """No argument list comes twice, and none that is there already."""
    vectors, types, seed = case
    keys = [key_of(mutant) for mutant in mutations(vectors, types, seed, 25, RECORDS)]
    assert len(set(keys)) == len(keys) <= 25
    assert not set(keys) & {key_of(vector) for vector in vectors}


@given(cases())
def test_mutations_do_not_explode(case: tuple[list[Vector], list[Type], int]) -> None:
    """Neither elements nor digits grow beyond a multiple of the originals."""
    vectors, types, seed = case
    most = GROWTH * max(map(weight, vectors)) + ROOM
    digits = max((_digits(vector) for vector in vectors), default=0)
    for mutant in mutations(vectors, types, seed, 25, RECORDS):
        assert weight(mutant) <= most
        assert _digits(mutant) <= max(digits, 2) + 1


def _digits(vector: Vector) -> int:
    every = (part for value in vector for part in parts(value))
    return max((len(str(part[1]).lstrip("-")) for part in every if part[0] == "int"), default=0)


@given(cases())
def test_members_of_sets_and_keys_of_dicts_stay_distinct_and_hashable(
    case: tuple[list[Vector], list[Type], int],
) -> None:
    """1, 1.0 and True are one member: a set that held two of them would come out smaller than it says."""
    vectors, types, seed = case
    for mutant in mutations(vectors, types, seed, 25, RECORDS):
        for part in (part for value in mutant for part in parts(value)):
            members = _members(part)
            assert len({identity(member) for member in members}) == len(members)
            assert not any(inner[0] in ("list", "dict", "set") for member in members for inner in parts(member))


def _members(value: Value) -> list[Value]:
    match value:
        case ["set", list() as items]:
            return cast(list[Value], items)
        case ["dict", list() as pairs]:
            return [pair[0] for pair in cast(list[list[Value]], pairs)]
        case _:
            return []


@given(cases())
def test_the_same_seed_gives_the_same_mutations(case: tuple[list[Vector], list[Type], int]) -> None:
    """Nothing else but the arguments decides."""
    vectors, types, seed = case
    assert mutations(vectors, types, seed, 10, RECORDS) == mutations(vectors, types, seed, 10, RECORDS)


def test_another_seed_gives_others() -> None:
    """The seed matters where there are many ways."""
    values = [[1, 2, 3], "abc"]
    assert made(["list[int]", "str"], values, seed=1) != made(["list[int]", "str"], values, seed=2)


def test_mutations_are_the_same_on_every_platform() -> None:
    """Pinned: workers of any kind must agree; whoever changes what mutation does changes this on purpose."""
    texts = [key_of(mutant) for mutant in made(["list[int]", "str", "float"], [[1, 2, 3], "abC é", 0.5], count=50)]
    assert hashlib.sha256("\n".join(texts).encode("ascii")).hexdigest() == PINNED


PINNED = "d9997ee1f3b28306197220b8b0c0d21916e4887986be3560e387442dc265f1f8"


@pytest.mark.parametrize(
    ("annotations", "given", "wanted"),
    [
        (["int", "int"], [3, 7], [7, 7]),
        (["int", "int"], [3, 7], [3, 3]),
        (["int", "int"], [3, 7], [7, 3]),
        (["int", "int"], [3, 7], [3, 8]),
        (["int", "int"], [3, 7], [3, 6]),
        (["int", "int"], [3, 7], [3, 14]),
        (["int", "int"], [3, 7], [0, 7]),
        (["list[int]", "int"], [[4, 1, 3], 9], [[4, 1, 3], 3]),
        (["list[int]", "int"], [[4, 1, 3], 9], [[1, 3, 4], 9]),
        (["list[int]", "int"], [[4, 1, 3], 9], [[3, 1, 4], 9]),
        (["list[int]", "int"], [[4, 1, 3], 9], [[4, 1, 3, 3], 9]),
        (["list[int]", "int"], [[4, 1, 3], 9], [[4, 3], 9]),
        (["list[int]", "int"], [[4, 1, 3], 9], [[4, 4, 4], 9]),
        (["list[int]", "int"], [[1, 2, 4, 10], 100], [[1, 2, 4, 10], 10]),
        (["list[int]", "int"], [[1, 2, 4], 100], [[1, 2, 4], 7]),
        (["str", "int"], ["abcdef", 100], ["abcdef", 6]),
        (["list[int]"], [[4, 1, 3]], [[4, 1, 3, 3, 1, 4]]),
        (["str"], ["abcb"], ["ABCB"]),
        (["str"], ["abcb"], ["abc"]),
        (["str"], ["abcb"], ["bcba"]),
        (["str", "str"], ["needle", "x"], ["needle", "needle"]),
        (["bool", "bool"], [True, False], [False, False]),
        (["dict[str, int]"], [{"a": 1, "b": 2}], [{"a": 1}]),
        (["dict[str, int]"], [{"a": 1, "b": 2}], [{"a": 2, "b": 2}]),
        (["int | None"], [5], [None]),
        (["int | float"], [5], [5.0]),
        (["Any", "Any"], [5, 2], [5.0, 2]),
        (["float"], [1.5], [-1.5]),
        (["float"], [1.5], [1.0]),
        (["Point"], [{"x": 1, "tags": ["a"]}], [{"x": 2, "tags": ["a"]}]),
        (["Point"], [{"x": 1, "tags": ["a"]}], [{"x": 1, "tags": ["a", "a"]}]),
    ],
)
def test_telling_changes_come_soon(annotations: list[str], given: list[Any], wanted: list[Any]) -> None:
    """Equal, adjacent, sorted, reversed and duplicated values are among the first few hundred."""
    vectors, _ = vectors_of(annotations, wanted)
    assert key_of(vectors[0]) in {key_of(mutant) for mutant in made(annotations, given, count=500)}


def test_equal_and_adjacent_integers_are_a_good_part() -> None:
    """Of mutations of three integers far apart, many have two that are equal or one apart."""
    several = made(["int", "int", "int"], [100, 500, 900], count=60)
    numbers = [sorted(int(str(value[1])) for value in vector) for vector in several]
    near = sum(min(b - a for a, b in pairwise(each)) <= 1 for each in numbers)
    assert near >= 12


def test_arguments_are_taken_from_other_argument_lists() -> None:
    """What one example has in one place meets what another has in the other."""
    several = made(["str", "int"], ["abc", 1], ["xyzzy", 77], count=300)
    assert key_of(vectors_of(["str", "int"], ["abc", 77])[0][0]) in {key_of(vector) for vector in several}


def test_negatives_are_rare_where_no_original_has_one() -> None:
    """Most tasks mean natural numbers where their examples have only these."""
    without = made(["int", "int"], [3, 7], count=200)
    negative = sum(any(str(value[1]).startswith("-") for value in vector) for vector in without)
    assert 0 < negative < 50


def test_the_originals_take_turns() -> None:
    """With as many mutations wanted as there are originals, each has had its turn."""
    several = made(["str"], ["aaaaaaaa"], ["bbbbbbbb"], ["cccccccc"], count=60)
    texts = [str(vector[0][1]).lower() for vector in several]
    assert all(any(text.count(letter) > 3 for text in texts) for letter in "abc")


def test_of_many_originals_the_first_have_several_mutations_each() -> None:
    """Twelve mutations are of the first four of twenty originals, but for what is copied from the others."""
    several = made(["str"], *([letter * 9] for letter in "abcdefghijklmnopqrst"), count=12)
    assert sum(max(map(str(vector[0][1]).lower().count, "abcd")) >= 4 for vector in several) >= 6


def test_originals_that_give_too_little_make_room_for_the_rest() -> None:
    """Where the first have no mutation left, the others have their turn."""
    several = made(["str | bool"], [True], [False], ["zzzzzz"], count=5)
    assert len(several) == 5


@pytest.mark.parametrize(("annotations", "values"), [(["None"], [None]), (["tuple[()]"], [[]])])
def test_a_type_of_one_value_has_no_mutations(annotations: list[str], values: list[Any]) -> None:
    """It ends without any."""
    assert made(annotations, values) == ()


def test_nothing_comes_of_nothing() -> None:
    """Without argument lists, without arguments or with a count of none there is nothing."""
    vectors, types = vectors_of(["int"], [1])
    assert mutations([], types, 0, 5, {}) == ()
    assert mutations([()], [], 0, 5, {}) == ()
    assert mutations(vectors, types, 0, 0, {}) == ()


def test_a_type_with_few_values_gives_them_all() -> None:
    """Two booleans have four values: three besides the given one."""
    assert len(made(["bool", "bool"], [True, True])) == 3


def test_a_huge_integer_is_left_alone() -> None:
    """Python refuses to read an integer of more than some thousand digits."""
    vector: Vector = (["int", "9" * 10_000], ["int", "5"])
    types = [Type(Kind.INT), Type(Kind.INT)]
    assert len(mutations([vector], types, 0, 20, {})) == 20
