"""What elections teach of a kind of task: who answers, how much is asked for, and what was counted.

It believes nothing: what follows for the share of right ballots is told by the core.
"""

from enum import StrEnum

from pydantic import Field

from schemas.base import Schema
from schemas.identity import Archetype


class Difficulty(StrEnum):
    """How much a task asks for, in three classes."""

    EASY = "easy"
    MEDIUM = "medium"
    HARD = "hard"


class Kind(Schema):
    """What p is learned for: who answers, with which model, and how much is asked for."""

    archetype: Archetype
    model: str
    difficulty: Difficulty


class Lesson(Schema):
    """What elections of one kind taught, in independent observations: ballots that count as right and as wrong,
    answers that became ballots and those that did not."""

    kind: Kind
    right: float = Field(default=0.0, ge=0)
    wrong: float = Field(default=0.0, ge=0)
    ballots: float = Field(default=0.0, ge=0)
    blanks: float = Field(default=0.0, ge=0)
    elections: int = Field(default=0, ge=0)

    def plus(self, other: "Lesson") -> "Lesson":
        """Add what other elections of the same kind taught."""
        return Lesson(
            kind=self.kind,
            right=self.right + other.right,
            wrong=self.wrong + other.wrong,
            ballots=self.ballots + other.ballots,
            blanks=self.blanks + other.blanks,
            elections=self.elections + other.elections,
        )

    def at_most(self, strength: float) -> "Lesson":
        """Weaken the lesson until neither share counts for more than so many observations."""
        votes, answers = (_share(strength, *pair) for pair in ((self.right, self.wrong), (self.ballots, self.blanks)))
        return Lesson(
            kind=self.kind,
            right=self.right * votes,
            wrong=self.wrong * votes,
            ballots=self.ballots * answers,
            blanks=self.blanks * answers,
            elections=self.elections,
        )


def _share(strength: float, hits: float, misses: float) -> float:
    return min(1.0, strength / (hits + misses)) if hits + misses > 0 else 1.0
