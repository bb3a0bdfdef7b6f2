"""The audit of decisions: which settled a question, and how each is told."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from millwright.core.audit import acted_on, moment, of_gate, settled_line, settles, settling, told
from millwright.core.report_people import people_section
from schemas.identity import ROOT_PATH, Gate, ProjectId
from schemas.people import Decision, Door, Question

SHOP = ProjectId("shop")
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
QUESTION = Question(id="root/1", project=SHOP, path=ROOT_PATH, text="Which?", options=("A",), asked_at=AT)


def _decision(
    value: str, *, effect: str = "", number: str = "1", through: Door | None = None, refused: bool = False
) -> Decision:
    return Decision(
        id=number,
        project=SHOP,
        question="root/1",
        value=value,
        by="ann",
        effect=effect,
        decided_at=AT,
        through=through,
        refused=refused,
    )


@pytest.mark.parametrize(
    ("value", "refused", "settled"),
    [("A", False, True), ("assign bob", False, False), ("code 12", True, False)],
)
def test_only_what_was_acted_on_settles(value: str, refused: bool, settled: bool) -> None:
    """Handing a question on leaves it open, and so does an answer that came to nothing; an effect is only words."""
    decision = _decision(value, refused=refused, effect="refused by nobody")
    assert settles(decision) is settled
    assert acted_on(decision) is not refused


def test_the_decision_that_settled_a_question_is_found() -> None:
    """Past those that did not; of another question none is."""
    decisions = [
        _decision("code 1", effect="refused: no", refused=True),
        _decision("A", number="2"),
        _decision("B", number="3"),
    ]
    assert settling("root/1", decisions) == decisions[1]
    assert settling("root/2", decisions) is None
    gate = Decision(id="1", project=SHOP, gate=Gate.PLAN, value="approve")
    assert of_gate(Gate.PLAN, [*decisions, gate]) == (gate,)


def test_a_settled_question_is_told_with_who_and_when() -> None:
    """A question whose decision is not in the record is told as not open."""
    assert settled_line(QUESTION, _decision("A")) == "shop/root/1 was settled by ann at 2026-01-02 03:04:05 UTC: A"
    assert settled_line(QUESTION, None) == "shop/root/1 is not open any more"


def test_moments_are_utc() -> None:
    """Whatever zone they were written in; one without is taken for UTC."""
    there = AT.astimezone(timezone(timedelta(hours=5)))
    assert moment(there) == moment(AT) == moment(AT.replace(tzinfo=None)) == "2026-01-02 03:04:05 UTC"


def test_the_report_tells_who_when_how_and_what_followed() -> None:
    """And what is open still, and of whom it is asked."""
    decided = _decision("A", effect="the example is added.", through=Door.SIGNAL).model_copy(update={"note": "a\n# b"})
    late = _decision("give_up", number="deadline", through=Door.DEADLINE)
    text = people_section([QUESTION.model_copy(update={"id": "root/2", "due_at": AT})], [decided, late])
    assert text.splitlines()[2:] == [
        "- `root/1`: A by ann at 2026-01-02 03:04:05 UTC; through a signal; note: a # b; effect: the example is added.",
        "- `root/1`: give_up by the policy, for want of a decision at 2026-01-02 03:04:05 UTC; through the deadline.",
        "- open: `root/2`, asked of anybody since 2026-01-02 03:04:05 UTC, due 2026-01-02 03:04:05 UTC.",
    ]
    assert people_section([QUESTION.model_copy(update={"open": False})], []) == ""
    assert "gate plan" in people_section([], [Decision(id="1", project=SHOP, gate=Gate.PLAN, value="approve")])
    assert told(Decision(id="1", project=SHOP, value="approve")) == "approve by unknown"
