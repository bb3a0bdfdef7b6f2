"""What people send is read as it came, and what does not fit is refused in one readable line."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.messages import read_answer, read_approval
from schemas.identity import Gate
from schemas.models import Budget
from schemas.project import Answer, Approval, ApprovalDecision

APPROVAL: dict[str, Any] = {"gate": "plan", "decision_id": "1", "decision": "approve", "by": "me"}
ANSWER: dict[str, Any] = {"question": "root.double/1", "decision_id": "1", "value": "A", "by": "me"}

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(("gate", "question", "decision_id", "decision", "value", "by", "note", "budget", "to", "x"))


def test_a_decision_is_read() -> None:
    """The fields are those of the schema, and the smallest message is enough."""
    assert read_approval(APPROVAL) == Approval(
        gate=Gate.PLAN, decision_id="1", decision=ApprovalDecision.APPROVE, by="me"
    )
    raised = read_approval({**APPROVAL, "gate": "budget", "budget": {"max_calls": 7}})
    assert isinstance(raised, Approval)
    assert raised.budget == Budget(max_calls=7)


@pytest.mark.parametrize("value", ["A", {"returns": None}, {"raises": "ValueError"}, {"attempts": 3}, {"assign": "bo"}])
def test_an_answer_is_a_word_or_an_object_of_one_field(value: Any) -> None:
    """Null is a value like any other."""
    answer = read_answer({**ANSWER, "value": value})
    assert isinstance(answer, Answer)
    assert answer.value == value


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ({**APPROVAL, "gate": "plans"}, 'gate is "plans": give one of specification, plan, budget, delivery'),
        ({**APPROVAL, "decison": "approve"}, 'there is no field "decison": did you mean decision?'),
        ({"gate": "plan", "decision_id": "1"}, "decision is missing: give one of approve, reject, assign"),
        ({**APPROVAL, "decision_id": 1}, "decision_id is 1: give a text of 1 to 200 characters"),
        ({**APPROVAL, "budget": {"max_calls": 0}}, "budget.max_calls is 0: give a whole number from 1"),
        ({**APPROVAL, "budget": {"calls": 5}}, 'there is no field "calls" in budget: did you mean max_calls?'),
        ({**APPROVAL, "budget": 5}, "budget is 5: give an object with caps"),
        ({**APPROVAL, "decision": "assign"}, "to is missing: assign hands the question on to somebody"),
        ({**APPROVAL, "to": "bo"}, 'to belongs to "decision": "assign" alone'),
        ({**APPROVAL, "by": "x" * 500}, f'by is "{"x" * 58}…: give a name of at most 200 characters'),
        ({**APPROVAL, "through": "deadline"}, 'through is "deadline": leave it out'),
        ("approve", '"approve" was given: give one JSON object'),
        (b"\x00\x01", "binary content of 2 bytes was given"),
        ([], "[] was given"),
    ],
)
def test_a_decision_that_does_not_fit_is_refused_by_its_field(message: Any, told: str) -> None:
    """The line has the field, what was given, what would do, and an example."""
    refused = read_approval(message)
    assert isinstance(refused, str)
    assert refused.startswith(told)
    assert refused.endswith('For example: {"gate": "plan", "decision_id": "1", "decision": "approve", "by": "me"}')


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "value is null: give one of the question's words, or an object of one field"),
        (["A"], 'value is ["A"]: give'),
        ("", "value is empty"),
        ({}, "an answer that is an object has one field: returns, raises, example, "),
        ({"returns": 1, "raises": "x"}, "an answer that is an object has one field: returns, raises, example, "),
        ({"return": 1}, "'return' is none of returns, raises, example, specification, specification_digest, code, "),
        ({"attempts": 0}, "give a number of further attempts, 1 to 10000"),
        ({"attempts": True}, "give a number of further attempts, 1 to 10000"),
        ({"code": ""}, "give the text of the function"),
        ({"example": []}, "give an example as "),
    ],
)
def test_an_answer_that_no_question_can_have_is_refused(value: Any, told: str) -> None:
    """The value is looked at before any question is."""
    refused = read_answer({**ANSWER, "value": value})
    assert isinstance(refused, str)
    assert refused.startswith(told)
    assert refused.endswith(
        'For example: {"question": "root.double/1", "decision_id": "1", "value": "retry", "by": "me"}'
    )


def test_nothing_and_too_much_are_refused() -> None:
    """A message is one object; a handler takes whatever came."""
    assert str(read_approval()).startswith("nothing was given: give one JSON object")
    assert str(read_answer(ANSWER, ANSWER)).startswith("2 arguments were given: give one JSON object")


def test_many_problems_are_counted() -> None:
    """A refusal stays a line, however much is wrong."""
    refused = read_answer({f"field{number}": 1 for number in range(40)})
    assert isinstance(refused, str)
    assert "more. For example" in refused
    assert len(refused) < 1000


@given(st.dictionaries(FIELDS, VALUES) | VALUES, st.sampled_from((read_answer, read_approval)))
def test_whatever_is_given_is_read_or_refused_in_one_line(message: Any, read: Any) -> None:
    """No input raises, and a refusal is one line of bounded length."""
    found = read(message)
    if isinstance(found, str):
        assert found.isprintable()
        assert len(found) < 1500
    else:
        assert isinstance(found, Answer | Approval)
