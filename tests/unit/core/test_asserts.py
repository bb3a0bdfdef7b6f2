"""What verifiers assert: which asserts are read and kept, and that no count of them ever judges anybody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.asserts import (
    MOST_KEPT,
    MOST_READ,
    TITLE,
    agreed_asserts,
    calls_request,
    example_request,
    keep,
    preferred,
    read_asserted,
    tallies,
    with_tallies,
)
from schemas.claims import Assertion
from schemas.execution import ConditionReport, Outcome, OutcomeKind, Truth
from schemas.identity import LayerName
from schemas.values import Value
from schemas.verification import Verdict, VerdictStatus
from tests.unit.activity_fakes import task

TASK = task(
    "double",
    postconditions=[{"name": "even", "expression": "result % 2 == 0"}],
    test_cases=[
        {"name": "one", "inputs": {"n": 1}, "expected_output": 2},
        {"name": "bad", "inputs": {"n": -1}, "raises": "ValueError"},
    ],
)
TRUTHS = st.sampled_from(list(Truth))


def _int(number: int) -> Value:
    return ["int", str(number)]


def _returned(number: int, after: tuple[Value, ...] = ()) -> Outcome:
    return Outcome(kind=OutcomeKind.RETURNED, value=_int(number), arguments_after=after)


@pytest.mark.parametrize(
    "text",
    [
        "n > 0",  # says nothing of the result
        "result %  2 == (0)",  # is a postcondition already
        "double(n) == result",
        "result.__class__",
        "result == open('x')",
        "",
        7,
        None,
        ["result > 0"],
    ],
)
def test_what_is_no_assert_of_the_result_is_dropped_and_counted(text: object) -> None:
    """Outside of the safe subset, about the inputs alone, or promised anyway: none of it is kept."""
    read = read_asserted({"cases": [], "asserts": [text, "result>=n"]}, TASK)  # type: ignore[list-item]
    assert read == (("result >= n",), 1)


def test_an_answer_without_asserts_drops_nothing() -> None:
    """They may be left out; more than can be read of one answer are dropped."""
    assert read_asserted({"cases": []}, TASK) == ((), 0)
    assert read_asserted({"asserts": "result > 0"}, TASK) == ((), 0)
    many = [f"result > {number}" for number in range(MOST_READ + 3)]
    read, dropped = read_asserted({"asserts": list(many)}, TASK)
    assert (len(read), dropped) == (MOST_READ, 3)


def test_where_an_input_is_named_as_the_result_nothing_can_be_asserted() -> None:
    """The name would mean two things."""
    ambiguous = TASK.model_copy(update={"inputs": (TASK.inputs[0].model_copy(update={"name": "result"}),)})
    assert read_asserted({"asserts": ["result > 0"]}, ambiguous) == ((), 1)


@given(st.lists(st.lists(st.sampled_from("abcde"), unique=True, max_size=5), max_size=5))
def test_votes_count_the_answers_that_state_an_assert(answers: list[list[str]]) -> None:
    """Each assert stands once, with as many votes as answers have it; the first of every answer come first."""
    merged = agreed_asserts(answers)
    assert {item.expression: item.votes for item in merged} == {
        text: sum(text in answer for answer in answers) for answer in answers for text in answer
    }
    firsts = {answer[0] for answer in answers if answer}
    assert {item.expression for item in merged[: len(firsts)]} == firsts


def test_examples_that_return_are_asked_about() -> None:
    """One that raises says nothing of a result."""
    asked = example_request(TASK, (Assertion(expression="result >= n"),))
    assert asked is not None
    (binding,) = asked.bindings
    assert binding.names == {"n": _int(1), "result": _int(2)}
    assert binding.old == {"n": _int(1)}
    assert example_request(TASK, ()) is None


def test_inputs_are_bound_as_the_call_left_them_and_old_ones_as_they_were() -> None:
    """As conditions are; a call that raised is not asked about."""
    calls = [((_int(1),), _returned(2, (_int(9),))), ((_int(3),), Outcome(kind=OutcomeKind.RAISED, exception="E"))]
    asked = calls_request(TASK, (Assertion(expression="result >= n"),), calls)
    assert asked is not None
    (binding,) = asked.bindings
    assert (binding.names["n"], binding.old["n"]) == (_int(9), _int(1))


@given(st.lists(st.tuples(st.integers(1, 4), st.lists(TRUTHS, min_size=2, max_size=2)), max_size=6), st.integers(1, 4))
def test_no_assert_that_an_example_contradicts_is_kept(stated: list[tuple[int, list[Truth]]], answers: int) -> None:
    """False or undefined on one example is enough to drop it, whoever states it; the rest needs a ground to be kept."""
    assertions = [
        Assertion(expression=f"result > {place}", votes=min(votes, answers)) for place, (votes, _) in enumerate(stated)
    ]
    report = ConditionReport(truths=tuple(zip(*(truths for _, truths in stated), strict=True)))
    kept = keep(assertions, answers, report if stated else None)
    against = [bool({Truth.FALSE, Truth.UNDEFINED} & set(truths)) for _, truths in stated]
    assert kept.refuted == sum(against)
    for assertion, refuted, (_, truths) in zip(assertions, against, stated, strict=True):
        holds = all(truth is Truth.TRUE for truth in truths)
        by_most = answers > 1 and 2 * assertion.votes > answers
        assert (assertion in kept.assertions) == (not refuted and (holds or by_most))


def test_without_an_example_only_what_most_of_several_state_is_kept() -> None:
    """One verifier alone is no majority; and no node keeps more than a bounded number."""
    assertions = [Assertion(expression="result > 1", votes=2), Assertion(expression="result > 2", votes=1)]
    assert keep(assertions, 3, None).assertions == (assertions[0],)
    assert keep([Assertion(expression="result > 1")], 1, None).assertions == ()
    many = [Assertion(expression=f"result > {number}", votes=2) for number in range(MOST_KEPT + 1)]
    assert len(keep(many, 2, None).assertions) == MOST_KEPT


def test_what_asserts_come_to_stands_beside_the_contracts_and_changes_no_status() -> None:
    """A winner that meets none of them has passed all the same; noted again, the note takes the place of the first."""
    assertion = Assertion(expression="result > 0", votes=2)
    report = ConditionReport(truths=((Truth.TRUE,), (Truth.FALSE,), (Truth.LOST,)))
    counted = tallies((assertion,), report)
    assert [(item.holds, item.calls) for item in counted] == [(1, 2)]
    verdicts = (
        Verdict(layer=LayerName.CONTRACTS, status=VerdictStatus.PASSED),
        Verdict(layer=LayerName.TYPES, status=VerdictStatus.PASSED),
    )
    noted = with_tallies(with_tallies(verdicts, counted), counted)
    assert [verdict.status for verdict in noted] == [VerdictStatus.PASSED] * 2
    (look,) = noted[0].confirmations
    assert (look.title, look.status) == (TITLE, VerdictStatus.NOT_APPLICABLE)
    assert "result > 0 holds on 1 of 2 calls (stated 2×)" in look.reason
    assert noted[1].confirmations == ()
    assert with_tallies(verdicts, ()) == verdicts
    spaced = tallies((Assertion(expression="'  ' not in result"),), None)
    assert r"'\x20\x20' not in result" in with_tallies(verdicts, spaced)[0].confirmations[0].reason


def test_an_assert_speaks_only_where_it_tells_outcomes_of_one_input_apart() -> None:
    """Where all meet it, or none does, or nothing is known, it prefers nobody."""
    calls = [(0, (_int(1),), _returned(1)), (0, (_int(1),), _returned(2)), (4, (_int(5),), _returned(5))]
    report = ConditionReport(
        truths=(
            (Truth.TRUE, Truth.TRUE, Truth.TRUE),
            (Truth.FALSE, Truth.TRUE, Truth.LOST),
            (Truth.TRUE, Truth.FALSE, Truth.TRUE),
        )
    )
    assert preferred(calls, report) == ((0, 0),)
