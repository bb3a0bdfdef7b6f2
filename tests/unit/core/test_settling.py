"""Examples by vote: what is chosen to be asked, what is counted, and what is far enough ahead to be an example."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from millwright.core.settling import (
    LEAST_SHARE,
    MOST_ASKED,
    Answer,
    Stated,
    chosen_inputs,
    count,
    draws_needed,
    inputs_by_name,
    read_answer,
    settled_examples,
    unwritten,
    with_examples,
    written,
)
from millwright.core.specification import check_document
from millwright.core.verification.evidence import Arguments
from schemas.election import RedFlag
from schemas.specification import SpecificationDocument, TaskSpecification
from schemas.values import Value


def _task(output: str = "int", inputs: str = "int", **fields: Any) -> TaskSpecification:
    return TaskSpecification.model_validate(
        {
            "id": "f",
            "name": "f",
            "inputs": [{"name": "n", "type_annotation": inputs}],
            "outputs": [{"name": "result", "type_annotation": output}],
            "errors": [{"name": "Refused", "base": "ValueError"}],
            **fields,
        }
    )


TASK = _task()
ONE: Arguments = (["int", "1"],)
TWO: Arguments = (["int", "2"],)


def _says(value: JsonValue) -> Answer:
    return (Stated(returns=value),)


NOTHING: Answer = (None,)
RAISES: Answer = (Stated(raises="Refused"),)

STATED = st.sampled_from([None, Stated(returns=1), Stated(returns=2), Stated(raises="ValueError")])
ANSWERS = st.lists(st.tuples(STATED, STATED), max_size=14)


@given(answers=ANSWERS, k=st.integers(1, 4))
def test_nothing_is_settled_without_the_lead_and_the_share(answers: list[Answer], k: int) -> None:
    """Whatever is settled leads every other answer by k and has four fifths of what was stated; the rest is not."""
    cases = {case.name: case for case in settled_examples(answers, [ONE, TWO], TASK, k)}
    for number in range(2):
        stated = [answer[number] for answer in answers if answer[number] is not None]
        votes = sorted((stated.count(item) for item in set(stated)), reverse=True) or [0]
        lead = votes[0] - (votes[1] if len(votes) > 1 else 0)
        is_won = lead >= k and votes[0] >= LEAST_SHARE * len(stated)
        case = cases.get(f"settled_{number + 1}")
        assert (case is not None) == is_won
        if case is not None:
            assert stated.count(Stated(returns=case.expected_output, raises=case.raises)) == votes[0]


@given(answers=ANSWERS, k=st.integers(1, 4), order=st.randoms(use_true_random=False))
def test_the_order_of_answers_settles_nothing(answers: list[Answer], k: int, order: Any) -> None:
    """The same answers in another order settle the same examples."""
    shuffled = list(answers)
    order.shuffle(shuffled)
    both = [settled_examples(given, [ONE, TWO], TASK, k) for given in (answers, shuffled)]
    assert both[0] == both[1]


@given(answers=ANSWERS, k=st.integers(1, 4), cap=st.integers(1, 20))
def test_drawing_stays_within_the_cap_and_stops_when_it_is_of_no_use(answers: list[Answer], k: int, cap: int) -> None:
    """What is drawn next would settle an input if all agreed, one answer fewer would settle none, and fits the cap."""
    needed = draws_needed(answers, 2, TASK, k=k, cap=cap)
    settled = {case.name for case in settled_examples(answers, [ONE, TWO], TASK, k)}
    best: list[Answer] = []
    for number in range(2):
        leader = count(answers, number, TASK).leader or Stated(returns=1)
        best.append(tuple(leader if place == number else None for place in range(2)))
    gained = [
        {case.name for case in settled_examples([*answers, *([agreeing] * more)], [ONE, TWO], TASK, k)} - settled
        for agreeing in best
        for more in (needed, needed - 1, max(0, cap - len(answers)))
    ]
    if needed:
        assert len(answers) + needed <= cap
        assert any(gained[0::3])
        assert not any(gained[1::3])
    else:
        assert not any(gained[2::3])


def test_unknown_counts_neither_for_nor_against() -> None:
    """Agents that state nothing leave the share as it is."""
    answers = [_says(4), NOTHING, _says(4), NOTHING, NOTHING]
    found = count(answers, 0, TASK)
    assert (found.votes, found.margin, found.stated) == (2, 2, 2)
    (case,) = settled_examples(answers, [TWO], TASK, 2)
    assert (case.name, case.inputs, case.expected_output, case.raises) == ("settled_1", {"n": 2}, 4, None)
    assert "2 of 2" in case.description


def test_an_exception_is_settled_like_a_value() -> None:
    """Where most agents say that the call raises, the example demands just that."""
    (case,) = settled_examples([RAISES] * 4 + [_says(0)], [ONE], TASK, 3)
    assert (case.raises, case.expected_output, case.tolerance) == ("Refused", None, None)


def test_floats_agree_within_a_tolerance_and_the_example_has_it() -> None:
    """Digits beyond what an agent can work out make no other answer; the tolerance grows with the number."""
    task = _task("list[float]", "float")
    answers = [_says([0.3]), _says([0.30000000000000004]), _says([0.3])]
    (case,) = settled_examples(answers, [(["float", (1.0).hex()],)], task, 3)
    assert case.expected_output == [0.3]
    assert case.tolerance == pytest.approx(1e-6)
    (large,) = settled_examples([_says([2e9])] * 3, [(["float", (1.0).hex()],)], task, 3)
    assert large.tolerance == pytest.approx(2e3)


def test_sets_agree_whatever_their_order() -> None:
    """Votes are for values of the declared type, not for texts."""
    answers = [_says([1, 2]), _says([2, 1]), _says([2, 1, 1])]
    assert count(answers, 0, _task("set[int]")).votes == 3


def test_settled_examples_make_a_sound_task() -> None:
    """The task with them has no fault, and without any it stays the same object."""
    cases = settled_examples([(Stated(returns=2), Stated(raises="Refused"))] * 3, [ONE, TWO], TASK, 3)
    task = with_examples(TASK, cases)
    assert [case.name for case in task.test_cases] == ["settled_1", "settled_2"]
    assert check_document(SpecificationDocument(tasks=(task,))) == ()
    assert with_examples(TASK, ()) is TASK


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([{"input": 1, "returns": 2}], (Stated(returns=2), None)),
        ([{"input": 2, "raises": "Refused"}], (None, Stated(raises="Refused"))),
        ([{"input": 2, "raises": "KeyError"}], (None, Stated(raises="KeyError"))),
        ([{"input": 1, "unknown": True}, {"input": 2, "returns": -1}], (None, Stated(returns=-1))),
        ([{"input": 1, "returns": "2"}], (None, None)),
        ([{"input": 1, "raises": "Missing"}], (None, None)),
        ([{"input": 1, "raises": "Refused", "returns": 2}], (None, None)),
        ([{"input": 1, "raises": 7}], (None, None)),
        ([], (None, None)),
    ],
)
def test_answers_are_read_by_number_and_type(outcomes: JsonValue, expected: Answer) -> None:
    """What is unknown, of another type or an exception that nobody declares is not stated."""
    assert read_answer({"outcomes": outcomes}, TASK, 2) == expected


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        {"outcomes": {}},
        {"outcomes": [7]},
        {"outcomes": [{"returns": 1}]},
        {"outcomes": [{"input": True, "returns": 1}]},
        {"outcomes": [{"input": 3, "returns": 1}]},
        {"outcomes": [{"input": 0, "returns": 1}]},
        {"outcomes": [{"input": 1, "returns": 1}, {"input": 1, "returns": 1}]},
    ],
)
def test_answers_of_another_form_are_flagged(answer: JsonValue) -> None:
    """An answer that does not say which input it speaks of is no answer."""
    assert isinstance(read_answer(answer, TASK, 2), RedFlag)


@given(st.lists(STATED, max_size=6).map(tuple))
def test_answers_come_back_as_they_were_written(answer: Answer) -> None:
    """What is stored of an answer is what it states."""
    assert unwritten(written(answer)) == answer
    assert json.loads(written((Stated(returns=None), None))) == [{"returns": None}, None]


def test_simple_inputs_of_different_sizes_are_asked_about() -> None:
    """The smallest of each size come first, large ones and what no JSON stands for never."""

    def listed(*items: int) -> Value:
        return ["list", [["int", str(item)] for item in items]]

    task = _task(inputs="list[int]")
    inputs: list[Arguments] = [(listed(*([0] * length)),) for length in range(5)]
    inputs += [(listed(9),), (listed(7),), (listed(*range(100)),), (listed(9),)]
    chosen = chosen_inputs(inputs, task)
    assert chosen == (
        (listed(),),
        (listed(0),),
        (listed(7),),
        (listed(0, 0),),
        (listed(0, 0, 0),),
        (listed(0, 0, 0, 0),),
    )
    assert len(chosen) == MOST_ASKED
    assert chosen_inputs(list(reversed(inputs)), task) == chosen
    assert inputs_by_name(chosen[2], task) == {"n": [7]}
    loose = _task(inputs="Any")
    pair: Arguments = (["tuple", [["int", "1"]]],)
    assert chosen_inputs([ONE, pair], loose) == (ONE,)
