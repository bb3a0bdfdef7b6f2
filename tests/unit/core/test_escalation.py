"""What a person is asked, and which answers are understood."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.dividing import Division
from millwright.core.escalation import Asked, afresh, behaviour_question, exhausted_question
from millwright.core.resolution import misunderstood
from millwright.core.voting import decide
from schemas.election import Attempt, Election, ElectionState, Flag, Merit, Rule, Slot
from schemas.identity import LayerName, NodePath, ProjectId
from schemas.people import Choice, QuestionKind
from schemas.specification import TestCase
from schemas.verification import Finding, Severity, Verdict, VerdictStatus
from tests import strategies
from tests.strategies import SIGNATURES, attempt_of
from tests.unit.activity_fakes import task as made

PROJECT, PATH = ProjectId("shop"), NodePath("root.cart.subtotal")
MERIT = Merit(code_lines=1, complexity=1, nesting=1, size_bytes=1)


def _vote(index: int, group: int) -> Attempt:
    return attempt_of(Slot(round=1, index=index), (SIGNATURES[group], MERIT, None, None))


def _about(election: Election, *, k: int | None = None, number: int = 1) -> Asked:
    return Asked(project=PROJECT, path=PATH, election=election, k=k, number=number)


def _rejection(message: str, severity: Severity = Severity.ERROR) -> Verdict:
    finding = Finding(code="example", message=message, severity=severity)
    return Verdict(layer=LayerName.UNIT_TESTS, status=VerdictStatus.REJECTED, findings=(finding, finding))


def test_tells_why_nothing_was_decided() -> None:
    """Votes by group, flags, layers and the commonest complaints are all there."""
    attempts = [
        _vote(0, 0),
        _vote(1, 0),
        _vote(2, 1),
        attempt_of(Slot(round=1, index=3), (None, None, Flag.REFUSES, None)),
        attempt_of(Slot(round=1, index=4), (None, None, None, LayerName.UNIT_TESTS)),
    ]
    election = decide(attempts, Rule(k=3, max_attempts=5))
    verdicts = [_rejection("expected 3,\n got 4"), _rejection("expected 3, got 4"), _rejection("empty cart")]
    asked = exhausted_question(_about(election, k=3), verdicts)
    assert asked.text == (
        "No answer to root.cart.subtotal won after 5 attempts: 3 votes for 2 different behaviours, the first leading "
        "by 1; a lead of 3 is required.\n\n"
        "Votes by behaviour:\n- 2 votes, first in round 2, answer 1\n- 1 vote, first in round 2, answer 3\n\n"
        "Without a vote: 1 red flag, 1 rejected (unit_tests 1).\n\n"
        "What failed:\n- unit_tests: example: expected 3, got 4 (2 candidates)\n"
        "- unit_tests: example: empty cart (1 candidate)\n\n"
        "Answers:\n- retry: draw again, with as many attempts more as were given at first\n"
        "- accept_partial: take the best verified candidate, marked as decided by a person\n"
        "- give_up: let this task fail; what depends on it is blocked\n"
        '- `{"example": {"inputs": {…}, "expected_output": …}}`: a further example; '
        "stored answers are judged by it first\n"
        '- `{"specification": {"description": "…"}}`: change the specification, and elect anew\n'
        '- `{"code": "def …"}`: your own code, verified like any other\n'
        '- `{"attempts": 20}`: draw so many more\n'
        '- `{"assign": "NAME"}`: have somebody else asked'
    )


def test_offers_no_partial_answer_where_there_is_none() -> None:
    """Only a verified candidate can be accepted."""
    asked = exhausted_question(_about(decide((), Rule(k=3, max_attempts=1))), ())
    assert asked.options == ("retry", "give_up")
    assert "none of them passed" in asked.text
    assert misunderstood(asked, "accept_partial") is not None


def test_says_when_all_votes_agreed() -> None:
    """One behaviour below the margin is told from several that disagree."""
    asked = exhausted_question(_about(decide([_vote(0, 0)], Rule(k=2, max_attempts=1))), ())
    assert "1 vote, all for the same behaviour." in asked.text


def test_passes_over_warnings_and_layers_that_did_not_reject() -> None:
    """Only what rejected a candidate is a reason."""
    passed = _rejection("slow").model_copy(update={"status": VerdictStatus.PASSED})
    asked = exhausted_question(_about(decide((), Rule())), [passed, _rejection("style", Severity.WARNING)])
    assert "What failed" not in asked.text


def test_ids_follow_from_path_and_number() -> None:
    """Asking again after a retry is another question; asking the same again is the same."""
    election = decide((), Rule())
    first, again = (exhausted_question(_about(election), ()) for _ in range(2))
    assert first == again
    assert first.id == "root.cart.subtotal/1"
    assert exhausted_question(_about(election, number=2), ()).id == "root.cart.subtotal/2"


@pytest.mark.parametrize("value", ["", "yes", "Retry", "retry ", "accept_partial"])
def test_understands_nothing_but_its_options(value: str) -> None:
    """An answer is taken by the letter."""
    asked = exhausted_question(_about(decide((), Rule())), ())
    assert misunderstood(asked, value) is not None
    assert not any(misunderstood(asked, option) for option in asked.options)


@given(strategies.attempts(), strategies.rules(), st.lists(strategies.verdicts(), max_size=12), st.data())
def test_stays_short_and_the_same_for_any_election(
    attempts: tuple[Attempt, ...], rule: Rule, verdicts: list[Verdict], data: st.DataObject
) -> None:
    """The text fits a workflow's history, and the order of the verdicts does not change it."""
    election = decide(attempts, rule)
    asked = exhausted_question(_about(election, k=rule.k), verdicts)
    assert len(asked.text) < 4_000
    assert ("accept_partial" in asked.options) == (election.best is not None)
    assert exhausted_question(_about(election, k=rule.k), data.draw(st.permutations(verdicts))) == asked


def test_asks_about_a_winner_that_no_example_speaks_of() -> None:
    """Drawing again would only agree once more; consent or refusal is what is asked for."""
    asked = exhausted_question(_about(decide([_vote(0, 0)], Rule(k=1))), ())
    assert "no example says what is right" in asked.text
    assert asked.options == ("accept_partial", "give_up")


def test_drawing_again_means_a_fresh_budget_and_fresh_patience() -> None:
    """Else an election that ended for want of patience would end again before the first draw."""
    given = Rule(k=3, max_attempts=6, patience=4)
    attempts = [
        _vote(0, 0),
        *(attempt_of(Slot(round=1, index=index), (None, None, Flag.REFUSES, None)) for index in range(1, 5)),
    ]
    ended = decide(attempts, given)
    assert ended.state is ElectionState.EXHAUSTED
    again = afresh(given, given, ended.tally)
    assert (again.max_attempts, again.patience) == (12, 8)
    assert decide(attempts, again).state is ElectionState.OPEN
    assert afresh(Rule(), Rule(), ended.tally).patience is None


def test_tells_the_three_commonest_complaints() -> None:
    """A person is not asked to read a log."""
    verdicts = [_rejection(f"case {number}") for number in range(5)] + [_rejection("case 4")]
    asked = exhausted_question(_about(decide((), Rule())), verdicts)
    assert asked.text.count("- unit_tests:") == 3
    assert "case 4 (2 candidates)" in asked.text
    assert "and 2 complaints more" in asked.text


def test_offers_a_split_where_the_task_can_be_split() -> None:
    """A composed task is split already."""
    about = _about(decide((), Rule()))
    assert "split" not in exhausted_question(about, ()).options
    assert "split" in exhausted_question(replace(about, splittable=True), ()).options


def test_asks_what_is_right_where_candidates_divide() -> None:
    """The input, what each group gives for it, and how many say so; no code."""
    task = made("double")
    case = TestCase(name="n", inputs={"n": 5}, expected_output=10)
    choices = (
        Choice(label="A", votes=6, returns=10, shown="10"),
        Choice(label="B", votes=5, raises="ValueError", shown="ValueError"),
    )
    attempts = [*(_vote(index, 0) for index in range(6)), *(_vote(index, 1) for index in range(6, 12))]
    about = _about(decide(attempts, Rule(k=3, max_attempts=12)), k=3)
    asked = behaviour_question(about, task, Division((["int", "5"],), case, choices, silent=1))
    assert asked.text.startswith(
        "12 verified answers to root.cart.subtotal disagree. What is right for double(n=5)?\n\n"
        "- A: it gives 10 (6 votes)\n- B: it raises ValueError (5 votes)\n"
        "- 1 vote for something that no example can say"
    )
    assert (asked.kind, asked.inputs, asked.options[:2]) == (QuestionKind.BEHAVIOUR, {"n": 5}, ("A", "B"))
    assert "accept_partial" in asked.options
