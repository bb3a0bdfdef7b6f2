"""What waits for a person in one workflow, and the answer to it: one question at a time, idempotent by decision.

It knows no Temporal: handlers feed it, the workflow waits on it.
"""

from dataclasses import dataclass, field

from millwright.core import escalation
from schemas.people import Decision, Question
from schemas.project import Answer, NodeInput


@dataclass
class Inbox:
    """The open question, the answer that arrived for it, and every decision taken so far."""

    question: Question | None = None
    answer: Answer | None = None
    decisions: dict[str, Answer] = field(default_factory=dict)

    def open(self, question: Question) -> None:
        """Put a question."""
        self.question, self.answer = question, None

    def answered(self) -> bool:
        """Say whether the open question has its answer."""
        return self.answer is not None

    def close(self) -> Answer | None:
        """Take the answer, and close the question."""
        answer, self.answer, self.question = self.answer, None, None
        return answer

    def take(self, given: Answer) -> bool:
        """Take an answer that was not refused; False for a decision that was already taken."""
        if given.decision_id in self.decisions:
            return False
        self.decisions[given.decision_id] = given
        self.answer = given
        return True

    def refusal(self, given: Answer) -> str | None:
        """Say why an answer cannot be taken; None when it can, or was already."""
        if given.decision_id in self.decisions:
            return None
        if self.question is None or self.answer is not None:
            return "nothing waits for an answer here"
        if given.question != self.question.id:
            return f"the open question is {self.question.id}, not {given.question}"
        if not escalation.understood(self.question, given.value):
            return f"{given.value!r} is none of {', '.join(self.question.options)}"
        return None


def decision(given: NodeInput, question: Question, answer: Answer) -> Decision:
    """Make the record of an answer."""
    return Decision(
        id=answer.decision_id,
        project=given.project,
        question=question.id,
        value=answer.value,
        by=answer.by,
        note=answer.note,
    )
