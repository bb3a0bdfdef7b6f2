"""What a coordinator is told after an election that nobody won, what it proposes, and what became of that.

Histories keep these for years: a new field always has a default.
"""

from enum import StrEnum

from schemas.base import Schema
from schemas.identity import Digest
from schemas.verification import Told


class Remedy(StrEnum):
    """What a coordinator may propose: another plan of the parent, a simpler task, or a question to a person."""

    REPLAN = "replan"
    SIMPLIFY = "simplify"
    PERSON = "person"


class Situation(Schema):
    """The recorded facts, a paragraph each, and the steps that are open, the policy's own first."""

    facts: tuple[str, ...]
    open: tuple[Remedy, ...]


class Advice(Schema):
    """What a coordinator proposes, and why in a line; ``proposed`` None: it had nothing to say that could be read."""

    proposed: Remedy | None = None
    reason: Told = ""
    budget_reached: str | None = None


class Advised(Schema):
    """A proposal and what became of it: the step that was ``taken`` in the ``situation`` of this digest."""

    situation: Digest
    proposed: Remedy
    taken: Remedy
    reason: Told = ""
