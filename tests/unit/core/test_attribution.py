"""Whose fault a failed integration is: only evidence blames a child, and the plan comes last."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.attribution import FEWEST_EXAMPLES, ChildFacts, GlueFacts, attribute, attribute_statements
from schemas.attribution import Attribution, Culprit, Ground
from schemas.identity import NodePath

_FAILED = GlueFacts(tried=6, typed=4, working=0)


def _child(name: str, **facts: object) -> ChildFacts:
    return ChildFacts(path=NodePath(f"root.{name}"), **facts)  # type: ignore[arg-type]  # a few facts by name


def _of(children: Sequence[ChildFacts], glue: GlueFacts = _FAILED, **given_: int) -> Attribution:
    rule = {"k": 3, "max_reopenings": 2, "examples": FEWEST_EXAMPLES, **given_}
    return attribute(glue, children, **rule)


@pytest.mark.parametrize(
    ("children", "ground", "child"),
    [
        ([_child("a", called=1), _child("b", breach="result >= 0")], Ground.BREACH, "root.b"),
        ([_child("a", breach="x", called=1), _child("b", breach="y")], Ground.BREACH, "root.a"),
        ([_child("a", substitutes=1), _child("b", breach="y")], Ground.BREACH, "root.b"),
        ([_child("a", called=3), _child("b", substitutes=2, called=1)], Ground.SUBSTITUTION, "root.b"),
        ([_child("a", stated=1), _child("b", substitutes=1)], Ground.SUBSTITUTION, "root.b"),
        ([_child("a", substitutes=1), _child("b", substitutes=1, stated=1)], Ground.STATED, "root.b"),
    ],
)
def test_the_strongest_evidence_names_the_child(children: list[ChildFacts], ground: Ground, child: str) -> None:
    """A broken promise outranks a substitute, which outranks what agents say; two substitutes contradict each other."""
    found = _of(children)
    assert (found.culprit, found.ground, found.child) == (Culprit.CHILD, ground, child)
    assert child in found.reason


def test_one_example_of_the_parent_makes_no_substitute_decisive() -> None:
    """A single example may hold by chance; then agents are asked instead."""
    found = _of([_child("a", substitutes=1, called=1)], examples=1)
    assert (found.culprit, found.ground, found.suspects) == (Culprit.PLAN, Ground.NO_GLUE, ("root.a",))


def test_who_was_reopened_often_enough_is_not_blamed_again() -> None:
    """Then the plan is to change, for the reason that the child gave."""
    found = _of([_child("a", breach="result >= 0", reopenings=2)])
    assert (found.culprit, found.ground, found.child) == (Culprit.PLAN, Ground.BREACH, None)
    assert "held again 2 times" in found.reason


@pytest.mark.parametrize(
    ("glue", "culprit", "ground"),
    [
        (GlueFacts(tried=2, typed=2, working=0), Culprit.GLUE, Ground.TOO_FEW),
        (GlueFacts(tried=3, typed=0, working=0), Culprit.PLAN, Ground.INTERFACES),
        (GlueFacts(tried=3, typed=1, working=0), Culprit.PLAN, Ground.NO_GLUE),
        (GlueFacts(tried=9, typed=9, working=1), Culprit.GLUE, Ground.GLUE_WORKS),
    ],
)
def test_without_evidence_against_a_child_glue_or_plan_is_at_fault(
    glue: GlueFacts, culprit: Culprit, ground: Ground
) -> None:
    """The plan is blamed only after k different glues; a glue that works clears everyone else."""
    found = _of([_child("a", called=1, asked=True)], glue)
    assert (found.culprit, found.ground, found.child, found.suspects) == (culprit, ground, None, ())


def test_agents_are_believed_where_a_vote_settled_against_a_part() -> None:
    """The first contradicted part that may be reopened is blamed; without one, the plan."""
    spent, fresh = _child("a", stated=1, reopenings=2), _child("b", stated=2)
    assert attribute_statements([spent, fresh], max_reopenings=2).child == "root.b"
    found = attribute_statements([spent], max_reopenings=2)
    assert (found.culprit, found.ground) == (Culprit.PLAN, Ground.STATED)
    found = attribute_statements([_child("a", asked=True, called=1)], max_reopenings=2)
    assert (found.culprit, found.ground, found.suspects) == (Culprit.PLAN, Ground.NO_GLUE, ())


CHILDREN = st.lists(
    st.builds(
        ChildFacts,
        path=st.sampled_from([NodePath(f"root.{name}") for name in "abcdef"]),
        breach=st.sampled_from(["", "", "it broke"]),
        substitutes=st.integers(0, 2),
        stated=st.integers(0, 2),
        called=st.integers(0, 3),
        asked=st.booleans(),
        reopenings=st.integers(0, 3),
    ),
    max_size=5,
    unique_by=lambda child: child.path,
)
GLUE = st.integers(0, 9).flatmap(
    lambda tried: st.integers(0, tried).flatmap(
        lambda typed: st.builds(GlueFacts, st.just(tried), st.just(typed), st.integers(0, typed))
    )
)


@given(GLUE, CHILDREN, st.integers(1, 5), st.integers(0, 3), st.integers(0, 3))
def test_no_child_is_blamed_without_evidence_nor_beyond_its_reopenings(
    glue: GlueFacts, children: list[ChildFacts], k: int, most: int, examples: int
) -> None:
    """Whatever the facts: who is named has evidence against it and may be reopened; a working glue clears all."""
    found = _of(children, glue, k=k, max_reopenings=most, examples=examples)
    assert (found.child is not None) == (found.culprit is Culprit.CHILD)
    by_path = {child.path: child for child in children}
    if found.child is not None:
        child = by_path[found.child]
        assert child.breach or child.substitutes or child.stated
        assert child.reopenings < most
        assert not glue.working
    if glue.working:
        assert found.culprit is Culprit.GLUE
    if found.culprit is Culprit.PLAN and found.ground in (Ground.INTERFACES, Ground.NO_GLUE):
        assert glue.tried >= k
    assert all(by_path[path].called and not by_path[path].asked for path in found.suspects)


@given(GLUE, CHILDREN, st.integers(0, 3))
def test_more_evidence_never_clears_the_child_that_is_blamed(
    glue: GlueFacts, children: list[ChildFacts], most: int
) -> None:
    """A breach found at the blamed child beside what blames it leaves the blame on a child."""
    found = _of(children, glue, max_reopenings=most)
    if found.child is not None:
        worse = [
            ChildFacts(
                child.path, "it broke", child.substitutes, child.stated, child.called, child.asked, child.reopenings
            )
            if child.path == found.child
            else child
            for child in children
        ]
        again = _of(worse, glue, max_reopenings=most)
        assert again.ground is Ground.BREACH
