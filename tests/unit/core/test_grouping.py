"""Which candidates behave alike, and whose behaviour is no vote."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.grouping import (
    Behaviour,
    Classes,
    group,
    is_broken,
    is_constant,
    rounding_noise,
    signatures,
    useless,
)
from schemas.election import Flag
from schemas.execution import Outcome, OutcomeKind
from schemas.specification import TaskSpecification
from schemas.types import Type, parse_type
from schemas.values import Value, float_text
from tests.languages.in_process import encoded

INT = parse_type("int")
FLOAT = parse_type("float")
LOST = Outcome(kind=OutcomeKind.LOST)


def returned(value: Value) -> Outcome:
    """Make the outcome of a call that returned a tagged value."""
    return Outcome(kind=OutcomeKind.RETURNED, value=value)


def number(value: int) -> Outcome:
    """Make the outcome of a call that returned an int."""
    return returned(["int", str(value)])


def real(value: float) -> Outcome:
    """Make the outcome of a call that returned a float."""
    return returned(["float", float_text(value)])


def raised(name: str, message: str = "") -> Outcome:
    """Make the outcome of a call that raised."""
    return Outcome(kind=OutcomeKind.RAISED, exception=name, message=message)


def task(**fields: object) -> TaskSpecification:
    """Make a task from one int to an int."""
    given_ = {
        "id": "t",
        "name": "f",
        "inputs": [{"name": "n", "type_annotation": "int"}],
        "outputs": [{"name": "result", "type_annotation": "int"}],
        **fields,
    }
    return TaskSpecification.model_validate(given_)


def test_equal_outcomes_on_every_input_are_one_group() -> None:
    """Groups are numbered by their first members, and what an exception says is no part of it."""
    a = [number(1), raised("ValueError", "here")]
    b = [number(1), raised("ValueError", "there")]
    c = [number(1), raised("KeyError")]
    assert group([c, a, b, c], INT) == (0, 1, 1, 0)


def test_a_returned_value_is_never_a_raised_one() -> None:
    """A candidate that returns the name of an exception does not agree with one that raises it."""
    text = parse_type("str")
    assert group([[returned(["str", "ValueError"])], [raised("ValueError")]], text) == (0, 1)


def test_unordered_containers_are_compared_as_such() -> None:
    """The order in which sets and dicts came is no part of a behaviour."""
    sets = [[returned(["set", [["int", a], ["int", b]]])] for a, b in (("1", "2"), ("2", "1"))]
    assert group(sets, parse_type("set[int]")) == (0, 0)
    dicts = [[returned(encoded(some))] for some in ({"a": 1, "b": 2}, {"b": 2, "a": 1})]
    assert group(dicts, parse_type("dict[str, int]")) == (0, 0)


def test_an_int_is_a_float_where_a_float_is_declared() -> None:
    """The declared type decides, as everywhere."""
    assert group([[number(1)], [real(1.0)]], FLOAT) == (0, 0)
    assert group([[number(1)], [real(1.0)]], INT) == (0, 1)


def test_floats_agree_within_the_tolerance_at_any_depth() -> None:
    """Also where their canonical texts, or their multiples of the tolerance, differ."""
    of = parse_type("list[float]")

    def vector(*items: float) -> Behaviour:
        return [returned(["list", [["float", float_text(item)] for item in items]])]

    assert group([vector(1.0, 0.149), vector(1.0, 0.151), vector(1.0, 0.3)], of, 0.01) == (0, 0, 1)
    assert group([vector(1.0, 0.149), vector(1.0, 0.151)], of, 0.001) == (0, 1)
    assert group([vector(1.0), vector(1.0, 1.0)], of, 10.0) == (0, 1)


def test_a_tolerance_reaches_from_the_first_member_only() -> None:
    """A chain of near values does not make one group of its ends."""
    behaviours = [[real(0.0)], [real(0.9)], [real(1.8)], [real(1.0)]]
    assert group(behaviours, FLOAT, 1.0) == (0, 0, 1, 0)


def test_without_a_tolerance_the_order_of_a_sum_splits_nothing() -> None:
    """Floats differ where their significant digits do."""
    assert group([[real(0.1 + 0.2)], [real(0.3)]], FLOAT) == (0, 0)
    assert group([[real(1e300)], [real(1e300 * (1 + 1e-14))], [real(1.001e300)]], FLOAT) == (0, 0, 1)
    assert group([[real(0.3)], [real(0.3001)]], FLOAT) == (0, 1)


def test_rounding_of_what_went_in_splits_nothing() -> None:
    """Where nearly equal numbers are subtracted, the error has the size of the numbers and not of the result."""
    noise = [rounding_noise([encoded([93.92] * 8)])]
    exact, rounded, other = [real(0.0)], [real(1.4210854715202004e-14)], [real(1e-6)]
    assert group([exact, rounded, other], FLOAT) == (0, 1, 2)
    assert group([exact, rounded, other], FLOAT, noise=noise) == (0, 0, 1)
    assert len(set(signatures([exact, rounded, other], FLOAT, noise=noise))) == 2


def test_only_finite_floats_that_went_in_are_noise() -> None:
    """Whole numbers and texts are exact, and an infinity would hide everything."""
    assert rounding_noise([encoded([10**20, "93.92", True])]) == 0
    assert rounding_noise([encoded(float("inf")), encoded(float("nan"))]) == 0
    assert rounding_noise([encoded({"a": -2000.0}), encoded(5.0)]) == pytest.approx(2e-10)


def test_a_large_float_hides_no_small_one_beside_it() -> None:
    """Each float counts by its own size."""
    of = parse_type("list[float]")
    behaviours = [[returned(encoded(item))] for item in ([1e15, 1.0], [1e15, 5.0], [1e15 + 1, 1.0])]
    assert group(behaviours, of) == (0, 1, 0)


def test_nan_and_infinities_agree_with_themselves_alone() -> None:
    """They have no neighbours, whatever the tolerance."""
    behaviours = [[real(float("nan"))], [real(float("nan"))], [real(float("inf"))], [real(1.0)], [real(float("-inf"))]]
    assert group(behaviours, FLOAT, 5.0) == (0, 0, 1, 2, 3)


def test_an_object_agrees_with_nothing() -> None:
    """Not even with an object of the same class, nor with itself."""
    thing = [returned(["object", "generator"])]
    assert group([thing, thing], INT) == (0, 1)
    assert len(set(signatures([thing, thing], INT))) == 2


def test_what_is_lost_agrees_only_with_what_is_lost() -> None:
    """A call that never ends is no agreement with one that does, however much else is alike."""
    whole, hangs = [number(1), number(2), number(3)], [number(1), number(2), LOST]
    assert group([whole, hangs, whole, hangs], INT) == (0, 1, 0, 1)


def test_inputs_that_all_lost_are_left_out() -> None:
    """Where nobody answers, nobody is told apart."""
    assert group([[number(1), LOST], [number(1), LOST], [number(2), LOST]], INT) == (0, 0, 1)


def test_who_answered_nothing_stands_alone() -> None:
    """Nothing in common is no agreement, neither with all lost nor without any input."""
    assert group([[LOST], [LOST]], INT) == (0, 1)
    assert group([[], []], INT) == (0, 1)
    assert group([], INT) == ()
    assert len(set(signatures([[], []], INT))) == 2


ANSWERS = st.one_of(
    st.integers(0, 2).map(number),
    st.sampled_from([0.0, 0.4, 1.0, 1.3]).map(real),
    st.sampled_from(["ValueError", "KeyError"]).map(raised),
)
ELECTIONS = st.integers(1, 5).flatmap(
    lambda inputs: st.lists(st.lists(st.one_of(ANSWERS, st.just(LOST)), min_size=inputs, max_size=inputs), max_size=12)
)


@given(ELECTIONS, st.sampled_from([None, 0.5]))
def test_groups_are_numbered_by_first_member_and_have_one_signature_each(
    behaviours: list[list[Outcome]], tolerance: float | None
) -> None:
    """Numbers appear in order without gaps, and signatures tell the same groups apart."""
    groups = group(behaviours, FLOAT, tolerance)
    assert list(dict.fromkeys(groups)) == list(range(len(set(groups))))
    digests = signatures(behaviours, FLOAT, tolerance)
    assert len(set(digests)) == len(set(groups)) == len(set(zip(groups, digests, strict=True)))


@given(ELECTIONS.filter(bool), st.randoms(use_true_random=False))
def test_without_a_tolerance_the_order_of_candidates_changes_no_group(
    behaviours: list[list[Outcome]], chance: object
) -> None:
    """Only the numbers change when the candidates are drawn in another order."""
    order = list(range(len(behaviours)))
    chance.shuffle(order)  # type: ignore[attr-defined]  # Hypothesis gives a random.Random
    before = group(behaviours, FLOAT)
    after = dict(zip(order, group([behaviours[place] for place in order], FLOAT), strict=True))
    pairs = {(before[place], after[place]) for place in order}
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


@given(st.lists(st.lists(ANSWERS, min_size=3, max_size=3), min_size=1, max_size=8))
def test_a_further_candidate_moves_nobody_where_nothing_was_lost(behaviours: list[list[Outcome]]) -> None:
    """A round adds members and groups; those that were there keep their numbers."""
    assert group(behaviours, FLOAT, 0.5)[:-1] == group(behaviours[:-1], FLOAT, 0.5)


def test_a_constant_is_one_value_wherever_there_is_any() -> None:
    """One input shows no constant; where it raises it shows nothing else either."""
    assert is_constant([number(1), number(1), LOST], INT)
    assert is_constant([number(1), real(1.0)], FLOAT)
    assert is_constant([raised("ValueError"), number(1)], INT)
    assert not is_constant([number(1)], INT)
    assert not is_constant([number(1), LOST], INT)
    assert not is_constant([number(1), raised("ValueError"), number(2)], INT)
    assert not is_constant([raised("ValueError"), raised("ValueError")], INT)


VARIED = [number(1), number(2)]
ALWAYS = [number(1), number(1)]
NEVER = [raised("ValueError"), raised("ValueError")]


def test_who_gives_no_value_is_useless() -> None:
    """Whatever the others do."""
    assert useless([NEVER, NEVER, VARIED], task()) == (Flag.USELESS, Flag.USELESS, None)


def test_a_constant_is_useless_where_most_are_not() -> None:
    """Of those that give a value at all."""
    assert useless([ALWAYS, VARIED, VARIED], task()) == (Flag.USELESS, None, None)
    assert useless([ALWAYS, VARIED], task()) == (None, None)
    assert useless([ALWAYS, ALWAYS, VARIED], task()) == (None, None, None)
    assert useless([ALWAYS, VARIED, NEVER, NEVER], task()) == (None, None, Flag.USELESS, Flag.USELESS)


def test_who_gets_through_trivial_inputs_only_is_useless() -> None:
    """Code that fails on all that matters agrees with other failures, and with nothing that is right."""
    trivial = [number(0), raised("TypeError")]
    assert useless([trivial, trivial, VARIED, VARIED, VARIED], task())[:2] == (Flag.USELESS, Flag.USELESS)


def test_who_lacks_a_name_on_half_of_the_inputs_is_useless() -> None:
    """However many do: no specification promises that, unless an example does."""
    broken = [number(0), number(1), raised("NameError"), raised("ModuleNotFoundError")]
    assert is_broken(broken)
    assert not is_broken([number(0), number(1), raised("NameError"), LOST])
    assert not is_broken([LOST])
    assert useless([broken, broken], task()) == (Flag.USELESS, Flag.USELESS)
    demanded = [{"name": "e", "inputs": {"n": 1}, "raises": "NameError"}]
    assert useless([broken, broken], task(test_cases=demanded)) == (None, None)


def test_a_constant_that_every_example_demands_is_not_useless() -> None:
    """The specification decides what is promised."""
    demanded = [{"name": f"e{n}", "inputs": {"n": n}, "expected_output": 1} for n in range(2)]
    other = [*demanded, {"name": "e2", "inputs": {"n": 2}, "expected_output": 3}]
    assert useless([ALWAYS, VARIED, VARIED], task(test_cases=demanded)) == (None, None, None)
    assert useless([ALWAYS, VARIED, VARIED], task(test_cases=other)) == (Flag.USELESS, None, None)


def test_who_checks_and_raises_as_the_examples_demand_is_not_useless() -> None:
    """A function may promise one value, and an exception where that cannot be had."""
    cases = [
        {"name": "fine", "inputs": {"n": 1}, "expected_output": 1},
        {"name": "wrong", "inputs": {"n": 2}, "raises": "ValueError"},
    ]
    checks = [number(1), raised("ValueError")]
    assert useless([checks, VARIED, VARIED], task(test_cases=cases)) == (None, None, None)


def test_a_class_has_the_text_of_its_first_member() -> None:
    """Texts can be compared in place of numbers, and exceptions cannot be mistaken for values."""
    classes = Classes(2, FLOAT, 0.5)
    rows = [classes.row(some) for some in ([real(1.0), raised("KeyError")], [real(1.2), LOST], [real(2.0), LOST])]
    assert rows == [(0, 0), (0, None), (1, None)]
    assert classes.text(0, 0) == '["float","0x1.0000000000000p+0"]'
    assert classes.text(1, 0) == '["raised","KeyError"]'


def test_what_equals_nothing_has_a_text_of_its_own() -> None:
    """Who compares texts finds what who compares numbers does."""
    classes = Classes(1, INT)
    thing = [returned(["object", "generator"])]
    assert classes.row(thing) != classes.row(thing)
    assert classes.text(0, 0) != classes.text(0, 1)


@pytest.mark.parametrize("of", [INT, FLOAT, parse_type("list[int]"), parse_type("list[float]")], ids=str)
def test_many_candidates_on_many_inputs_are_told_apart(of: Type) -> None:
    """Four copies of each of twenty-five behaviours are twenty-five groups, in their order."""

    def value(seed: int) -> Value:
        if of.arguments:
            return encoded([one(of.arguments[0], seed + step) for step in range(8)])
        return encoded(one(of, seed))

    def one(kind: Type, seed: int) -> float:
        return seed / 7 if kind == FLOAT else seed

    prototypes: Sequence[Behaviour] = [[returned(value(at * 40 + index)) for index in range(150)] for at in range(25)]
    assert group([prototypes[at % 25] for at in range(100)], of, 1e-6) == tuple(at % 25 for at in range(100))
