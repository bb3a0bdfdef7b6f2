"""What was asked for, statement by statement: where each stands in the prose, and what specifiers made of it.

It holds facts and counts. Which statements need a part or a test is decided by ``millwright.core.tracing``.
"""

from enum import StrEnum

from pydantic import Field

from schemas.base import Schema
from schemas.identity import NodePath, RequirementId
from schemas.specification import TestCase


class Statement(Schema):
    """One numbered piece of the prose: a sentence, a list item, a row of a table, or a block that is set apart.

    ``start`` and ``end`` are character offsets in the prose, ``first_line`` and ``last_line`` count from 1; ``heading``
    is the one that it stands under, with its table's head. What is said several times in a row is numbered once.
    """

    id: RequirementId
    text: str
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    first_line: int = Field(ge=1)
    last_line: int = Field(ge=1)
    heading: str = ""


class StatementKind(StrEnum):
    """What a statement is: behaviour, a limit on how it is made, only context, or behaviour that is not clear."""

    FUNCTIONAL = "functional"
    CONSTRAINT = "constraint"
    CONTEXT = "context"
    AMBIGUOUS = "ambiguous"
    CONTRADICTION = "contradiction"


class Ambiguity(Schema):
    """A statement that can be read in more than one way: what has to be asked, and the readings."""

    id: RequirementId
    question: str = Field(min_length=1)
    readings: tuple[str, ...] = Field(min_length=2)


class Contradiction(Schema):
    """A statement that cannot hold together with another one."""

    id: RequirementId
    contradicts: RequirementId
    question: str = Field(min_length=1)


class Classification(Schema):
    """What a specifier says of every numbered statement: each is named exactly once."""

    functional: tuple[RequirementId, ...] = ()
    constraints: tuple[RequirementId, ...] = ()
    context: tuple[RequirementId, ...] = ()
    ambiguous: tuple[Ambiguity, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()

    def kinds(self) -> tuple[tuple[RequirementId, StatementKind], ...]:
        """Return every statement that is named with its kind, as often as it is named."""
        plain = (
            (StatementKind.FUNCTIONAL, self.functional),
            (StatementKind.CONSTRAINT, self.constraints),
            (StatementKind.CONTEXT, self.context),
            (StatementKind.AMBIGUOUS, tuple(item.id for item in self.ambiguous)),
            (StatementKind.CONTRADICTION, tuple(item.id for item in self.contradictions)),
        )
        return tuple((name, kind) for kind, names in plain for name in names)


class Requirement(Schema):
    """A statement with the kind that most specifiers gave it; ``kind`` is None where none was asked."""

    statement: Statement
    kind: StatementKind | None = None
    votes: int = Field(default=0, ge=0)
    of: int = Field(default=0, ge=0)


class Reading(Schema):
    """One way to read what is not clear, and how many specifiers read it so (0 where they were not asked for one)."""

    text: str
    votes: int = Field(default=0, ge=0)


class OpenQuestion(Schema):
    """Something that the prose leaves open; raised by ``votes`` of ``of`` specifiers. ``about`` may be empty."""

    about: tuple[RequirementId, ...] = ()
    question: str
    readings: tuple[Reading, ...] = ()
    votes: int = Field(ge=0)
    of: int = Field(ge=0)


class Requirements(Schema):
    """Everything that was asked for, as it was settled."""

    items: tuple[Requirement, ...] = ()
    questions: tuple[OpenQuestion, ...] = ()


class FrontMatter(Schema):
    """What the head of the requirements fixes, whatever specifiers say; None and empty where it is silent.

    ``name`` is the project's, ``entry_point`` that of the function for the whole; ``examples`` are always among its
    examples.
    """

    name: str | None = None
    language: str | None = None
    entry_point: str | None = None
    examples: tuple[TestCase, ...] = ()


class TestKind(StrEnum):
    """What a generated test is written from."""

    __test__ = False  # not a test class for pytest

    EXAMPLE = "example"
    PROPERTY = "property"


class TestRef(Schema):
    """A test of a node: an example or a property by its name, and its number among them from 1 (names may repeat)."""

    __test__ = False  # not a test class for pytest

    path: NodePath
    kind: TestKind
    number: int = Field(ge=1)
    name: str


class Standing(StrEnum):
    """How well a requirement is proven: shown by a test that passed; covered by a part; or by nothing at all."""

    SHOWN = "shown"
    COVERED = "covered"
    UNCOVERED = "uncovered"


class Proven(Schema):
    """How many requirements passed tests show, of how many; ``unproven`` names the others."""

    shown: int = Field(ge=0)
    of: int = Field(ge=0)
    unproven: tuple[RequirementId, ...] = ()


class Trace(Schema):
    """A requirement followed to its parts and the passed tests that show it."""

    requirement: Requirement
    nodes: tuple[NodePath, ...] = ()
    tests: tuple[TestRef, ...] = ()
    standing: Standing
