"""What people are told: the JSON of a notice, and the short message in it."""

import json
from datetime import UTC, datetime

import pytest

from millwright.adapters.notification.message import message, notice_json
from schemas.identity import Gate
from schemas.people import Notice, NoticeEvent, QuestionKind
from tests.notices import notice


def test_the_message_says_what_is_asked_and_which_command_answers() -> None:
    """The first paragraph on one line, the words that are understood with what they stand for, and the command."""
    assert message(notice()).splitlines() == [
        "Millwright waits for ada: 5 verified answers to root.quadruple disagree. What is right for quadruple(2)? "
        "(sums/root.quadruple/1)",
        "Answers: A (gives 8), B (raises E: no), retry",
        "Answer with: `millwright answer sums/root.quadruple/1 A`",
    ]


@pytest.mark.parametrize(
    ("event", "assignee", "waited", "begins"),
    [
        (NoticeEvent.OPENED, "", 0, "Millwright waits for a person: "),
        (NoticeEvent.REMINDER, "ada", 3 * 86_400 + 5, "Millwright still waits for ada, since 3 days: "),
        (NoticeEvent.REMINDER, "", 3600, "Millwright still waits for a person, since 1 hour: "),
        (NoticeEvent.REMINDER, "", 179, "Millwright still waits for a person, since 2 minutes: "),
        (NoticeEvent.REMINDER, "", 1, "Millwright still waits for a person, since a moment: "),
        (NoticeEvent.DEADLINE, "ada", 60, "Nobody decided in time (ada was asked): "),
        (NoticeEvent.DEADLINE, "", 60, "Nobody decided in time: "),
        (NoticeEvent.ASSIGNED, "bob", 60, "Millwright now waits for bob: "),
    ],
)
def test_the_message_begins_with_why_it_comes(event: NoticeEvent, assignee: str, waited: float, begins: str) -> None:
    """What is new, a reminder, too late, or handed on; and to whom."""
    assert message(notice(event, waited=waited, assignee=assignee)).startswith(begins)


def test_a_gate_names_its_words_alone() -> None:
    """A question without choices has words, one without words only a command."""
    gate = notice(kind=QuestionKind.APPROVAL, gate=Gate.PLAN, choices=(), options=("approve", "reject"), text="Plan?")
    assert message(gate).splitlines()[1] == "Answers: approve, reject"
    assert len(message(notice(choices=(), options=())).splitlines()) == 2


def test_words_of_a_model_call_nobody_and_are_kept_short() -> None:
    """A chat would take <!channel> for a call to all, and any text for a link; there is no end to what a model says."""
    hostile = f"<!channel> @all <https://evil|click> {'x' * 5000}\x00\ud800\n\nnot this"
    told = message(notice(text=hostile, assignee=""))
    assert not any(mark in told for mark in ("<!", "@all", "<https", "not this"))
    assert "channel" in told
    assert len(told) < 900


def test_the_json_is_the_notice_and_its_message() -> None:
    """One line of ASCII, from which the notice comes back; chats read ``text``."""
    given = notice(text="é \ud800 😀\n", due_at=datetime(2026, 6, 1, tzinfo=UTC))
    written = notice_json(given)
    assert written.isascii()
    assert b"\n" not in written
    tree = json.loads(written)
    assert tree.pop("text") == message(given)
    assert Notice.model_validate(tree) == given
    assert tree["question"]["inputs"]["x"] == {"$float": "nan"}
    assert tree["question"]["asked_at"] == "2026-05-01T12:00:00Z"
