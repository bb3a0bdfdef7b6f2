"""What a source of inputs promises: values of the declared types within the constraints, the same for one digest."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from millwright.adapters.inputs import generator_process
from millwright.adapters.inputs.bounds import Bounds, bounds_of
from millwright.adapters.inputs.hypothesis_inputs import HypothesisInputs
from millwright.core.specification import canonical_json, digest_of
from millwright.errors import InputsUnavailable, SpecificationInvalid
from schemas.identity import Digest
from schemas.specification import Condition, Parameter, Record, RecordField, TaskSpecification, TestCase
from schemas.values import Value, canonical_text
from schemas.verification import InputOrigin, InputSet

_ROOT = Path(__file__).parents[2]


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


async def _inputs(task: TaskSpecification) -> InputSet:
    return await HypothesisInputs().inputs(task, digest_of(task))


def _plain(value: Value) -> Any:
    """Read a tagged value of numbers, texts and lists as Python."""
    match value:
        case ["int", str(text)]:
            return int(text)
        case ["float", str(text)]:
            return float.fromhex(text)
        case ["list" | "tuple" | "set", [*items]]:
            return [_plain(item) for item in items if isinstance(item, list)]
        case _:
            return value[1] if len(value) > 1 else None


async def _arguments(task: TaskSpecification) -> list[tuple[Any, ...]]:
    """Return the arguments that are for trying; those for timing are tested beside the module of their name."""
    vectors = (await _inputs(task)).vectors
    return [
        tuple(_plain(value) for value in item.arguments) for item in vectors if item.origin is not InputOrigin.SIZED
    ]


async def test_boundaries_come_first_then_generated_ones() -> None:
    """The edges of the range lead, marked as such; then at most sixty drawn ones; no two are equal."""
    inputs = await _inputs(_task(("n", "int")))
    origins = [vector.origin for vector in inputs.vectors]
    count = origins.count(InputOrigin.BOUNDARY)
    assert origins == [InputOrigin.BOUNDARY] * count + [InputOrigin.GENERATED] * 60
    edges = [_plain(vector.arguments[0]) for vector in inputs.vectors[:count]]
    assert {0, 1, -1, -1000, 1000} <= set(edges)
    texts = [canonical_text(vector.arguments[0]) for vector in inputs.vectors]
    assert len(set(texts)) == len(texts)
    assert inputs.generator.startswith("hypothesis ")


async def test_values_stay_within_the_defaults() -> None:
    """Without constraints, values are small enough for any honest answer."""
    numbers, floats, lists, texts = zip(
        *await _arguments(_task(("n", "int"), ("x", "float"), ("xs", "list[int]"), ("s", "str"))), strict=True
    )
    assert all(abs(number) <= 1000 for number in numbers)
    assert all(abs(number) <= 1_000_000 for number in floats)
    assert all(len(several) <= 12 for several in lists)
    assert all(len(text) <= 30 for text in texts)
    assert any(not text.isascii() for text in texts)


@pytest.mark.parametrize(
    ("inputs", "conditions", "holds"),
    [
        ([("n", "int", "0 <= n <= 5")], (), lambda n: 0 <= n <= 5),
        ([("n", "int", "n > 10 ** 6")], (), lambda n: n > 10**6),
        ([("n", "int", "n % 7 == 3")], (), lambda n: n % 7 == 3),
        ([("x", "float", "0 < x < 1")], (), lambda x: 0 < x < 1),
        ([("x", "float", "0.001 <= x", "x < 0.002")], (), lambda x: 0.001 <= x < 0.002),
        ([("xs", "list[int]", "len(xs) == 3", "all(0 <= x < 2 for x in xs)")], (), lambda xs: len(xs) == 3),
        ([("s", "str", "all(c in '()' for c in s)")], (), lambda s: set(s) <= set("()")),
        ([("s", "str", "s.isdigit()")], (), lambda s: s.isdigit()),
        ([("op", "str", "op in ('+', '-')")], (), lambda op: op in ("+", "-")),
        ([("a", "int"), ("b", "int")], ("a < b",), lambda a, b: a < b),
        ([("a", "list[int]"), ("b", "list[int]")], ("len(a) == len(b)", "a != b"), lambda a, b: len(a) == len(b)),
        ([("d", "int", "d != 0"), ("n", "int")], ("10 // d >= 0",), lambda d, n: 10 // d >= 0),
    ],
)
async def test_every_input_satisfies_the_constraints(
    inputs: list[tuple[str, ...]], conditions: tuple[str, ...], holds: Any
) -> None:
    """Bounds and other conditions hold for all vectors, and enough of them are found."""
    arguments = await _arguments(_task(*inputs, conditions=conditions))
    assert all(holds(*vector) for vector in arguments)
    assert len(arguments) >= 2


async def test_every_type_can_be_generated() -> None:
    """All constructors of the type language, records in sets among them, give tagged values of their kind."""
    record = Record(
        name="Point",
        fields=(RecordField(name="x", type_annotation="int"), RecordField(name="tag", type_annotation="str | None")),
    )
    annotations = {
        "any_": "Any",
        "data": "bytes",
        "flags": "tuple[bool, ...]",
        "pair": "tuple[int, None]",
        "points": "set[Point]",
        "mapping": "dict[tuple[int, str], list[Point]]",
        "bag": "set[Any]",
        "either": "int | str | None",
    }
    inputs = await _inputs(_task(*annotations.items(), records=(record,)))
    tags = [{str(vector.arguments[place][0]) for vector in inputs.vectors} for place in range(len(annotations))]
    assert {"int", "str", "none", "list", "dict"} <= tags[0]
    assert tags[1:7] == [{"bytes"}, {"tuple"}, {"tuple"}, {"set"}, {"dict"}, {"set"}]
    assert tags[7] == {"int", "str", "none"}
    assert '["record","Point"' in canonical_text(inputs.vectors[-1].model_dump()["arguments"])


async def test_texts_are_also_made_of_the_examples_characters() -> None:
    """Characters of the examples come up, for a specification's texts are rarely any text."""
    case = TestCase(name="a", inputs={"s": "§¶ §"}, expected_output=None)
    found = [text for (text,) in await _arguments(_task(("s", "str"), test_cases=(case,)))]
    assert any(text and set(text) <= set("§¶ ") and "¶" in text for text in found)


async def test_a_task_without_inputs_has_one_empty_vector() -> None:
    """There is one way to call a function without parameters."""
    inputs = await _inputs(_task())
    assert [vector.arguments for vector in inputs.vectors] == [()]


@pytest.mark.parametrize(
    ("inputs", "conditions", "fault"),
    [
        ([("n", "int", "n * n == 7")], (), "t.inputs.n: no input was found that satisfies 'n * n == 7'"),
        ([("n", "int", "n > 5", "n < 3")], (), "no input was found that satisfies all of 'n > 5' and 'n < 3'"),
        ([("n", "int")], ("n > n",), "t.preconditions.p0: no input was found that satisfies 'n > n'"),
        ([("n", "int", "[][n] == 1")], (), "no input was found that satisfies '[][n] == 1'"),
        ([("n", "int", "len([0] * 10 ** 10) > n")], (), "no input was found"),
        ([("n", "int", "exec(n)")], (), "'exec' is not a function"),
        ([("n", "int", "sum(1 for i in range(10**9)) > n")], (), "takes longer than 0.5 s to evaluate"),
    ],
)
async def test_constraints_that_nothing_satisfies_are_named(
    inputs: list[tuple[str, ...]], conditions: tuple[str, ...], fault: str
) -> None:
    """A specification without inputs is refused with the condition to blame, whatever its evaluation costs."""
    with pytest.raises(SpecificationInvalid) as caught:
        await _inputs(_task(*inputs, conditions=conditions))
    assert fault in str(caught.value)


_MIXED = _task(("a", "dict[str, set[float]]"), ("b", "list[Any]"), ("s", "str"), ("n", "int", "n % 3 == 0"))


async def test_one_digest_gives_the_same_inputs_every_time() -> None:
    """The digest is the seed: equal digests, equal inputs; another digest, other inputs."""
    digest = digest_of(_MIXED)
    source = HypothesisInputs()
    first = await source.inputs(_MIXED, digest)
    assert await source.inputs(_MIXED, digest) == first
    other = await source.inputs(_MIXED, Digest("0" * 64))
    assert other.vectors != first.vectors


def _generated(root: Path, scratch: Path, hash_seed: str) -> bytes:
    request = b'{"task": %s, "digest": "%s"}' % (canonical_json(_MIXED), digest_of(_MIXED).encode())
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(root),
        "PYTHONHASHSEED": hash_seed,
        "HYPOTHESIS_STORAGE_DIRECTORY": str(scratch),
    }
    command = [sys.executable, "-P", "-m", "millwright.adapters.inputs.generate"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, cwd=scratch, **pipes) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(request + b"\n")
        process.stdin.flush()
        answer: bytes = process.stdout.readline()
    return answer


def test_inputs_depend_on_neither_hash_seed_nor_installation(tmp_path: Path) -> None:
    """Inputs are the same under any hash seed, and from a checkout as from site-packages.

    Hypothesis draws constants that it finds in local source, and would see Millwright's own in a checkout only.
    """
    installed = tmp_path / "site-packages"
    for package in ("millwright", "schemas"):
        shutil.copytree(_ROOT / package, installed / package, ignore=shutil.ignore_patterns("__pycache__"))
    answers = {_generated(root, tmp_path, seed) for root in (_ROOT, installed) for seed in ("0", "1234")}
    assert len(answers) == 1


async def test_a_generator_that_dies_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken generator says nothing of the specification."""
    monkeypatch.setattr(generator_process, "PROGRAM", "millwright.nothing_of_this_name")
    with pytest.raises(InputsUnavailable, match=r"ended with status 1: .*No module named"):
        await _inputs(_task(("n", "int")))


async def test_a_generator_that_does_not_end_is_stopped() -> None:
    """A generator past its time is stopped, and is an error."""
    task = _task(("n", "int"))
    with pytest.raises(InputsUnavailable, match=r"took longer than 0\.01 s"):
        await HypothesisInputs(seconds=0.01).inputs(task, digest_of(task))


@pytest.mark.parametrize(
    ("expressions", "bounds"),
    [
        (["0 <= n <= 10"], Bounds(low=0, high=10)),
        (["n > 0 and n < 5"], Bounds(low=0, low_open=True, high=5, high_open=True)),
        (["10 >= n", "n >= -3"], Bounds(low=-3, high=10)),
        (["abs(n) <= 10 ** 2"], Bounds(low=-100, high=100)),
        (["1 <= len(n) < 5"], Bounds(min_size=1, max_size=4)),
        (["n in (1, 2, 3)", "n in [3, 2]"], Bounds(choices=(2, 3))),
        (["n == 4"], Bounds(low=4, high=4)),
        (["all(0 < x for x in n)"], Bounds(elements=Bounds(low=0, low_open=True))),
        (["m > 3", "n != 2", "n > m", "n % 2 == 0", "n > 1e999", "n > 0 or n < 5"], Bounds()),
    ],
)
def test_bounds_are_read_out_of_simple_forms_only(expressions: list[str], bounds: Bounds) -> None:
    """Comparisons with literals bound the generator; everything else is left to the filter."""
    assert bounds_of("n", expressions) == bounds
