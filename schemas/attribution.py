"""Whose fault a failed integration is, and what shows it; and what is to be done again because of it.

Histories keep these for years: a new field always has a default.
"""

from enum import StrEnum

from pydantic import Field

from schemas.base import Schema
from schemas.identity import Digest, LayerName, NodePath, ProjectId
from schemas.requests import ElectionRef
from schemas.verification import Told


class Culprit(StrEnum):
    """What a failed integration is attributed to."""

    GLUE = "glue"
    CHILD = "child"
    PLAN = "plan"


class Ground(StrEnum):
    """What an attribution rests on.

    ``glue_works``: some glue satisfies the parent's examples, so that parts and plan suffice. ``breach``: a child
    breaks a promise of its own on an input that it was called with. ``substitution``: with another verified candidate
    of one child, the parent's examples hold. ``stated``: a vote of agents settles for a call what the child does not
    give. ``interfaces``: no glue fits the types. ``no_glue``: none of enough different glues works, and no child is at
    fault. ``too_few``: too little was tried to say anything.
    """

    GLUE_WORKS = "glue_works"
    BREACH = "breach"
    SUBSTITUTION = "substitution"
    STATED = "stated"
    INTERFACES = "interfaces"
    NO_GLUE = "no_glue"
    TOO_FEW = "too_few"


class Attribution(Schema):
    """Whose fault a failed integration is; ``child`` is set for CHILD, and ``reason`` says it in a line.

    ``suspects`` are children of whose calls nothing is known yet: agents may be asked about them. ``budget_reached``
    names the cap that stopped some of these calls.
    """

    culprit: Culprit
    ground: Ground
    child: NodePath | None = None
    reason: Told = ""
    suspects: tuple[NodePath, ...] = ()
    budget_reached: str | None = None


class AttributeRequest(Schema):
    """Attribute the failed election of a node's glue.

    ``k`` different glues are needed before the plan is blamed, and as many agents must agree on the result of a call. A
    child whose election was held again ``max_reopenings`` times is not blamed any more. ``suspects`` are the children
    to ask agents about.
    """

    election: ElectionRef
    k: int = Field(ge=1)
    cap: int = Field(ge=1)
    seed: int
    max_reopenings: int = Field(ge=0)
    suspects: tuple[NodePath, ...] = ()


class ReopenRequest(Schema):
    """Hold the elections of some nodes again, and of all between them and ``top`` that is built on them.

    ``evidence`` is that of a whole which did not hold: the accepted candidates that it complains of are barred. So are
    those of all ``paths`` where ``barred_by`` names the layer that they are known to fail at. ``reason`` is what an
    attribution found, for the report.
    """

    project: ProjectId
    top: NodePath
    paths: tuple[NodePath, ...]
    max_reopenings: int = Field(ge=0)
    evidence: Digest | None = None
    barred_by: LayerName | None = None
    reason: str = ""


class Reopened(Schema):
    """The nodes whose elections are held again; none, where all of them were reopened as often as they may be."""

    paths: tuple[NodePath, ...] = ()


class RespecifyRequest(Schema):
    """Note that a person rejected the specification that was elected, and that another one is; ``notes`` are all."""

    project: ProjectId
    notes: tuple[str, ...]


class GuideRequest(Schema):
    """Open parts again that a person's ``note`` on a rejected delivery is about."""

    project: ProjectId
    note: str


class ReplanRequest(Schema):
    """Note that the ``number``-th new plan of a node is made, and why."""

    project: ProjectId
    path: NodePath
    number: int = Field(ge=1)
    reason: str
