"""How a project is cut into parts: proposals as models write them, and plans as they are accepted."""

from enum import StrEnum

from pydantic import Field

from schemas.base import Schema
from schemas.identity import Digest, LayerName, NodePath, RequirementId, TaskStatus
from schemas.requirements import Classification
from schemas.specification import TaskSpecification

LARGEST_ESTIMATE = 1_000_000_000
"""More lines than any project has; what is beyond it is no estimate, and no database column takes it."""


class SpecifiedRoot(Schema):
    """A specifier's answer: the root's specification, and what each numbered statement of the requirements is."""

    specification: TaskSpecification
    requirements: Classification = Classification()


class ProposedChild(Schema):
    """One child of a proposal with the decomposer's estimate of its size (lines of code, cyclomatic complexity).

    ``covers`` names those of its parent's requirements that the child answers for.
    """

    specification: TaskSpecification
    estimated_lines: int = Field(ge=1, le=LARGEST_ESTIMATE)
    estimated_complexity: int = Field(ge=1, le=LARGEST_ESTIMATE)
    covers: tuple[RequirementId, ...] = ()


class Proposal(Schema):
    """A decomposer's answer: the children that a node is to be made of.

    ``composition`` may show how they make the parent's result: lines ``name = child(argument)``, and last an expression
    for the result. It is held against the examples, and never becomes code. ``glue`` names the requirements that the
    node answers for itself, by the way in which it joins its children.
    """

    children: tuple[ProposedChild, ...] = Field(min_length=1)
    composition: tuple[str, ...] = ()
    glue: tuple[RequirementId, ...] = ()


class Promises(Schema):
    """What was found of a plan's promises before anything was built.

    Of the parent's ``examples``, ``composed`` are reached from the examples of its children; the others are unchecked.
    ``notes`` say in a line each what is unchecked, and what is left to the glue.
    """

    examples: int = Field(default=0, ge=0)
    composed: int = Field(default=0, ge=0)
    notes: tuple[str, ...] = ()


class NodeKind(StrEnum):
    """What is to be done at a node."""

    ATOMIC = "atomic"
    GROUP = "group"
    COMPOSED = "composed"
    UNDECIDED = "undecided"
    BLOCKED = "blocked"


class ChildOutline(Schema):
    """A child and the siblings that must have ended before it may start.

    ``standing`` is set where the child was delivered already: then it keeps its ``artifact``, and is not built again.
    """

    path: NodePath
    after: tuple[NodePath, ...] = ()
    standing: TaskStatus | None = None
    artifact: Digest | None = None


class NodePlan(Schema):
    """What is to be done at a node.

    ATOMIC: elect its code. COMPOSED: build the children, then elect the glue. GROUP: build the children, join them by
    rule. UNDECIDED: a decomposition must be elected first. BLOCKED: ``missing`` lists dependencies without an artifact.
    ``halvings`` is how often the task's limits can be halved before that changes nothing. ``elected`` says that agents
    made the plan, and no person: then another may take its place, and ``replans`` did so already. ``asked`` counts
    the questions about the node that people were put; ``edition`` and ``barred`` are for its elections.
    """

    kind: NodeKind
    specification: Digest
    children: tuple[ChildOutline, ...] = ()
    missing: tuple[NodePath, ...] = ()
    name: str = ""
    testable: bool = True
    halvings: int = 2
    elected: bool = False
    replans: int = 0
    asked: int = 0
    edition: str = ""
    barred: dict[Digest, LayerName] = Field(default_factory=dict)
