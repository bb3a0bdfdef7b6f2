"""Notices of questions, for the tests of whoever tells people.

It tests nothing itself.
"""

from datetime import UTC, datetime
from typing import Any

from schemas.identity import NodePath, ProjectId
from schemas.people import Choice, Notice, NoticeEvent, Question, QuestionKind

QUESTION = Question(
    id="root.quadruple/1",
    project=ProjectId("sums"),
    path=NodePath("root.quadruple"),
    text="5 verified answers to root.quadruple disagree.\nWhat is right for quadruple(2)?\n\n- A: it gives 8",
    options=("A", "B", "retry"),
    kind=QuestionKind.BEHAVIOUR,
    inputs={"n": 2, "x": {"$float": "nan"}},
    choices=(Choice(label="A", votes=3, returns=8, shown="8"), Choice(label="B", votes=2, raises="E", shown="E: no")),
    assignee="ada",
    asked_at=datetime(2026, 5, 1, 12, tzinfo=UTC),
)


def notice(event: NoticeEvent = NoticeEvent.OPENED, *, waited: float = 0.0, **changes: Any) -> Notice:
    """Make a notice of the question with some changes."""
    return Notice(
        id="sums/root.quadruple/1/0a1b2c3d/1",
        event=event,
        question=QUESTION.model_copy(update=changes),
        waited_seconds=waited,
        workflow_id="millwright/sums/node/root.quadruple",
        command="millwright answer sums/root.quadruple/1 A",
    )
