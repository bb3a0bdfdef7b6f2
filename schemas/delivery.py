"""What the verification of a whole deliverable found: named checks, whom they complain of, and what its tests reach.

It is stored as an artifact; histories hold its digest and the names of checks.
"""

from pydantic import Field

from schemas.base import Schema
from schemas.identity import NodePath
from schemas.verification import Told, VerdictStatus


class Complaint(Schema):
    """What a check of the whole holds against one part; ``line`` is in the part's own module."""

    path: NodePath
    what: Told
    line: int | None = None


class WholeCheck(Schema):
    """One check of the whole: ``passed`` alone counts as passed, and ``not_applicable`` needs a reason in ``detail``.

    ``complaints`` are about the parts that a failure can be laid at; without any it is a problem of the whole.
    """

    name: str
    status: VerdictStatus
    detail: Told = ""
    complaints: tuple[Complaint, ...] = ()


class PartCoverage(Schema):
    """How many lines of a part's functions its own tests reached, and the first lines that they did not."""

    path: NodePath
    lines: int = Field(ge=0)
    covered: int = Field(ge=0)
    missed: tuple[int, ...] = ()


class WholeEvidence(Schema):
    """Everything that the verification of a whole found; ``uncovered`` says why coverage was not measured."""

    checks: tuple[WholeCheck, ...] = ()
    coverage: tuple[PartCoverage, ...] = ()
    uncovered: Told = ""
