"""What a coordinator is told and what is read of its answer; the policy has the last word on its proposals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from millwright.core.coordination import LONGEST_REASON, outcome, read_advice, situation, stored, unstored
from millwright.core.fallback import Step, checked, open_remedies
from millwright.core.voting import decide
from schemas.coordination import Advice, Remedy
from schemas.election import Attempt, Flag, RedFlag, Rule, Slot
from schemas.identity import LayerName, NodePath
from schemas.verification import Finding, Verdict, VerdictStatus

PATH = NodePath("root.cart")
REMEDIES = st.sampled_from(list(Remedy))


def test_the_facts_are_those_on_record() -> None:
    """Why it ended, what was rejected and for what, why answers were flagged, and what was tried, a paragraph each."""
    attempts = [
        Attempt(slot=Slot(round=0, index=0), rejected_by=LayerName.UNIT_TESTS),
        Attempt(slot=Slot(round=0, index=1), flag=Flag.TRUNCATED),
    ]
    election = decide(attempts, Rule(k=2, max_attempts=2))
    finding = Finding(code="example", message="expected 3, got 4")
    verdicts = [Verdict(layer=LayerName.UNIT_TESTS, status=VerdictStatus.REJECTED, findings=(finding,))]
    told = situation(
        PATH,
        election,
        verdicts,
        ["truncated: it ends in a string"],
        k=2,
        tried=["root was planned anew"],
        open_=(Remedy.SIMPLIFY, Remedy.PERSON),
    )
    text = "\n\n".join(told.facts)
    assert "No answer to root.cart won after 2 attempts" in text
    assert "a lead of 2 is required" in text
    assert "unit_tests: example: expected 3, got 4 (1 candidate)" in text
    assert "Red flags: truncated: it ends in a string (1 answer)." in text
    assert "- root was planned anew" in text
    assert told.open == (Remedy.SIMPLIFY, Remedy.PERSON)


@given(REMEDIES, st.text(min_size=1).filter(str.strip))
def test_advice_is_a_step_with_a_reason_of_one_bounded_line(step: Remedy, reason: str) -> None:
    """And it is the same after it was stored."""
    advice = read_advice({"step": step.value, "reason": reason})
    assert isinstance(advice, Advice)
    assert advice.proposed is step
    assert len(advice.reason.splitlines()) <= 1
    assert unstored(stored(advice)) == advice
    long = read_advice({"step": step.value, "reason": "because " * 100})
    assert isinstance(long, Advice)
    assert len(long.reason) == LONGEST_REASON


@pytest.mark.parametrize(
    "answer",
    [
        {"step": "give up", "reason": "hopeless"},
        {"step": "replan"},
        {"step": "replan", "reason": "  \n"},
        {"step": ["replan"], "reason": "x"},
        {"reason": "x"},
        ["replan"],
        None,
    ],
)
def test_any_other_answer_is_flagged(answer: JsonValue) -> None:
    """No step is guessed, and none goes without a reason."""
    flag = read_advice(answer)
    assert isinstance(flag, RedFlag)
    assert flag.flag is Flag.MALFORMED


@pytest.mark.parametrize(
    ("own", "replannable", "open_"),
    [
        (Step.SIMPLIFY, True, (Remedy.SIMPLIFY, Remedy.REPLAN, Remedy.PERSON)),
        (Step.SIMPLIFY, False, (Remedy.SIMPLIFY, Remedy.PERSON)),
        (Step.PERSON, True, (Remedy.REPLAN, Remedy.PERSON)),
        (Step.PERSON, False, (Remedy.PERSON,)),
        (Step.PARTIAL, True, ()),
        (Step.FAIL, True, ()),
    ],
)
def test_what_is_open_begins_with_the_policys_own_step(own: Step, replannable: bool, open_: tuple[Remedy, ...]) -> None:
    """Where the policy takes the best candidate or gives up, nothing is to be proposed."""
    assert open_remedies(own, replannable=replannable) == open_


@given(st.one_of(st.none(), REMEDIES), st.lists(REMEDIES, min_size=1, unique=True))
def test_only_an_open_step_is_taken(proposed: Remedy | None, open_: list[Remedy]) -> None:
    """Anything else is the policy's own step, so that no opinion widens what the policy allows."""
    taken = checked(proposed, open_)
    assert taken in open_
    assert taken == (proposed if proposed in open_ else open_[0])


@given(REMEDIES, REMEDIES)
def test_the_line_says_what_became_of_a_proposal(proposed: Remedy, taken: Remedy) -> None:
    """Whether it was taken is told, with its reason, on one line."""
    line = outcome(proposed, taken, "it is\nnot clear")
    assert "it is not clear" in line
    assert ("was not open" in line) == (proposed is not taken)
    assert "\n" not in line
