"""On which input candidates divide, and what can be chosen there."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.dividing import LABELS, LONGEST_CARRIED, Division, division_at, divisions, first_pair
from millwright.core.verification.evidence import Arguments
from schemas.execution import Outcome, OutcomeKind
from schemas.people import Choice
from schemas.values import Value
from tests.unit.activity_fakes import task

DOUBLE = task("double")
LOST = Outcome(kind=OutcomeKind.LOST)


def _gives(number: int) -> Outcome:
    return Outcome(kind=OutcomeKind.RETURNED, value=["int", str(number)])


def _raises(name: str) -> Outcome:
    return Outcome(kind=OutcomeKind.RAISED, exception=name)


def _at(*outcomes: Outcome, votes: Sequence[int] = (3, 2, 1, 1)) -> Division | None:
    return division_at((["int", "5"],), outcomes, votes[: len(outcomes)], DOUBLE)


def test_equal_behaviour_is_one_choice_with_all_its_votes() -> None:
    """The most votes come first, and are named first."""
    found = _at(_gives(1), _gives(2), _gives(2), _gives(2), votes=(3, 2, 1, 1))
    assert found is not None
    assert [(choice.label, choice.votes, choice.returns, choice.shown) for choice in found.choices] == [
        ("A", 4, 2, "2"),
        ("B", 3, 1, "1"),
    ]
    assert (found.case.inputs, found.silent) == ({"n": 5}, 0)


def test_an_exception_can_be_right() -> None:
    """One that the task or the language knows; of another one only the number of votes is told."""
    found = _at(_gives(1), _raises("ValueError"), _raises("OddError"), LOST)
    assert found is not None
    assert [(choice.returns, choice.raises) for choice in found.choices] == [(1, None), (None, "ValueError")]
    assert found.silent == 2


def test_nothing_is_to_be_chosen_where_one_behaviour_can_be_said() -> None:
    """A question needs two answers."""
    assert _at(_gives(1), LOST, _raises("OddError")) is None
    assert _at(_gives(1), _gives(1)) is None


def test_the_input_that_tells_the_leaders_apart_comes_first_then_the_simplest() -> None:
    """Whoever answers it decides the vote."""
    calls: list[Arguments] = [(["int", "1"],), (["int", "700"],), (["int", "70"],)]
    leader, second, third = (
        [_gives(0), _gives(1), _gives(1)],
        [_gives(0), _gives(2), _gives(2)],
        [_gives(5), _gives(1), _gives(1)],
    )
    found = divisions(calls, [leader, second, third], (5, 4, 3), DOUBLE)
    assert [division.arguments for division in found] == [calls[2], calls[1], calls[0]]
    assert first_pair(calls[0], [leader[0], second[0], third[0]], DOUBLE) == (0, 2)
    assert first_pair(calls[0], [leader[0], second[0]], DOUBLE) is None


ANY = DOUBLE.model_copy(
    update={
        "inputs": (DOUBLE.inputs[0].model_copy(update={"type_annotation": "Any"}),),
        "outputs": (DOUBLE.outputs[0].model_copy(update={"type_annotation": "Any"}),),
        "test_cases": (),
    }
)
"""It takes anything, and gives anything."""


def _nested(levels: int) -> Value:
    value: Value = ["int", "1"]
    for _ in range(levels):
        value = ["list", [value]]
    return value


@pytest.mark.parametrize(
    "odd", [["str", "\ud800"], ["str", "a" * (LONGEST_CARRIED + 1)], _nested(196)], ids=["surrogate", "long", "deep"]
)
def test_what_no_message_can_carry_is_neither_offered_nor_asked_about(odd: Value) -> None:
    """It counts among what no example can say; as an input it is passed over for others."""
    odd_one = Outcome(kind=OutcomeKind.RETURNED, value=odd)
    found = division_at((["int", "5"],), [_gives(1), odd_one, _gives(2)], (3, 2, 2), ANY)
    assert found is not None
    assert ([choice.returns for choice in found.choices], found.silent) == ([1, 2], 2)
    assert division_at((odd,), [_gives(1), _gives(2)], (3, 2), ANY) is None


def test_a_choice_is_shown_in_printable_words() -> None:
    """What a candidate says in an exception ends in terminals, chats and histories."""
    said = Outcome(kind=OutcomeKind.RAISED, exception="ValueError", message="\x1b[2J\ud800\x00 at\n once")
    found = _at(_gives(1), said)
    assert found is not None
    assert found.choices[1].shown == "ValueError: \\x1b[2J\\ud800\\x00 at once"
    assert Choice.model_validate_json(found.choices[1].model_dump_json()) == found.choices[1]


@given(st.lists(st.integers(0, 12).map(_gives) | st.just(LOST), min_size=2, max_size=20))
def test_no_vote_is_lost_or_counted_twice(outcomes: list[Outcome]) -> None:
    """Those of the choices and the silent ones are all there are."""
    votes = list(range(1, len(outcomes) + 1))
    found = division_at((["int", "5"],), outcomes, votes, DOUBLE)
    if found is not None:
        assert sum(choice.votes for choice in found.choices) + found.silent == sum(votes)
        assert "".join(choice.label for choice in found.choices) == LABELS[: len(found.choices)]
        assert [choice.votes for choice in found.choices] == sorted((c.votes for c in found.choices), reverse=True)
