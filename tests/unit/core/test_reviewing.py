"""What is read of a reviewer's answer: inputs by the declared types, each with why; never a judgement."""

import pytest
from pydantic import JsonValue

from millwright.core.reviewing import LONGEST_WHY, MOST_REVIEWED, Review, read_review, stored, unstored
from schemas.election import Flag, RedFlag
from tests.unit.activity_fakes import task

TASK = task("double")


def _case(n: JsonValue, **more: JsonValue) -> dict[str, JsonValue]:
    return {"inputs": {"n": n}, **more}


def test_cases_are_read_by_type_with_their_reasons() -> None:
    """What does not fit is counted; a claim stays a claim; a reason is one bounded line."""
    cases: list[JsonValue] = [
        _case(0, why="the first\nturn", expected=0),
        _case("x", why="text"),
        _case(5, why="w" * 1000),
        _case(6),
    ]
    review = read_review({"cases": cases}, TASK)
    assert isinstance(review, Review)
    assert [claim.arguments[0][1] for claim in review.claims] == ["0", "5", "6"]
    assert [claim.expected for claim in review.claims] == [["int", "0"], None, None]
    assert review.reasons == ("the first turn", "w" * LONGEST_WHY, "")
    assert review.dropped == 1
    assert unstored(stored(review)) == review


def test_an_empty_list_is_an_answer() -> None:
    """Whoever finds nothing doubtful says so."""
    assert read_review({"cases": []}, TASK) == Review(())


@pytest.mark.parametrize("answer", [{"cases": "none"}, {}, [], None, {"verdict": "wrong"}])
def test_an_answer_without_cases_is_flagged(answer: JsonValue) -> None:
    """An opinion alone is nothing that could be run."""
    flag = read_review(answer, TASK)
    assert isinstance(flag, RedFlag)
    assert flag.flag is Flag.MALFORMED


def test_one_review_is_bounded() -> None:
    """More cases than a review may have are dropped and counted."""
    review = read_review({"cases": [_case(number) for number in range(MOST_REVIEWED + 4)]}, TASK)
    assert isinstance(review, Review)
    assert (len(review.claims), review.dropped) == (MOST_REVIEWED, 4)
