"""What waits for a person in one workflow, and the answer to it: one at a time, idempotent by question and decision.

It knows no Temporal: handlers feed it, the workflow acts on what it took, and says here what came of it.
"""

from dataclasses import dataclass, field
from datetime import datetime

from millwright.core.resolution import misunderstood, spoken
from schemas.people import Decision, Question
from schemas.project import Answer, NodeInput

Key = tuple[str, str]
"""A question's id and a decision's."""


@dataclass(frozen=True)
class Said:
    """What came of an answer; ``refused``: it could not be acted on."""

    text: str
    refused: bool = False


@dataclass
class Inbox:
    """The open question, the answer that is being acted on, and what came of every answer so far."""

    question: Question | None = None
    taken: Answer | None = None
    outcomes: dict[Key, Said] = field(default_factory=dict)
    settled: dict[str, str] = field(default_factory=dict)
    _pending: Key | None = None

    def open(self, question: Question) -> None:
        """Put a question."""
        self.question, self.taken = question, None

    def has_answer(self) -> bool:
        """Say whether there is an answer to act on."""
        return self.taken is not None

    def take(self, given: Answer) -> Key:
        """Take an answer that was not refused; returns the key under which what comes of it will be said."""
        key = (given.question, given.decision_id)
        known = self.outcomes.get(key)
        if key != self._pending and (known is None or known.refused):
            self.outcomes.pop(key, None)
            self.taken, self._pending = given, key
        return key

    def said(self, key: Key) -> Said | None:
        """Return what came of an answer; None while it is acted on."""
        return self.outcomes.get(key)

    def acted(self, text: str, *, at: datetime, settles: bool) -> None:
        """Say what came of the answer that was taken; where it ``settles`` the question, nothing waits any more."""
        answer, key = self._drop()
        self.outcomes[key] = Said(text)
        if settles:
            self._settle(answer, at)

    def refuse(self, reason: str) -> None:
        """Say that the answer that was taken could not be acted on; its decision id is free for a better one."""
        _, key = self._drop()
        self.outcomes[key] = Said(reason, refused=True)

    def abandon(self, reason: str) -> None:
        """Close the open question without a decision; whoever answered is told the reason."""
        if self._pending is not None:
            self.outcomes[self._pending] = Said(reason, refused=True)
        if self.question is not None:
            self.settled[self.question.id] = f"{self.question.id} waits no more: {reason}"
        self.question = self.taken = self._pending = None

    def close(self, answer: Answer, at: datetime) -> None:
        """Close the open question by a decision that nobody sent: the deadline's."""
        self._settle(answer, at)

    def _settle(self, answer: Answer, at: datetime) -> None:
        how = f"{spoken(answer.value)} by {answer.by or 'unknown'}"
        self.settled[answer.question] = f"{answer.question} was settled at {at:%Y-%m-%d %H:%M:%S} UTC: {how}"
        self.question = self.taken = None

    def _drop(self) -> tuple[Answer, Key]:
        answer, key = self.taken, self._pending
        if answer is None or key is None:
            raise AssertionError("no answer was taken")
        self.taken = self._pending = None
        return answer, key

    def refusal(self, given: Answer) -> str | None:
        """Say why an answer cannot be taken; None when it can, or was already."""
        key = (given.question, given.decision_id)
        known = self.outcomes.get(key)
        if key == self._pending or (known is not None and not known.refused):
            return None
        if given.question in self.settled:
            return self.settled[given.question]
        if self.question is None:
            return "nothing waits for an answer here"
        if given.question != self.question.id:
            return f"the open question is {self.question.id}, not {given.question}"
        if self.taken is not None:
            return f"{self.taken.by or 'somebody'} answered {given.question} just now, which is being acted on"
        return misunderstood(self.question, given.value)


def decision(given: NodeInput, question: Question, answer: Answer, at: datetime) -> Decision:
    """Make the record of an answer."""
    return Decision(
        id=answer.decision_id,
        project=given.project,
        question=question.id,
        path=given.path,
        value=spoken(answer.value),
        by=answer.by,
        note=answer.note,
        through=answer.through,
        decided_at=at,
    )
