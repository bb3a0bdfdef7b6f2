"""What answers to questions mean, and what becomes of a specification."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.resolution import LONGEST_CODE, edited, example_of, is_example, misunderstood, spoken
from millwright.errors import BadInput
from schemas.identity import NodePath, ProjectId
from schemas.people import Choice, Question, QuestionKind
from schemas.project import Answer
from tests.unit.activity_fakes import task

DIVIDED = Question(
    id="root.a/3",
    project=ProjectId("p"),
    path=NodePath("root.a"),
    text="What is right?",
    options=("A", "B", "retry", "give_up"),
    kind=QuestionKind.BEHAVIOUR,
    inputs={"n": 5},
    choices=(Choice(label="A", votes=3, returns=None), Choice(label="B", votes=2, raises="ValueError")),
    tolerance=0.5,
)
EXHAUSTED = DIVIDED.model_copy(update={"kind": QuestionKind.EXHAUSTED, "options": ("retry", "give_up"), "choices": ()})


def _answer(value: Any, **fields: Any) -> Answer:
    return Answer(question=DIVIDED.id, decision_id="1", value=value, **fields)


@pytest.mark.parametrize(
    "value",
    [
        "A",
        "retry",
        {"returns": None},
        {"raises": "KeyError"},
        {"example": {"inputs": {"n": 1}, "expected_output": 2}},
        {"specification": {"max_lines": 30}},
        {"specification_digest": "0" * 64},
        {"code": "def a(n): ..."},
        {"code_digest": "a" * 64},
        {"attempts": 20},
        {"assign": "ann"},
    ],
)
def test_every_form_of_an_answer_is_understood(value: Any) -> None:
    """Words by the letter, objects by their one field."""
    assert misunderstood(DIVIDED, value) is None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("C", "'C' is none of A, B, retry, give_up"),
        ("a", "none of"),
        ({}, "one field"),
        ({"returns": 1, "raises": "KeyError"}, "one field"),
        ({"gives": 1}, "'gives' is none of returns"),
        ({"return": 1}, "did you mean returns?"),
        ({"raises": "not a name"}, "exception's name"),
        ({"example": 3}, "give an example as"),
        ({"example": {"inputs": {}}}, "the example is not understood"),
        ({"specification": {}}, "give the changed fields"),
        ({"specification_digest": "xyz"}, "64 hexadecimal"),
        ({"code": " "}, "give the text"),
        ({"code": "x" * 100_001}, "longer than"),
        ({"code_digest": "A" * 64}, "64 hexadecimal"),
        ({"attempts": 0}, "1 to 10000"),
        ({"attempts": True}, "1 to 10000"),
        ({"assign": ""}, "name whom to ask"),
    ],
)
def test_what_is_no_answer_is_refused_in_a_line_that_says_what_would_do(value: Any, words: str) -> None:
    """A person reads it and corrects the answer."""
    said = misunderstood(DIVIDED, value)
    assert said is not None
    assert words in said
    assert "\n" not in said


@pytest.mark.parametrize("value", ["A", {"returns": 1}, {"raises": "KeyError"}])
def test_a_result_answers_only_a_question_about_an_input(value: Any) -> None:
    """Where nothing divides the candidates, there is no input that a result would be of."""
    assert misunderstood(EXHAUSTED, value) is not None


def test_a_choice_becomes_an_example_of_its_input() -> None:
    """With who said so, and the tolerance that floats have."""
    case = example_of(DIVIDED, _answer("A", by="ann", note="empty carts cost nothing"))
    assert (case.name, case.inputs, case.expected_output, case.tolerance) == ("answered_3", {"n": 5}, None, 0.5)
    assert case.description == "Answered by ann: empty carts cost nothing"
    raising = example_of(DIVIDED, _answer("B"))
    assert (raising.raises, raising.tolerance, raising.description) == ("ValueError", None, "Answered by a person")


def test_something_else_may_be_right() -> None:
    """What no candidate gave, or an example of another input."""
    assert example_of(DIVIDED, _answer({"returns": [1]})).expected_output == [1]
    assert example_of(DIVIDED, _answer({"raises": "KeyError"})).raises == "KeyError"
    other = example_of(DIVIDED, _answer({"example": {"inputs": {"n": 9}, "expected_output": 1, "name": "nine"}}))
    assert (other.name, other.inputs, other.tolerance) == ("nine", {"n": 9}, None)
    with pytest.raises(BadInput, match="gives no example"):
        example_of(DIVIDED, _answer({"attempts": 3}))
    assert not is_example(DIVIDED, _answer("retry"))
    assert is_example(DIVIDED, _answer("B"))
    assert is_example(DIVIDED, _answer({"raises": "KeyError"}))


def test_an_edited_specification_keeps_the_interface() -> None:
    """Others were built on names and types; what is promised may change."""
    before = task("double")
    after = edited(before, {"description": "Doubles.", "max_lines": 5})
    assert (after.description, after.max_lines, after.inputs) == ("Doubles.", 5, before.inputs)
    whole = {**before.model_dump(mode="json"), "max_complexity": 3}
    assert edited(before, whole).max_complexity == 3
    with pytest.raises(BadInput, match="name cannot be changed here"):
        edited(before, {"name": "triple"})
    with pytest.raises(BadInput, match="inputs keep their names"):
        edited(before, {"inputs": [{"name": "m", "type_annotation": "int"}]})
    with pytest.raises(BadInput, match="the same as before"):
        edited(before, {"max_lines": before.max_lines})
    with pytest.raises(BadInput, match=r"max_lines: .*greater"):
        edited(before, {"max_lines": 0})


@given(st.dictionaries(st.text(max_size=9), st.recursive(st.none() | st.integers() | st.text(), st.lists), max_size=3))
def test_any_object_is_understood_or_refused_and_said_in_a_short_line(value: dict[str, Any]) -> None:
    """Nothing that a person sends is an error of ours."""
    said = misunderstood(DIVIDED, value)
    assert said is None or "\n" not in said.replace("\\n", "")
    assert len(spoken(value)) <= 130


def test_code_and_specifications_are_not_repeated() -> None:
    """They may be long, and the audit is a line each."""
    assert spoken({"code": "def a(): ..."}) == "code"
    assert spoken({"code_digest": "abcdef" * 10}) == "code abcdefabcdef"
    assert spoken({"returns": {"a": 1}}) == 'returns {"a": 1}'


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"returns": "\ud800"}, "half of a surrogate pair"),
        ({"returns": "a" * (LONGEST_CODE + 1)}, f"longer than {LONGEST_CODE} bytes"),
        ({"example": {"inputs": {"n": "a" * LONGEST_CODE}, "expected_output": 1}}, "longer than"),
        ({"specification": {"description": "a" * (LONGEST_CODE + 1)}}, "give its specification_digest"),
    ],
)
def test_what_a_history_cannot_bear_is_no_answer(value: Any, why: str) -> None:
    """A message that the server would refuse, or that would end the workflow, is refused before it is taken."""
    assert why in (misunderstood(DIVIDED, value) or "")
