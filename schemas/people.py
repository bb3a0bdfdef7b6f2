"""What is put to people and what they decide: questions, decisions, notices, and how long a decision is waited for.

The messages by which they answer are ``schemas.project``'s.
"""

from datetime import datetime
from enum import StrEnum

from pydantic import Field, JsonValue

from schemas.base import Schema
from schemas.identity import Digest, Gate, NodePath, ProjectId


class QuestionKind(StrEnum):
    """What a question is about.

    ``behaviour``: on one input, groups of candidates do different things. ``exhausted``: nobody won, and no input tells
    why. ``untested``: a winner that no example speaks of. ``approval``: a gate.
    """

    BEHAVIOUR = "behaviour"
    EXHAUSTED = "exhausted"
    UNTESTED = "untested"
    APPROVAL = "approval"


class Choice(Schema):
    """What some of the candidates do on a question's input, as test cases write it; ``label`` is the answer's word.

    Exactly one of ``returns`` and ``raises`` counts: where ``raises`` is None, the value is ``returns`` (which may be
    null). ``shown`` is that as text, ``votes`` how many votes do so.
    """

    label: str
    votes: int = Field(ge=0)
    returns: JsonValue = None
    raises: str | None = None
    shown: str = ""


class Question(Schema):
    """A question put to people about a node, or about the project at a gate.

    ``options`` are the words that are understood as answers; ``text`` says it all in words. A question about behaviour
    has the ``inputs`` by name, as test cases write them, and the ``choices`` among which candidates divide, with the
    ``tolerance`` that an example made of them has. ``assignee`` is who is asked, empty: anybody. After ``due_at`` the
    policy of the deadline decides.
    """

    id: str
    project: ProjectId
    path: NodePath
    text: str
    options: tuple[str, ...]
    open: bool = True
    kind: QuestionKind = QuestionKind.EXHAUSTED
    gate: Gate | None = None
    inputs: dict[str, JsonValue] = Field(default_factory=dict)
    choices: tuple[Choice, ...] = ()
    tolerance: float | None = None
    assignee: str = ""
    asked_at: datetime | None = None
    due_at: datetime | None = None

    @property
    def address(self) -> str:
        """What people call it by: ``PROJECT/QUESTION-ID``."""
        return f"{self.project}/{self.id}"


class Door(StrEnum):
    """How a decision came in; ``deadline``: nobody decided in time, and the policy did."""

    COMMAND = "command"
    CLIENT = "client"
    UPDATE = "update"
    SIGNAL = "signal"
    DEADLINE = "deadline"


class Decision(Schema):
    """What was decided on a question: a row of the audit, one for each (project, question, id).

    ``value`` is the decision in words (``A``, ``retry``, ``returns 4``, ``approve``), ``effect`` what followed from it.
    ``content`` is an answer that was no single word, as it was given, but code and specifications by their digests.
    ``refused``: it could not be acted on, and its question stayed open; the effect says why.
    ``question`` is None only in rows that were written before gates had questions of their own.
    """

    id: str
    project: ProjectId
    question: str | None = None
    gate: Gate | None = None
    value: str
    by: str = ""
    note: str = ""
    decided_at: datetime | None = None
    path: NodePath | None = None
    through: Door | None = None
    effect: str = ""
    content: dict[str, JsonValue] | None = None
    refused: bool = False


class OnDeadline(StrEnum):
    """What follows where nobody decided in time.

    ``wait``: people are told, and waited for all the same. ``partial``: the best verified candidate is accepted where
    there is one, else the part fails. ``fail``: the part fails. No gate is ever passed without consent: there
    ``partial`` means ``fail``.
    """

    WAIT = "wait"
    PARTIAL = "partial"
    FAIL = "fail"


class Waiting(Schema):
    """How long people are waited for, and who is asked first.

    Reminders come after ``remind_after_seconds`` and then at growing intervals; None: never. ``deadline_seconds`` None:
    for ever.
    """

    remind_after_seconds: float | None = Field(default=None, ge=60, le=366 * 86_400)
    deadline_seconds: float | None = Field(default=None, ge=1, le=10 * 366 * 86_400)
    on_deadline: OnDeadline = OnDeadline.WAIT
    assignee: str = Field(default="", max_length=200)


class NoticeEvent(StrEnum):
    """Why people are told."""

    OPENED = "opened"
    REMINDER = "reminder"
    DEADLINE = "deadline"
    ASSIGNED = "assigned"


class Notice(Schema):
    """What is told of a question that waits; ``id`` is unique, and the same when the telling is tried again.

    ``workflow_id`` is where the answer goes, ``command`` the command line that gives it.
    """

    id: str
    event: NoticeEvent
    question: Question
    waited_seconds: float = Field(default=0, ge=0)
    workflow_id: str
    command: str


class Told(Schema):
    """Whom a notice reached, by the names of notifiers, and which of them refused it for good, with the reason."""

    reached: tuple[str, ...] = ()
    refused: dict[str, str] = Field(default_factory=dict)


class Effect(Schema):
    """What a decision came to.

    ``refused`` says why it could not be acted on, so that the question stays open; else ``says`` tells what follows.
    ``candidate`` is code that a person gave.
    """

    says: str = ""
    refused: str = ""
    candidate: Digest | None = None
