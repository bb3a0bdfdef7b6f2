"""Reading what verifier agents propose: asserts and JSON, as values of the declared types, and never by evaluation."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from millwright.core.literals import fitted, written_json
from millwright.core.proposals import (
    LONGEST_VALUES,
    MOST_CLAIMS,
    MOST_TRIED,
    Claim,
    Proposals,
    agreed,
    read_asserts,
    read_inputs,
    read_proposals,
    stored,
    unstored,
)
from schemas.election import Flag, RedFlag
from schemas.models import FinishReason
from schemas.specification import TaskSpecification
from schemas.types import parse_type
from schemas.values import Value, canonical_text, decode_json


def _task(inputs: dict[str, str], output: str = "int", **fields: Any) -> TaskSpecification:
    return TaskSpecification.model_validate(
        {
            "id": "f",
            "name": "f",
            "inputs": [{"name": name, "type_annotation": of} for name, of in inputs.items()],
            "outputs": [{"name": "result", "type_annotation": output}],
            **fields,
        }
    )


def _int(number: int) -> Value:
    return ["int", str(number)]


def _claims(text: str, inputs: int = 1, **options: Any) -> list[tuple[tuple[Value, ...], Value | None]]:
    return [(claim.arguments, claim.expected) for claim in read_asserts(text, "f", inputs, **options)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f(1) == 2", _int(2)),
        ("assert f(1) == 2, 'one'", _int(2)),
        ("\n    f(1) == 2, 'one'\nassert \n   f(3", _int(2)),
        ("assert f( 1 )==(\n  2\n)", _int(2)),
        ("assert (f(1) == 2)", _int(2)),
        ("assert f(1) == 2 and f(1) == 2", _int(2)),
        ("assert f(1) is None", ["none"]),
        ("assert f(1)", ["bool", True]),
        ("assert not f(1)", ["bool", False]),
        ("assert f(1) == 'a, ) b'  # no", ["str", "a, ) b"]),
        ("assert f(1) == -2.5", ["float", (-2.5).hex()]),
        ("assert f(1) == [\n 1,\n 2]\n", ["list", [_int(1), _int(2)]]),
        ("assert f(1) != 2", None),
        ("assert not f(1) == 2", None),
        ("assert f(1) is not None", None),
        ("assert f(1)[0] == 2", None),
        ("assert f(1) + 1 == 3", None),
        ("assert 1 + f(1) == 3", None),
        ("assert len(f(1)) == 2", None),
        ("assert f(1) == 2 == x", None),
        ("assert f(1) == 1 + 1", None),
        ("assert f(1) == g(2)", None),
        ("assert f(1) == [1, 2", None),
        ("result = f(1)\n", None),
        ("print(f(1) == 2)", None),
    ],
)
def test_an_assert_is_an_input_with_a_claim_only_where_it_states_a_literal(text: str, expected: Value | None) -> None:
    """The argument is always taken; the result only where the assert is about nothing but the call."""
    assert _claims(text)[0] == ((_int(1),), expected)


@pytest.mark.parametrize(
    "text",
    [
        "f(x) == 1",
        "f(1, 2) == 3",
        "f() == 3",
        "f(*[1]) == 3",
        "f(n=1) == 3",
        "f(1",
        "f('1) == 2",
        "g.f(1) == 2",
        "ff(1) == 2",
        "def f(1): pass",
        "f([1] * 9) == 2",
        "f(__import__('os').system('true')) == 0",
        "f({**{}}) == 1",
        "f({[1]: 2}) == 1",
        "f(1j) == 1",
        "f(0x" + "f" * 4000 + ") == 1",
        "f('" + "x" * (LONGEST_VALUES + 1) + "') == 1",
        "f(" + "[" * 60 + "]" * 60 + ") == 1",
        "f(" + "-" * 500 + "1) == 1",
        "",
    ],
)
def test_what_is_no_call_with_literals_is_no_input(text: str) -> None:
    """Names, calls, unpacking, cut texts, and literals that are too long or too deep are left out."""
    assert _claims(text) == []


@pytest.mark.parametrize("text", ["f('\\ud800') == 1", "f({'\\ud800': 1}) == 1", "f('\\x00') == 1"])
def test_text_that_no_database_keeps_is_no_input(text: str) -> None:
    """Else it could be stored once, and never be read again."""
    assert read_asserts(text, "f", 1, ["x"]) == ()
    assert unstored(stored(Proposals(read_asserts(f"{text}; assert f(2) == 3", "f", 1, ["x"])))).claims


def test_keywords_are_understood_by_the_names_of_the_inputs() -> None:
    """Arguments may be given by name, in any order, once the names are known."""
    text = "assert f(1, c=3, b=2) == 6\nassert f(1, c=3) == 4\nassert f(1, b=2, d=3) == 4\n"
    assert _claims(text, 3, names=("a", "b", "c")) == [((_int(1), _int(2), _int(3)), _int(6))]


def test_a_claim_at_the_end_of_a_cut_text_is_not_believed() -> None:
    """A number may go on where the text was cut; the input before it is whole."""
    assert _claims("assert f(1) == 2\nassert f(2) == 1", cut=True) == [((_int(1),), _int(2)), ((_int(2),), None)]
    assert _claims("assert f(2) == 1") == [((_int(2),), _int(1))]


def test_so_many_claims_are_read_and_no_more() -> None:
    """An answer that repeats itself without end is read up to a limit."""
    assert len(_claims("assert f(1) == 2\n" * (MOST_CLAIMS + 5))) == MOST_CLAIMS


def test_calls_that_are_never_closed_are_given_up() -> None:
    """An answer of opened brackets only costs no more searching than one of so many calls."""
    assert _claims("f(" * MOST_TRIED + "\nassert f(1) == 2\n") == []
    assert _claims("f(" * (MOST_TRIED - 2) + ")\nassert f(1) == 2\n") == [((_int(1),), _int(2))]


# Text that no database keeps is no input, which another test shows.
KEPT = st.characters(codec="utf-8", exclude_characters="\x00")

LITERALS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(KEPT, max_size=8)
    | st.binary(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(KEPT, max_size=3), inner)
    ),
    max_leaves=6,
)


@given(arguments=st.lists(LITERALS, min_size=1, max_size=3), expected=LITERALS)
def test_every_literal_comes_back_from_its_assert(arguments: list[object], expected: object) -> None:
    """Whatever Python writes as a literal is read as the value that it stands for."""
    written = ", ".join(map(repr, arguments))
    (claim,) = read_asserts(f"assert f({written}) == {expected!r}\nassert ", "f", len(arguments))
    any_type = parse_type("Any")
    for value, literal in zip((*claim.arguments, claim.expected), (*arguments, expected), strict=True):
        assert value is not None
        assert _python(value) == literal
        assert fitted(value, any_type) == value


def _python(value: Any) -> object:
    match value:
        case ["none"]:
            return None
        case ["bool" | "str", item]:
            return item
        case ["int", digits]:
            return int(digits)
        case ["float", text]:
            return float.fromhex(text)
        case ["bytes", text]:
            return base64.b64decode(text)
        case ["list", items]:
            return [_python(item) for item in items]
        case ["tuple", items]:
            return tuple(_python(item) for item in items)
        case ["dict", pairs]:
            return {_python(key): _python(item) for key, item in pairs}
    raise AssertionError(value)


@given(text=st.text(alphabet="f(1)=, '\"[]{}#\n\\assertnot.\t", max_size=200))
def test_no_text_at_all_breaks_the_reader(text: str) -> None:
    """Garbage is read without an exception, and every claim has the one argument that was asked for."""
    assert all(len(claim.arguments) == 1 for claim in read_asserts(text, "f", 1))


@pytest.mark.parametrize(
    ("literal", "annotation", "value"),
    [
        ("1", "float", ["float", (1.0).hex()]),
        ("True", "float", None),
        ("True", "int", None),
        ("1.0", "int", None),
        ("None", "None", ["none"]),
        ("[1]", "list[float]", ["list", [["float", (1.0).hex()]]]),
        ("(1, 2)", "list[int]", None),
        ("(1, 2)", "tuple[int, ...]", ["tuple", [["int", "1"], ["int", "2"]]]),
        ("(1, 2)", "tuple[int, str]", None),
        ("(1,)", "tuple[int, int]", None),
        ("{2, 1}", "set[int]", ["set", [["int", "1"], ["int", "2"]]]),
        ("{}", "set[int]", None),
        ("set()", "set[int]", ["set", []]),
        ("{'a': 1}", "dict[str, int]", ["dict", [[["str", "a"], ["int", "1"]]]]),
        ("{1: 1}", "dict[str, int]", None),
        ("{1: 1, 1: 2}", "dict[int, int]", ["dict", [[["int", "1"], ["int", "2"]]]]),
        ("1", "float | int", ["int", "1"]),
        ("'a'", "int | None", None),
        ("float('inf')", "float", ["float", "inf"]),
        ("10**9", "int", None),
        ("b'a'", "bytes", ["bytes", "YQ=="]),
        ("(1, [2])", "Any", ["tuple", [["int", "1"], ["list", [["int", "2"]]]]]),
    ],
)
def test_values_fit_their_declared_types_or_are_dropped(literal: str, annotation: str, value: Value | None) -> None:
    """Types are strict, but for an int where a float is declared; what does not fit is counted."""
    found = read_proposals(f"assert f({literal}) == 1\n", FinishReason.STOP, _task({"x": annotation}))
    if isinstance(found, RedFlag):
        assert value is None
    else:
        assert [claim.arguments for claim in found.claims] == ([] if value is None else [(value,)])
        assert found.dropped == (value is None)


def test_an_expected_value_of_another_type_claims_nothing() -> None:
    """The input is kept: it is worth as much with a claim that cannot be true."""
    found = read_proposals("assert f(1) == 'two'\nassert f(2) == 4\n", FinishReason.STOP, _task({"x": "int"}))
    assert isinstance(found, Proposals)
    assert [claim.expected for claim in found.claims] == [None, _int(4)]
    loose = read_proposals("assert f(1)\nassert f(2) == 4\n", FinishReason.STOP, _task({"x": "int"}, "Any"))
    assert isinstance(loose, Proposals)
    assert [claim.expected for claim in loose.claims] == [None, _int(4)]


LINE = {"name": "Line", "fields": [{"name": "price", "type_annotation": "float"}]}


def test_json_cases_are_read_by_the_declared_types() -> None:
    """Sets, keys and records are decoded as in specifications; a claim that does not fit is left out."""
    task = _task({"a": "dict[int, str]", "b": "Line"}, "set[int]", records=[LINE])
    inputs: JsonValue = {"a": {"1": "x"}, "b": {"price": 2}}
    cases: list[JsonValue] = [
        {"inputs": inputs, "expected": [2, 1, 2]},
        {"inputs": inputs, "expected": "no"},
        {"inputs": {"a": {"x": "x"}, "b": {"price": 2}}},
        {"inputs": {"a": {}}},
        {"inputs": {"a": {}, "b": {"price": 2}, "c": 1}},
        7,
    ]
    found = read_inputs({"cases": cases}, task)
    assert isinstance(found, Proposals)
    arguments: tuple[Value, ...] = (
        ["dict", [[_int(1), ["str", "x"]]]],
        ["record", "Line", [["price", ["float", (2.0).hex()]]]],
    )
    assert [claim.arguments for claim in found.claims] == [arguments, arguments]
    assert [claim.expected for claim in found.claims] == [["set", [_int(1), _int(2)]], None]
    assert found.dropped == 4


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ('{"cases": 1}', Flag.MALFORMED),
        ('{"cases": []}', Flag.NOTHING_EXTRACTABLE),
        ('{"other": []}', Flag.MALFORMED),
        ("Edge cases matter.", Flag.NOTHING_EXTRACTABLE),
        ("I cannot help with that.", Flag.REFUSES),
    ],
)
def test_answers_that_propose_nothing_are_flagged(text: str, flag: Flag) -> None:
    """What holds neither cases nor asserts has a reason."""
    found = read_proposals(text, FinishReason.STOP, _task({"x": "int"}))
    assert isinstance(found, RedFlag)
    assert found.flag is flag


def test_a_cut_answer_keeps_its_whole_asserts_and_a_cut_object_is_flagged() -> None:
    """Asserts stand each for itself; half a JSON object is none."""
    task = _task({"x": "int"})
    cut = read_proposals("assert f(1) == 2\nassert f(2) == 3", FinishReason.LENGTH, task)
    assert isinstance(cut, Proposals)
    assert [claim.expected for claim in cut.claims] == [_int(2), None]
    flagged = read_proposals('{"cases": [{"inputs": {"x": 1}}', FinishReason.LENGTH, task)
    assert isinstance(flagged, RedFlag)
    assert flagged.flag is Flag.TRUNCATED


def _claim(number: int, expected: int | None = None) -> Claim:
    return Claim(arguments=(_int(number),), expected=None if expected is None else _int(expected))


def test_claims_of_many_answers_are_counted_once_an_answer_and_taken_in_turns() -> None:
    """The first claims of all answers come before the second ones; saying it twice is one vote."""
    merged = agreed([(_claim(1, 2), _claim(1, 2), _claim(3)), (_claim(1, 2), _claim(4)), (_claim(1, 5),)])
    said = [(claim.arguments[0][1], claim.expected and claim.expected[1], claim.votes) for claim in merged]
    assert said == [("1", "2", 2), ("1", "5", 1), ("4", None, 1), ("3", None, 1)]


@given(st.lists(st.builds(_claim, st.integers(), st.none() | st.integers()), max_size=5), st.integers(0, 3))
def test_what_is_stored_comes_back(claims: list[Claim], dropped: int) -> None:
    """Claims survive being written down, as text that is plain ASCII."""
    proposals = Proposals(tuple(claims), dropped)
    text = stored(proposals)
    assert text.isascii()
    assert unstored(text) == proposals


VALUES: list[tuple[str, JsonValue]] = [
    ("list[tuple[int, str]]", [[1, "a"]]),
    ("dict[tuple[int, int], set[str]]", {"[1, 2]": ["b", "a"]}),
    ("dict[int | str, None]", {"1": None, '"x"': None}),
    ("dict[bool, bytes]", {"true": "YQ=="}),
    ("float | None", {"$float": "-inf"}),
    ("list[float]", [{"$float": "nan"}, 0.1]),
    ("Line", {"price": 1.5}),
    ("Any", {"a": [1, 2.5, None, True]}),
    ("int | float", 1.5),
]


@pytest.mark.parametrize(("annotation", "value"), VALUES)
def test_values_are_written_as_the_json_that_reads_back(annotation: str, value: JsonValue) -> None:
    """What an agent is shown in JSON is the value, by the declared type."""
    records = {record.name: record for record in _task({}, records=[LINE]).records}
    of = parse_type(annotation, records)
    decoded = decode_json(value, of, records)
    written = written_json(decoded, of, records)
    assert canonical_text(decode_json(json.loads(json.dumps(written)), of, records)) == canonical_text(decoded)


def test_a_value_that_no_json_stands_for_is_refused() -> None:
    """Under Any JSON has neither tuples nor keys that are no text."""
    values: list[Value] = [["tuple", [_int(1)]], ["dict", [[_int(1), _int(2)]]], ["object", "Cat"]]
    for value in values:
        with pytest.raises(ValueError, match=r"no JSON stands|only a text is a key"):
            written_json(value, parse_type("Any"), {})
