"""Answers account for every statement once, and what they settle together drops no requirement and hides no doubt."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.classification import BEHAVIOUR, behaviour, constraints, fixed_by, settled
from millwright.core.decomposition import read_root, root_signature
from millwright.core.requirements import statements
from schemas.election import RedFlag
from schemas.identity import RequirementId
from schemas.planning import SpecifiedRoot
from schemas.requirements import FrontMatter, OpenQuestion, Reading, StatementKind
from schemas.specification import TaskSpecification, TestCase

PROSE = "Double a number. Never lose a digit. We like numbers. Zero stays zero."
NUMBERED = statements(PROSE)
PLAIN = {"functional": ["R1", "R4"], "constraints": ["R2"], "context": ["R3"]}
DOUBT = {"id": "R4", "question": "Which zero?", "readings": ["Both.", "Only the positive one."]}
CONFLICT = {"id": "R4", "contradicts": "R1", "question": "Is zero doubled?"}


def _answer(requirements: Any = PLAIN, /, expected: Any = 4, shows: tuple[str, ...] = ()) -> dict[str, Any]:
    specification = {
        "id": "root",
        "name": "double",
        "inputs": [{"name": "n", "type_annotation": "int"}],
        "outputs": [{"name": "result", "type_annotation": "int"}],
        "test_cases": [{"name": "two", "inputs": {"n": 2}, "expected_output": expected, "shows": list(shows)}],
    }
    return {"specification": specification, "requirements": requirements}


def _root(requirements: Any = PLAIN, /, **fields: Any) -> SpecifiedRoot:
    found = read_root(_answer(requirements, **fields), "python", NUMBERED)
    assert isinstance(found, SpecifiedRoot), found
    return found


@pytest.mark.parametrize(
    ("requirements", "words"),
    [
        ({"functional": ["R1"]}, "R2, R3, R4 are not accounted for"),
        ({**PLAIN, "context": []}, "R3 is not accounted for"),
        ({**PLAIN, "context": ["R3", "R9"]}, "R9 is none of the 4 numbered statements"),
        ({**PLAIN, "context": ["R3", "R1"]}, "R1 is named 2 times"),
        ({"context": ["R1", "R2", "R3", "R4"]}, "no statement is said to ask for any behaviour"),
        ({**PLAIN, "functional": ["R1"], "contradictions": [{**CONFLICT, "contradicts": "R4"}]}, "no other statement"),
        ({**PLAIN, "functional": ["R1"], "ambiguous": [{**DOUBT, "readings": ["Both."]}]}, "at least 2 items"),
        ({**PLAIN, "functional": ["R1"], "ambiguous": [{**DOUBT, "question": ""}]}, "at least 1 character"),
        ({**PLAIN, "functional": ["R1"], "ambiguous": [{**DOUBT, "readings": ["A b", "a  B"]}]}, "say the same"),
    ],
)
def test_an_answer_names_every_statement_exactly_once(requirements: Any, words: str) -> None:
    """One that leaves out, invents, repeats or doubts without a question is a red flag that says which."""
    found = read_root(_answer(requirements), "python", NUMBERED)
    assert isinstance(found, RedFlag)
    assert words in found.detail


@pytest.mark.parametrize(("shows", "fine"), [(("R1", "R2"), True), (("R3",), False), (("R7",), False)])
def test_a_test_shows_requirements_only(shows: tuple[str, ...], fine: bool) -> None:
    """What the same answer calls context, or what nobody said, can be shown by no test."""
    assert isinstance(read_root(_answer(shows=shows), "python", NUMBERED), SpecifiedRoot) is fine


def test_classifying_otherwise_is_no_other_vote() -> None:
    """The vote is about interface and examples: what statements are is settled one by one."""
    doubtful = _root({**PLAIN, "functional": ["R1"], "ambiguous": [DOUBT]})
    assert root_signature(doubtful) == root_signature(_root())


def test_each_statement_is_what_most_of_the_winners_call_it() -> None:
    """A tie goes to the more careful kind; the losing doubt is a question all the same."""
    doubtful = _root({**PLAIN, "functional": ["R1"], "ambiguous": [DOUBT]})
    most = settled(NUMBERED, [_root(), _root(), doubtful], [_root(), _root(), doubtful])
    assert [(item.kind, item.votes, item.of) for item in most.items] == [
        (StatementKind.FUNCTIONAL, 3, 3),
        (StatementKind.CONSTRAINT, 3, 3),
        (StatementKind.CONTEXT, 3, 3),
        (StatementKind.FUNCTIONAL, 2, 3),
    ]
    assert (behaviour(most), constraints(most)) == (("R1", "R4"), ("R2",))
    readings = (Reading(text="Both.", votes=1), Reading(text="Only the positive one.", votes=1))
    doubted = (RequirementId("R4"),)
    assert most.questions == (OpenQuestion(about=doubted, question="Which zero?", readings=readings, votes=1, of=3),)
    tied = settled(NUMBERED, [_root(), doubtful], [])
    assert tied.items[3].kind is StatementKind.AMBIGUOUS
    assert behaviour(tied) == ("R1", "R4")


def test_contradictions_and_differing_examples_are_questions() -> None:
    """Both ends of a contradiction are named; of one input, each value with the number of answers that state it."""
    torn = {**PLAIN, "functional": ["R1"], "contradictions": [CONFLICT]}
    everyone = [_root(torn, shows=("R1",)), _root(torn, shows=("R1",)), _root(expected=22)]
    conflict, difference = settled(NUMBERED, everyone[:2], everyone).questions
    assert (conflict.about, conflict.question, conflict.votes, conflict.of) == (("R1", "R4"), "Is zero doubled?", 2, 3)
    assert difference.about == ("R1",)
    assert '{"n": 2}' in difference.question
    assert difference.readings == (Reading(text="4", votes=2), Reading(text="22", votes=1))


@given(st.lists(st.permutations(["functional", "constraints", "context", "functional"]), min_size=1, max_size=7))
def test_settling_drops_nothing_and_hangs_on_no_order(kinds: list[list[str]]) -> None:
    """Every statement keeps a kind that somebody gave it, with the most votes, whatever order answers come in."""
    roots = []
    for row in kinds:
        said: dict[str, list[str]] = {}
        for number, kind in enumerate(row, 1):
            said.setdefault(kind, []).append(f"R{number}")
        roots.append(_root(said))
    found = settled(NUMBERED, roots, roots)
    assert found == settled(NUMBERED, roots[::-1], roots[::-1])
    for place, item in enumerate(found.items):
        given_kinds = [dict(root.requirements.kinds())[item.statement.id] for root in roots]
        assert item.votes == max(map(given_kinds.count, given_kinds)) == given_kinds.count(item.kind or given_kinds[0])
        assert (item.kind in BEHAVIOUR) or given_kinds.count(StatementKind.FUNCTIONAL) < item.votes, place


def test_the_head_of_the_requirements_overrides_an_answer() -> None:
    """Its entry point is the name, its examples come first, and a specifier's for the same inputs give way."""
    case = TestCase(name="given", inputs={"n": 2}, expected_output=5)
    task = TaskSpecification.model_validate(_answer()["specification"])
    other = TestCase(name="other", inputs={"n": 3}, expected_output=6)
    task = task.model_copy(update={"test_cases": (*task.test_cases, other)})
    fixed = fixed_by(FrontMatter(entry_point="twice", examples=(case,)), task)
    assert (fixed.name, fixed.test_cases) == ("twice", (case, other))
    assert fixed_by(FrontMatter(), task) == task


def test_an_answer_that_does_not_fit_the_head_is_a_red_flag() -> None:
    """An example of the head for inputs that the answer's function does not take is never dropped."""
    front = FrontMatter(examples=(TestCase(name="given", inputs={"text": "x"}, expected_output=1),))
    found = read_root(_answer(), "python", NUMBERED, front)
    assert isinstance(found, RedFlag)
    assert "text" in found.detail
