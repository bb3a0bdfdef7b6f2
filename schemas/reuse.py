"""What a build leaves for the next one: parts that were accepted, plans, and the record of an earlier revision.

It says nothing of when one may be used again: ``millwright.core.reuse`` does.
"""

from pydantic import Field

from schemas.base import Schema
from schemas.election import Rule
from schemas.evidence import NodeRecord, ProjectRecord
from schemas.identity import Digest, LayerName, NodePath, ProjectId, TaskStatus
from schemas.people import Decision, Question
from schemas.planning import NodePlan
from schemas.requests import NodeRef
from schemas.specification import TestCase
from schemas.verification import Verdict


class AcceptedPart(Schema):
    """A part as it was accepted, under its node's identity; its source is the artifact ``candidate``.

    ``project``, ``path`` and ``revision`` say where its vote was held, ``entered`` in which revision of the project
    that keeps it. ``setting`` digests all that its ``verdicts`` were reached on: specification, module and the code
    that it meets. ``examples`` were settled by a vote. ``status`` is ``won``, by ``rule``, or ``resolved`` by a person.
    ``refuted`` are the candidates of this identity whose elections were held again since they were at fault.
    """

    identity: Digest
    project: ProjectId
    path: NodePath
    revision: int = Field(ge=1)
    entered: int = Field(ge=1)
    status: TaskStatus
    rule: Rule
    candidate: Digest
    setting: Digest
    verdicts: tuple[Verdict, ...] = ()
    examples: tuple[TestCase, ...] = ()
    votes: int = 0
    margin: int = 0
    k: int = 0
    samples: int = 0
    red_flags: int = 0
    rejected_by_layer: dict[LayerName, int] = Field(default_factory=dict)
    defect: float | None = None
    note: str = ""
    refuted: tuple[Digest, ...] = ()


class AcceptedPlan(Schema):
    """A decomposition as it was accepted, under its node's identity: the ``text`` of the ``proposal`` that won."""

    identity: Digest
    entered: int = Field(ge=1)
    proposal: Digest
    text: str


class Revision(Schema):
    """A project as an earlier revision of its input left it; what it won and was asked is kept with it."""

    project: ProjectRecord
    nodes: tuple[NodeRecord, ...] = ()
    questions: tuple[Question, ...] = ()
    decisions: tuple[Decision, ...] = ()


class ReuseRequest(Schema):
    """Look for what was accepted under a node's identity, and meets this rule."""

    ref: NodeRef
    rule: Rule


class Reusable(Schema):
    """What was found for a node: a part's candidate, or the proposal that was accepted for it; often neither.

    ``verified``: the verdicts on the candidate hold as they are, for nothing that it was judged on has changed.
    """

    identity: Digest
    candidate: Digest | None = None
    verified: bool = False
    proposal: Digest | None = None


class TakeRequest(Schema):
    """Accept the part that was found under ``identity``, and meets this rule, as the node's own."""

    ref: NodeRef
    identity: Digest
    rule: Rule


class Taken(Schema):
    """A part that was taken: how the node stands now, and its module."""

    status: TaskStatus
    artifact: Digest
    note: str = ""


class Kept(Schema):
    """What a node keeps of an earlier build: its result, or its plan; neither where it must be built."""

    taken: Taken | None = None
    plan: NodePlan | None = None
