"""What inputs for timing promise: sizes in ratio 1:2:4 up to a stated bound, which satisfy every condition."""

from typing import Any

import pytest

from millwright.adapters.inputs.hypothesis_inputs import HypothesisInputs
from millwright.core.specification import digest_of
from schemas.specification import Condition, Parameter, Record, RecordField, TaskSpecification
from schemas.values import Value, canonical_text
from schemas.verification import InputOrigin, InputSet, InputVector


def _task(*inputs: tuple[str, ...], conditions: tuple[str, ...] = (), **fields: Any) -> TaskSpecification:
    """Make a task: each input is a name, an annotation and constraints."""
    return TaskSpecification(
        id="t",  # type: ignore[arg-type]  # a plain id reads better here than TaskId("t")
        name="f",
        inputs=tuple(
            Parameter(name=name, type_annotation=annotation, constraints=tuple(constraints))
            for name, annotation, *constraints in inputs
        ),
        preconditions=tuple(Condition(name=f"p{index}", expression=text) for index, text in enumerate(conditions)),
        **fields,
    )


async def _sized(task: TaskSpecification, source: HypothesisInputs | None = None) -> tuple[InputVector, ...]:
    inputs: InputSet = await (source or HypothesisInputs()).inputs(task, digest_of(task))
    return tuple(vector for vector in inputs.vectors if vector.origin is InputOrigin.SIZED)


def _plain(value: Value) -> Any:
    match value:
        case ["int", str(text)]:
            return int(text)
        case ["str", str(text)]:
            return text
        case ["bytes", str(text)]:
            return text
        case [_, [*items]]:
            return [_plain(item) if isinstance(item, list) else item for item in items]
        case _:
            return value[1] if len(value) > 1 else None


@pytest.mark.parametrize(
    ("annotation", "constraint", "largest"),
    [
        ("list[int]", "len(xs) <= 1000", 1000),
        ("tuple[float, ...]", "len(xs) < 1000", 999),
        ("str", "1 <= len(xs) <= 400", 400),
        ("set[int]", "len(xs) <= 3000", 3000),
        ("dict[str, int]", "len(xs) <= 800", 800),
        ("list[str] | None", "len(xs) <= 200", 200),
        ("list[int]", "len(xs) <= 10 ** 6", 20_000),
        ("list[list[int]]", "len(xs) <= 100", 100),
    ],
)
async def test_the_largest_is_at_the_stated_bound(annotation: str, constraint: str, largest: int) -> None:
    """The bound's quarter, its half, and the bound itself, as far as it can be carried."""
    vectors = await _sized(_task(("xs", annotation, constraint)))
    assert [vector.size for vector in vectors] == [largest // 4, largest // 2, largest]
    assert all(vector.stated for vector in vectors)
    assert [len(_plain(vector.arguments[0])) for vector in vectors] == [vector.size for vector in vectors]


@pytest.mark.parametrize(
    ("constraint", "numbers"),
    [
        ("0 <= xs <= 10_000", [2500, 5000, 10_000]),
        ("1 <= xs < 101", [25, 50, 100]),
        ("-400 <= xs <= 0", [-100, -200, -400]),
        ("0 <= xs <= 10 ** 18", [250_000, 500_000, 1_000_000]),
        ("xs >= 0", []),
        ("50 <= xs <= 100", []),
        ("xs in (1, 2, 1000)", []),
    ],
)
async def test_a_number_scales_where_both_its_ends_leave_room(constraint: str, numbers: list[int]) -> None:
    """Its magnitude is a size where a bound is stated, and nowhere else."""
    vectors = await _sized(_task(("xs", "int", constraint)))
    assert [_plain(vector.arguments[0]) for vector in vectors] == numbers
    assert [vector.size for vector in vectors] == [abs(number) for number in numbers]
    assert all(vector.stated for vector in vectors)


async def test_without_a_stated_size_small_ones_are_made() -> None:
    """They tell growth and are never held against anybody."""
    vectors = await _sized(_task(("xs", "list[int]"), ("s", "str"), ("n", "int")))
    assert [(vector.size, vector.stated) for vector in vectors] == [(50, False), (100, False), (200, False)]
    assert [[len(_plain(value)) for value in vector.arguments[:2]] for vector in vectors] == [
        [50, 50],
        [100, 100],
        [200, 200],
    ]
    assert len({canonical_text(vector.arguments[2]) for vector in vectors}) == 1


async def test_stated_and_other_sizes_are_made_beside_each_other() -> None:
    """While the one grows the other stays small."""
    vectors = await _sized(_task(("xs", "list[int]", "len(xs) <= 40"), ("s", "str")))
    assert [(vector.size, vector.stated) for vector in vectors] == [
        (10, True),
        (20, True),
        (40, True),
        (50, False),
        (100, False),
        (200, False),
    ]
    lengths = [[len(_plain(value)) for value in vector.arguments] for vector in vectors]
    assert [length for _, length in lengths[:3]] == [3, 3, 3]
    assert [length for length, _ in lengths[3:]] == [3, 3, 3]


@pytest.mark.parametrize(
    ("inputs", "conditions", "holds"),
    [
        ([("xs", "list[int]", "xs == sorted(xs)")], (), lambda xs: xs == sorted(xs)),
        ([("xs", "list[int]", "len(set(xs)) == len(xs)")], (), lambda xs: len(set(xs)) == len(xs)),
        ([("xs", "list[int]", "all(0 <= x <= 9 for x in xs)")], (), lambda xs: all(0 <= x <= 9 for x in xs)),
        ([("s", "str", "len(s) <= 64", "all(c in '()' for c in s)")], (), lambda s: set(s) <= set("()")),
        ([("xs", "list[int]"), ("k", "int")], ("1 <= k <= len(xs)",), lambda xs, k: 1 <= k <= len(xs)),
        (
            [("a", "list[int]", "len(a) <= 100"), ("b", "list[int]")],
            ("len(a) == len(b)",),
            lambda a, b: len(a) == len(b),
        ),
        (
            [("g", "list[list[int]]", "len(g) <= 40")],
            ("all(len(row) == len(g) for row in g)",),
            lambda g: all(len(row) == len(g) for row in g),
        ),
    ],
)
async def test_every_size_satisfies_the_conditions(
    inputs: list[tuple[str, ...]], conditions: tuple[str, ...], holds: Any
) -> None:
    """Order, distinctness and relations of inputs are met in one of several styles."""
    task = _task(*inputs, conditions=conditions)
    vectors = await _sized(task)
    assert len(vectors) >= 3
    assert all(holds(*map(_plain, vector.arguments)) for vector in vectors)


async def test_values_have_their_declared_types() -> None:
    """Members, keys, fields and rows are of the types that the specification says."""
    record = Record(name="Point", fields=(RecordField(name="x", type_annotation="int"),))
    annotations = {
        "a": "list[tuple[int, str]]",
        "b": "dict[int, list[float]]",
        "c": "set[Point]",
        "d": "bytes",
        "e": "tuple[bool, ...]",
        "f": "list[Any] | None",
        "g": "list[dict[str, set[int]]]",
    }
    vectors = await _sized(_task(*annotations.items(), records=(record,)))
    assert len(vectors) == 3
    for vector in vectors:
        shapes = [_shape(value) for value in vector.arguments]
        assert shapes[0] == ["list", ["tuple", "int", "str"]]
        assert shapes[1] == ["dict", ["int", ["list", "float"]]]
        assert shapes[2] == ["set", ["record", "Point"]]
        assert shapes[3:6] == ["bytes", ["tuple", "bool"], ["list", "int"]]
        assert shapes[6] == ["list", ["dict", ["str", ["set", "int"]]]]


def _shape(value: Any) -> Any:
    """Say what a tagged value is made of, its first member standing for all but in a tuple of several types."""
    match value:
        case ["record", name, _]:
            return ["record", name]
        case ["dict", [[key, item], *_]]:
            return ["dict", [_shape(key), _shape(item)]]
        case ["tuple", [one, other]]:
            return ["tuple", _shape(one), _shape(other)]
        case [("list" | "set" | "tuple") as tag, [first, *_]]:
            return [tag, _shape(first)]
        case _:
            return value[0]


async def test_nothing_is_sized_where_no_size_fits() -> None:
    """A condition that no large input meets leaves the other inputs as they were."""
    task = _task(("xs", "list[int]", "sum(xs) == 7"))
    assert await _sized(task) == ()


async def test_a_condition_that_is_slow_at_the_bound_is_met_below_it() -> None:
    """A smaller size is stated too."""
    task = _task(("xs", "list[int]", "len(xs) <= 20_000", "all(xs.count(x) == 1 for x in xs)"))
    vectors = await _sized(task)
    assert vectors[-1].size in (2000, 200)
    assert all(vector.stated for vector in vectors)


async def test_sizes_are_the_same_for_one_digest() -> None:
    """Whichever process makes them, and whatever it made before."""
    task = _task(("xs", "list[float]", "len(xs) <= 100"), ("d", "dict[str, bool]"))
    warm = HypothesisInputs()
    await _sized(_task(("n", "int")), warm)
    assert await _sized(task, warm) == await _sized(task)
