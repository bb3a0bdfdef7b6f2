"""Requirements are followed to parts and to tests that passed, and nothing counts that was not shown."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.decomposition import inherit
from millwright.core.report_requirements import questions_section, requirements_section, unproven_lines
from millwright.core.tracing import PROVEN, TracedNode, coverage_problem, passed_layers, proven, proven_in, trace
from schemas.identity import LayerName, NodePath, RequirementId
from schemas.planning import Proposal
from schemas.project import Policy
from schemas.requirements import (
    OpenQuestion,
    Proven,
    Reading,
    Requirement,
    Requirements,
    Standing,
    Statement,
    StatementKind,
    TestKind,
)
from schemas.specification import TaskSpecification
from schemas.verification import Verdict, VerdictStatus

BOTH = frozenset({LayerName.UNIT_TESTS, LayerName.PROPERTY_TESTS})
SOURCE = "def holds(n: int) -> None:\n    assert f(n)\n"


def _task(name: str, /, **fields: Any) -> TaskSpecification:
    given_fields: dict[str, Any] = {
        "id": name,
        "name": name,
        "inputs": [{"name": "n", "type_annotation": "int"}],
        "outputs": [{"name": "result", "type_annotation": "int"}],
    }
    return TaskSpecification.model_validate({**given_fields, **fields})


def _case(name: str, *shows: str) -> dict[str, Any]:
    return {"name": name, "inputs": {"n": 1}, "expected_output": 2, "shows": list(shows)}


def _child(name: str, /, *covers: str, **fields: Any) -> dict[str, Any]:
    specification = _task(name, **fields).model_dump(mode="json", exclude_none=True)
    return {"specification": specification, "covers": covers, "estimated_lines": 3, "estimated_complexity": 1}


def _proposal(*children: dict[str, Any], glue: tuple[str, ...] = ()) -> Proposal:
    return Proposal.model_validate({"children": children, "glue": glue})


def _item(number: int, kind: StatementKind | None, text: str = "It holds.") -> Requirement:
    statement = Statement(
        id=RequirementId(f"R{number}"), text=text, start=0, end=len(text), first_line=number, last_line=number
    )
    return Requirement(statement=statement, kind=kind, votes=1, of=1)


PARENT = _task("whole", requirements=["R1", "R2", "R3"])
WANTED = tuple(PARENT.requirements)


def test_every_requirement_of_the_parent_needs_a_part() -> None:
    """Children, the tests of children and the glue cover; what none of them does is named."""
    shown = _child("b", test_cases=[_case("one", "R2")])
    assert coverage_problem(_proposal(_child("a", "R1"), shown, glue=("R3",)), PARENT) is None
    assert coverage_problem(_proposal(_child("a", "R1"), shown), PARENT) == "R3 is covered by no part"
    assert coverage_problem(_proposal(_child("a"), _child("b")), PARENT) == "R1, R2, R3 are covered by no part"


@pytest.mark.parametrize(
    ("proposal", "words"),
    [
        (_proposal(_child("a", *WANTED, "R9")), "a: R9 is no requirement of whole"),
        (_proposal(_child("a", *WANTED, test_cases=[_case("one", "R8")])), "a: R8 is no requirement of whole"),
        (_proposal(_child("a", *WANTED), glue=("R7",)), "glue: R7 is no requirement of whole"),
    ],
)
def test_no_part_covers_what_was_not_asked(proposal: Proposal, words: str) -> None:
    """An invented number is a red flag wherever it stands."""
    assert coverage_problem(proposal, PARENT) == words


def test_constraints_may_be_covered_and_need_not() -> None:
    """They hold for the whole."""
    limit = (RequirementId("R3"), RequirementId("R4"))
    assert coverage_problem(_proposal(_child("a", "R1", "R2")), PARENT, limit) is None
    assert coverage_problem(_proposal(_child("a", "R1", "R2", "R4")), PARENT, limit) is None


def test_a_parent_without_requirements_asks_for_nothing() -> None:
    """A given specification may name none; then its parts may name their own."""
    assert coverage_problem(_proposal(_child("a", "R5"), _child("b")), _task("whole")) is None


def test_a_child_takes_what_it_covers_along() -> None:
    """What it covers, and what its tests show, is what its own parts have to cover."""
    child = _proposal(_child("a", "R2", "R1", test_cases=[_case("one", "R3", "R1")])).children[0]
    assert inherit(child, PARENT, Policy()).requirements == ("R2", "R1", "R3")


@given(st.lists(st.sets(st.sampled_from(WANTED)), min_size=1, max_size=4), st.sets(st.sampled_from(WANTED)))
def test_coverage_is_the_union_of_parts_and_glue(covers: list[set[str]], glue: set[str]) -> None:
    """No requirement can be lost between parts, and none is asked for twice."""
    children = [_child(f"c{number}", *sorted(names)) for number, names in enumerate(covers)]
    problem = coverage_problem(_proposal(*children, glue=tuple(sorted(glue))), PARENT)
    assert (problem is None) == (set(WANTED) == set().union(glue, *covers))


def _nodes(*, delivered: bool = True, passed: frozenset[LayerName] = BOTH) -> list[TracedNode]:
    whole = _task("root", requirements=["R1", "R2"], test_cases=[_case("all", "R1")])
    part = _task(
        "part",
        requirements=["R1", "R2"],
        test_cases=[_case("one", "R1"), _case("two")],
        properties=[{"name": "holds", "property_function": SOURCE, "shows": ["R1"]}],
    )
    return [
        TracedNode(NodePath("root"), whole, delivered, passed),
        TracedNode(NodePath("root.part"), part, delivered, passed),
    ]


ASKED = Requirements(
    items=(
        _item(1, StatementKind.FUNCTIONAL),
        _item(2, StatementKind.AMBIGUOUS),
        _item(3, StatementKind.CONSTRAINT, "Be | quick."),
        _item(4, StatementKind.CONTEXT),
        _item(5, StatementKind.FUNCTIONAL),
    )
)


def test_a_requirement_is_followed_to_its_deepest_parts_and_their_passed_tests() -> None:
    """Tests of every level count; parts above others do not; context is followed nowhere."""
    shown, covered, limit, lost = trace(ASKED, _nodes())
    assert shown.nodes == covered.nodes == ("root.part",)
    assert [(test.path, test.kind, test.number, test.name) for test in shown.tests] == [
        ("root", TestKind.EXAMPLE, 1, "all"),
        ("root.part", TestKind.EXAMPLE, 1, "one"),
        ("root.part", TestKind.PROPERTY, 1, "holds"),
    ]
    assert [item.standing for item in (shown, covered, limit, lost)] == [
        Standing.SHOWN,
        Standing.COVERED,
        Standing.UNCOVERED,
        Standing.UNCOVERED,
    ]


@pytest.mark.parametrize(
    ("delivered", "passed", "tests", "standings"),
    [
        (True, frozenset({LayerName.UNIT_TESTS}), 2, (Standing.SHOWN, Standing.COVERED)),
        (True, frozenset({LayerName.PROPERTY_TESTS}), 1, (Standing.SHOWN, Standing.UNCOVERED)),
        (True, frozenset({LayerName.SYNTAX}), 0, (Standing.UNCOVERED, Standing.UNCOVERED)),
        (False, BOTH, 0, (Standing.UNCOVERED, Standing.UNCOVERED)),
    ],
)
def test_only_passed_tests_of_delivered_parts_are_evidence(
    delivered: bool, passed: frozenset[LayerName], tests: int, standings: tuple[Standing, Standing]
) -> None:
    """A part that was not delivered shows nothing, nor does a layer that did not pass."""
    first, second, *_ = trace(ASKED, _nodes(delivered=delivered, passed=passed))
    assert len(first.tests) == tests
    assert (first.standing, second.standing) == standings


def test_not_run_and_not_applicable_are_not_passed() -> None:
    """Only the word passed counts."""
    verdicts = [Verdict(layer=layer, status=status) for layer, status in zip(LayerName, VerdictStatus, strict=False)]
    assert passed_layers(verdicts) == {LayerName.SYNTAX}


def test_what_is_shown_is_counted_and_the_rest_named() -> None:
    """The count is kept with the project; where nothing was traced there is none."""
    found = proven(trace(ASKED, _nodes()))
    assert found == Proven(shown=1, of=4, unproven=tuple(map(RequirementId, ("R2", "R3", "R5"))))
    assert proven_in({PROVEN: found.model_dump(mode="json")}) == found
    assert (proven(()), proven_in({})) == (None, None)


def test_the_report_hides_no_requirement() -> None:
    """Each is in the table with its evidence in words, and the unproven ones are listed once more."""
    traces = trace(ASKED, _nodes())
    table = requirements_section(traces, ASKED)
    assert "Of 4 requirements 1 are shown by tests that passed. Taken for context only, by most votes: R4." in table
    assert "| R1 | functional | It holds. | `root.part` | `root: all`, `root.part: one`, `root.part: holds` |" in table
    assert "| shown by 3 tests |" in table
    assert "| R3 | constraint | Be \\| quick. | none | none | unproven: no test shows it |" in table
    assert unproven_lines(traces) == [
        "- requirement R2 (It holds.): unproven: covered, but no test shows it",
        "- requirement R3 (Be | quick.): unproven: no test shows it",
        "- requirement R5 (It holds.): unproven: no delivered part covers it",
    ]
    assert requirements_section((), ASKED) == ""


def test_the_report_lists_what_is_left_open() -> None:
    """With the readings, and how many answers raise it."""
    readings = (Reading(text="A.", votes=2), Reading(text="B.", votes=1))
    question = OpenQuestion(about=(RequirementId("R2"),), question="A or\nB?", readings=readings, votes=2, of=5)
    text = questions_section((question,))
    assert "- R2: A or B? (2 of 5 answers raise it); 2 read it as: A.; 1 read it as: B." in text
    assert questions_section(()) == ""
