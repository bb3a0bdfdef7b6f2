"""A project as it is asked for, and as it ends; the inputs and results of the workflows.

Histories keep these for years: a new field always has a default.
"""

from enum import StrEnum

from pydantic import Field, JsonValue

from schemas.base import Schema
from schemas.election import Rule
from schemas.identity import Digest, Gate, NodePath, ProjectId, TaskStatus
from schemas.models import Budget, Spend
from schemas.people import Door, Waiting

ATOMIC_LINES = 20
"""The most lines of code of an atomic task, unless a project says otherwise (customer requirement)."""

ATOMIC_COMPLEXITY = 5
"""The highest cyclomatic complexity of an atomic task, unless a project says otherwise (customer requirement)."""


class OnExhausted(StrEnum):
    """What follows an election that nobody won."""

    PERSON = "person"
    PARTIAL = "partial"
    FAIL = "fail"


class LadderMode(StrEnum):
    """How the ladder is climbed: one activity a layer, or all layers in one that heartbeats."""

    PER_LAYER = "per-layer"
    FUSED = "fused"


class Rejections(StrEnum):
    """Whether a candidate's first rejection ends its climb, or every layer says its own all the same."""

    FIRST = "first"
    ALL = "all"


class ProjectInput(Schema):
    """What ``ProjectWorkflow`` is started with; ``{"requirements": "…"}`` is enough.

    ``requirements`` is prose, at most 256 KiB inline; larger input is stored first and given by its digest.
    ``specification`` is the YAML or JSON text of a list of task specifications (or its digest): it skips specify and
    decompose for what it gives. ``k`` None lets the plan choose. ``proposals`` verifier agents propose inputs for each
    task before its vote; ``reviews`` reviewer agents read each winner and propose inputs that it may fail on. A task
    within ``atomic_lines`` and ``atomic_complexity``, by estimate, is not split further. With ``reuse``, changed input
    under the id of a project that has ended rebuilds what changed; ``based_on`` is another project whose parts may be
    used again too. Without the gate ``budget`` in ``approve``, a cap that is reached ends the project. What is rejected
    at a gate with a note is done again with the note as guidance, at most ``max_rejections`` times a gate. ``waiting``
    says how long people are waited for.
    """

    requirements: str = ""
    requirements_digest: Digest | None = None
    specification: str = ""
    specification_digest: Digest | None = None
    project: str | None = None
    target_language: str = "python"
    k: int | None = Field(default=None, ge=1, le=100)
    max_attempts: int = Field(default=20, ge=1, le=10_000)
    on_exhausted: OnExhausted = OnExhausted.PERSON
    approve: tuple[Gate, ...] = ()
    budget: Budget = Budget()
    seed: int = Field(default=0, ge=0, lt=2**53)
    ladder: LadderMode = LadderMode.PER_LAYER
    rejections: Rejections = Rejections.FIRST
    target_reliability: float = Field(default=0.95, gt=0, lt=1)
    proposals: int = Field(default=1, ge=0, le=20)
    reviews: int = Field(default=1, ge=0, le=20)
    atomic_lines: int = Field(default=ATOMIC_LINES, ge=1, le=10_000)
    atomic_complexity: int = Field(default=ATOMIC_COMPLEXITY, ge=1, le=1000)
    reuse: bool = True
    based_on: str | None = None
    waiting: Waiting = Waiting()
    max_rejections: int = Field(default=2, ge=0, le=20)


class Policy(Schema):
    """What holds for every node of one build.

    ``proposals`` verifier agents propose inputs before each vote on code, and ``reviews`` reviewer agents read each
    winner. ``max_nodes`` bounds the tree as a whole, the
    root included. A task within ``atomic_lines`` and ``atomic_complexity``, by estimate, is not split further.
    ``planned``: the margin of each vote on code is planned for its node; else all have that of ``rule``. With
    ``reuse`` there is an earlier build, of this project or of another, and what it accepted may be used again;
    ``revision`` is the project's. ``waiting`` says how long people are waited for.
    """

    rule: Rule = Rule()
    planned: bool = False
    proposals: int = Field(default=0, ge=0)
    reviews: int = Field(default=0, ge=0)
    on_exhausted: OnExhausted = OnExhausted.PERSON
    ladder: LadderMode = LadderMode.PER_LAYER
    rejections: Rejections = Rejections.FIRST
    seed: int = 0
    max_depth: int = Field(default=6, ge=1)
    max_children: int = Field(default=20, ge=1)
    max_nodes: int = Field(default=10_000, ge=1)
    atomic_lines: int = Field(default=ATOMIC_LINES, ge=1)
    atomic_complexity: int = Field(default=ATOMIC_COMPLEXITY, ge=1)
    max_simplifications: int = Field(default=2, ge=0)
    max_replans: int = Field(default=2, ge=0)
    max_reopenings: int = Field(default=2, ge=0)
    window: int = Field(default=50, ge=1)
    reuse: bool = False
    revision: int = 1
    waiting: Waiting = Waiting()


class NodeInput(Schema):
    """What ``NodeWorkflow`` is started with: ids and digests only.

    ``replannable``: its parent can make another plan, so that a task which nobody can do is told to it and to no
    person. ``tried`` says in a line each what was tried before, for a question. ``gatekeeper`` is the id of the
    workflow that is told where a cap is reached, and says whether to go on; empty: a reached cap ends what is under
    way. ``consenter`` is the id of the workflow that is told of each plan of this node before anything of it is built,
    and says whether it may be; empty: nobody is asked.
    """

    project: ProjectId
    path: NodePath
    policy: Policy
    replannable: bool = False
    tried: tuple[str, ...] = ()
    gatekeeper: str = ""
    consenter: str = ""


class NodeResult(Schema):
    """How a node ended; ``infeasible``: nobody could do it as specified, and its parent is to make another plan."""

    path: NodePath
    status: TaskStatus
    artifact: Digest | None = None
    note: str = ""
    budget_reached: bool = False
    infeasible: bool = False


class Counts(Schema):
    """How many tasks of a project ended in which way; ``tasks`` counts those that have code of their own."""

    tasks: int = 0
    won: int = 0
    partial: int = 0
    resolved: int = 0
    waiting: int = 0
    failed: int = 0
    blocked: int = 0


class ExitCode(StrEnum):
    """Names of the process exit codes; ``CODES`` maps them to numbers."""

    BUILT = "built"
    FAILED = "failed"
    USAGE = "usage"
    WAITING = "waiting"
    BUDGET = "budget"
    UNREACHABLE = "unreachable"
    BELOW_MARGIN = "below_margin"


CODES: dict[ExitCode, int] = {
    ExitCode.BUILT: 0,
    ExitCode.FAILED: 1,
    ExitCode.USAGE: 2,
    ExitCode.WAITING: 3,
    ExitCode.BUDGET: 4,
    ExitCode.UNREACHABLE: 5,
    ExitCode.BELOW_MARGIN: 6,
}


class ProjectResult(Schema):
    """How a project ended; ``exit_code`` as documented for the command line."""

    project: ProjectId
    status: TaskStatus
    exit_code: int
    counts: Counts = Counts()
    spend: Spend = Spend()
    manifest: Digest | None = None
    report: Digest | None = None
    message: str = ""


class Answer(Schema):
    """A person's answer to a node's question; idempotent by ``question`` and ``decision_id``.

    ``value`` is one of the question's words, or an object of one field: ``{"returns": …}``, ``{"raises": "…"}``,
    ``{"example": {"inputs": {…}, "expected_output": …}}``, ``{"specification": {…}}``, ``{"code": "…"}`` (the last two
    also as ``specification_digest`` and ``code_digest``), ``{"attempts": 20}``, ``{"assign": "…"}``. ``through`` is
    given by our own clients; else it is how the message came.
    """

    question: str = Field(min_length=1, max_length=500)
    decision_id: str = Field(min_length=1, max_length=200)
    value: str | dict[str, JsonValue]
    by: str = Field(default="", max_length=200)
    note: str = Field(default="", max_length=4000)
    through: Door | None = None


class ApprovalDecision(StrEnum):
    """Consent, or not; ``assign`` hands the question on to somebody else."""

    APPROVE = "approve"
    REJECT = "reject"
    ASSIGN = "assign"


class Approval(Schema):
    """A person's consent, or refusal, at a gate; idempotent by ``decision_id``.

    ``budget`` goes with consent at the budget's gate: the caps that it names hold from now on, and the others stay.
    Without it each cap grows by what was given at first. ``to`` goes with ``assign``. ``through`` is given by our own
    clients; else it is how the message came.
    """

    gate: Gate
    decision_id: str = Field(min_length=1, max_length=200)
    decision: ApprovalDecision
    by: str = Field(default="", max_length=200)
    note: str = Field(default="", max_length=4000)
    budget: Budget | None = None
    to: str = Field(default="", max_length=200)
    through: Door | None = None


class CapReport(Schema):
    """A node tells the project that a cap was reached, and waits; ``raises`` is how often it was let go on before."""

    path: NodePath
    reached: str
    raises: int = Field(default=0, ge=0)


class CapDecision(Schema):
    """The project tells a node that waits at a cap: ``refused`` says why it is to end, None that it may go on.

    ``raises`` counts how often caps were raised so far.
    """

    raises: int = Field(default=0, ge=0)
    refused: str | None = None


class PlanReport(Schema):
    """A node tells the project that its plan is known, and waits; ``replans`` counts the plans before it."""

    path: NodePath
    replans: int = Field(default=0, ge=0)


class PlanDecision(Schema):
    """The project tells a node what a person decided of its plan, the one after so many ``replans``.

    ``refused`` says why nothing of it is to be built, ``guidance`` why another one is to be made; neither: build it.
    """

    replans: int = Field(default=0, ge=0)
    refused: str | None = None
    guidance: str = ""


class RaisedCaps(Schema):
    """The caps of a project from now on."""

    project: ProjectId
    budget: Budget


class ProjectProgress(Schema):
    """What a project's workflow is doing; ``waits_for`` names the gate that waits for an approval.

    ``decision_id`` is one that no decision had so far, ``question`` the gate's in the inbox.
    """

    project: ProjectId
    phase: str
    waits_for: Gate | None = None
    decision_id: str = "1"
    question: str = ""
