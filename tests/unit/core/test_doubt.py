"""Inputs that candidates which hold elsewhere cannot answer: no vote depends on them."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from millwright.core.doubt import doubtful, fails, failures, reached
from schemas.execution import Outcome, OutcomeKind
from schemas.specification import TaskSpecification

LOST = Outcome(kind=OutcomeKind.LOST)
VALUE = Outcome(kind=OutcomeKind.RETURNED, value=["int", "1"])
CRASH = Outcome(kind=OutcomeKind.RAISED, exception="IndexError", exception_bases=("LookupError", "Exception"))
REFUSAL = Outcome(kind=OutcomeKind.RAISED, exception="TooSmall", exception_bases=("ValueError", "Exception"))
LIMIT = 2


def task(**fields: Any) -> TaskSpecification:
    """Make a task from an int to an int."""
    base: dict[str, Any] = {
        "id": "t",
        "name": "f",
        "inputs": [{"name": "n", "type_annotation": "int"}],
        "outputs": [{"name": "result", "type_annotation": "int"}],
    }
    return TaskSpecification.model_validate({**base, **fields})


PLAIN = task()


def test_an_exception_that_somebody_spoke_of_is_an_answer() -> None:
    """By a declared error, an example, or a class above it; any other is none, and neither is what was lost."""
    by_example = task(test_cases=[{"name": "low", "inputs": {"n": -1}, "raises": "ValueError"}])
    declared = task(errors=[{"name": "TooSmall", "base": "ValueError"}])
    assert [fails(outcome, PLAIN) for outcome in (VALUE, CRASH, REFUSAL, LOST)] == [False, True, True, True]
    assert [fails(outcome, by_example) for outcome in (CRASH, REFUSAL)] == [True, False]
    assert [fails(outcome, declared) for outcome in (CRASH, REFUSAL)] == [True, False]


def test_what_a_run_did_not_come_to_is_no_failure() -> None:
    """A run ends at its second lost call; what follows is lost untried."""
    run = [VALUE, LOST, CRASH, LOST, LOST, LOST]
    assert reached(run, LIMIT) == (True, True, True, True, False, False)
    assert failures(run, PLAIN, LIMIT) == 3


def test_an_input_is_in_doubt_where_more_than_a_fifth_of_the_candidates_fail() -> None:
    """One of five is not more than a fifth; examples are promised, whoever fails on them."""
    good = [VALUE] * 4
    assert doubtful([good] * 4 + [[VALUE, VALUE, CRASH, VALUE]], 1, PLAIN, LIMIT) == frozenset()
    assert doubtful([good] * 3 + [[VALUE, VALUE, CRASH, VALUE]], 1, PLAIN, LIMIT) == {2}
    assert doubtful([good, [CRASH, VALUE, VALUE, VALUE]], 1, PLAIN, LIMIT) == frozenset()


def test_whoever_fails_nearly_everywhere_casts_no_doubt() -> None:
    """Else a broken candidate would leave nothing to compare, and agree with everybody."""
    good, broken = [VALUE] * 8, [VALUE] + [CRASH] * 7
    assert doubtful([good, broken], 1, PLAIN, LIMIT) == frozenset()


def test_where_hardly_anything_would_be_left_nothing_is_left_out() -> None:
    """Candidates that fail in turns on nearly every input are at fault themselves."""
    thirds = [[VALUE] + [CRASH if place % 3 == turn else VALUE for place in range(9)] for turn in range(3)]
    assert doubtful(thirds, 1, PLAIN, LIMIT) == frozenset()


def test_what_was_not_come_to_counts_neither_way() -> None:
    """Of those that came to it, one of two fails."""
    hangs = [VALUE, VALUE, LOST, LOST, LOST]
    good, crashes = [VALUE] * 5, [VALUE, VALUE, VALUE, VALUE, CRASH]
    assert doubtful([good, crashes, hangs], 1, PLAIN, LIMIT) == {2, 3, 4}


OUTCOMES = st.sampled_from([VALUE, CRASH, LOST])
BEHAVIOURS = st.integers(1, 12).flatmap(
    lambda inputs: st.lists(st.lists(OUTCOMES, min_size=inputs, max_size=inputs), max_size=8)
)


@given(BEHAVIOURS, st.integers(0, 4), st.randoms(use_true_random=False))
def test_the_order_of_candidates_changes_no_doubt(behaviours: list[list[Outcome]], examples: int, chance: Any) -> None:
    """And examples, and inputs on which nobody fails, are never in doubt."""
    out = doubtful(behaviours, examples, PLAIN, LIMIT)
    turned = list(behaviours)
    chance.shuffle(turned)
    assert doubtful(turned, examples, PLAIN, LIMIT) == out
    assert all(place >= examples for place in out)
    assert all(any(fails(behaviour[place], PLAIN) for behaviour in behaviours) for place in out)
    if behaviours:
        assert len(out) <= 0.75 * len(behaviours[0])
