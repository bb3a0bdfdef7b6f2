"""The inputs and results of activities: ids, digests, verdicts and counts, never text of prompts or sources.

Histories keep these for years: a new field always has a default.
"""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from schemas.base import Schema
from schemas.coordination import Remedy
from schemas.digests import digest_of_bytes
from schemas.election import Attempt, Draw, Election, Flag, Merit, Slot
from schemas.evidence import Forecast
from schemas.identity import Archetype, Digest, Gate, LayerName, NodePath, ProjectId, TaskStatus
from schemas.people import Decision, Question
from schemas.project import Answer, Policy, ProjectInput, ProjectResult
from schemas.verification import VerdictStatus


class Purpose(StrEnum):
    """What an election is about."""

    SPECIFY = "specify"
    DECOMPOSE = "decompose"
    CODE = "code"
    INTEGRATE = "integrate"
    INPUTS = "inputs"
    EXAMPLES = "examples"
    CHOOSE = "choose"
    REVIEW = "review"
    COORDINATE = "coordinate"


ARCHETYPE_OF: dict[Purpose, Archetype] = {
    Purpose.SPECIFY: Archetype.SPECIFIER,
    Purpose.DECOMPOSE: Archetype.DECOMPOSER,
    Purpose.CODE: Archetype.CODER,
    Purpose.INTEGRATE: Archetype.INTEGRATOR,
    Purpose.INPUTS: Archetype.VERIFIER,
    Purpose.EXAMPLES: Archetype.SPECIFIER,
    Purpose.CHOOSE: Archetype.REVIEWER,
    Purpose.REVIEW: Archetype.REVIEWER,
    Purpose.COORDINATE: Archetype.COORDINATOR,
}


class OpenRequest(Schema):
    """Open a project for the workflow that was started with ``given``; ``name`` is what its id says of the project."""

    given: ProjectInput
    workflow_id: str
    run_id: str
    name: str = ""


class OpenedProject(Schema):
    """An opened project; ``finished`` is set when a build of the same input already ended well.

    ``gates_put`` counts the questions that earlier runs put at gates: those of this one are numbered after them.
    """

    project: ProjectId
    has_specification: bool
    policy: Policy
    forecast: Forecast
    finished: ProjectResult | None = None
    gates_put: dict[Gate, int] = Field(default_factory=dict)


class NodeRef(Schema):
    """A node of a project."""

    project: ProjectId
    path: NodePath


class ElectionRef(Schema):
    """One election at a node; ``simplification`` counts how often the task was simplified before it.

    ``edition`` is the node's, ``replan`` counts the plans before the one that is elected, and ``because`` is the text
    that says why the last of them was given up.
    ``revision`` is the project's: an election about other requirements is another election.
    """

    project: ProjectId
    path: NodePath
    purpose: Purpose
    simplification: int = 0
    edition: str = ""
    replan: int = 0
    because: Digest | None = None
    revision: int = 1

    @property
    def key(self) -> str:
        """The purpose as it stands in keys of calls: about another task, or after another plan, calls are others."""
        parts = [self.purpose.value]
        parts += [str(self.simplification)] if self.simplification else []
        parts += [f"of-{self.edition}"] if self.edition else []
        parts += [f"again-{self.replan}"] if self.replan else []
        return "-".join(parts)


class PlannedMargin(Schema):
    """The margin of one node's election: the p that it rests on, learned from so many ``elections`` of its kind, with
    so many ``tasks`` still to be voted on. ``capped``: the attempts of one task decide no wider margin."""

    k: int = Field(ge=1)
    p: float = 0.0
    elections: int = 0
    tasks: int = 0
    capped: bool = False


class GivenPlan(Policy):
    """The policy from now on for a tree that was given, with the forecast that it rests on."""

    forecast: Forecast | None = None


class DrawRequest(Schema):
    """Draw ``count`` answers in one round; ``before`` counts those of the election's earlier rounds.

    ``among`` is what is asked about, where that is not the task as a whole: the digests of the proposals to choose from
    (``choose``), of the inputs whose results are to be stated (``examples``), of the winner to be read (``review``), or
    of the situation to be judged (``coordinate``).
    """

    election: ElectionRef
    round: int = Field(ge=0)
    count: int = Field(ge=1)
    seed: int
    before: int = Field(default=0, ge=0)
    among: tuple[Digest, ...] = ()

    @property
    def key(self) -> str:
        """The purpose as it stands in keys of calls: what is asked about other things is another call."""
        if not self.among:
            return self.election.key
        return f"{self.election.key}-{digest_of_bytes(' '.join(self.among).encode())[:12]}"


class DrawResult(Schema):
    """The answers drawn in order of index; ``budget_reached`` names the cap that stopped the rest."""

    draws: tuple[Draw, ...]
    budget_reached: str | None = None


class ProposeRequest(Schema):
    """Let ``count`` verifier agents propose inputs for a node; the election's purpose is ``inputs``."""

    election: ElectionRef
    count: int = Field(ge=0)
    seed: int


class ProposedInputs(Schema):
    """What verifier agents proposed: inputs kept at the node, claims about results, and what did not fit the types.

    ``asserts`` are kept as claims about every call, ``refuted`` are those that the task's own examples contradict.
    ``budget_reached`` names the cap that stopped some of the calls.
    """

    kept: int = 0
    claims: int = 0
    dropped: int = 0
    budget_reached: str | None = None
    asserts: int = 0
    refuted: int = 0


class ReviewRequest(Schema):
    """Let ``count`` reviewer agents read the ``winner`` of an election over code; its purpose is ``review``."""

    election: ElectionRef
    winner: Digest
    count: int = Field(ge=1)
    seed: int


class ReviewedWinner(Schema):
    """What reviewer agents proposed: new inputs kept at the node, claims about results, and what did not fit the types.

    ``budget_reached`` names the cap that stopped some of the calls.
    """

    kept: int = 0
    claims: int = 0
    dropped: int = 0
    budget_reached: str | None = None


class SettleExamplesRequest(Schema):
    """Let specifier agents state what the function gives for a few of its inputs; the purpose is ``examples``.

    An input is settled where one answer leads by ``k`` with most of what was stated, after at most ``cap`` answers.
    """

    election: ElectionRef
    k: int = Field(ge=1)
    cap: int = Field(ge=1)
    seed: int


class SettledExamples(Schema):
    """Which of the ``asked`` inputs a vote settled, by the names of the examples made of them.

    ``enough`` is False where they are too few to go on without a person. ``budget_reached`` names the cap that stopped
    the calls.
    """

    asked: int = 0
    settled: tuple[str, ...] = ()
    enough: bool = False
    samples: int = 0
    budget_reached: str | None = None


class CoordinateRequest(Schema):
    """Let a coordinator propose a step after an election that nobody won.

    ``open`` are the steps that may be taken, the policy's own first; ``tried`` says in a line each what was tried.
    """

    election: ElectionRef
    outcome: Election
    open: tuple[Remedy, ...]
    seed: int
    k: int = 0
    tried: tuple[str, ...] = ()


class BatchRequest(Schema):
    """Candidates of one round, each with where it was drawn; ``all_layers`` goes on above a rejection."""

    election: ElectionRef
    slots: tuple[Slot, ...]
    candidates: tuple[Digest, ...]
    layer: LayerName | None = None
    all_layers: bool = False


class CandidateVerdict(Schema):
    """One layer's verdict on one candidate, without its findings."""

    candidate: Digest
    layer: LayerName
    status: VerdictStatus


class BatchVerdicts(Schema):
    """Verdicts on a batch."""

    verdicts: tuple[CandidateVerdict, ...]


class ObservedCandidate(Schema):
    """How a candidate behaves: its signature, or the flag that keeps it from voting."""

    candidate: Digest
    signature: Digest | None
    flag: Flag | None = None
    merit: Merit


class BatchObservations(Schema):
    """Behaviour of a batch, in the order of its candidates."""

    observations: tuple[ObservedCandidate, ...]


class BatchAttempts(Schema):
    """What became of each candidate of a batch of proposals."""

    attempts: tuple[Attempt, ...]


class SettleRequest(Schema):
    """Accept the winner of an election over structures."""

    election: ElectionRef
    winner: Digest
    policy: Policy


class NodeOutcome(Schema):
    """How a node ended, for the record; ``candidate`` is the source that won."""

    project: ProjectId
    path: NodePath
    status: TaskStatus
    purpose: Purpose | None = None
    candidate: Digest | None = None
    election: Election | None = None
    k: int = 0
    note: str = ""


class NodeState(Schema):
    """A node's status while it is under way."""

    project: ProjectId
    path: NodePath
    status: TaskStatus
    note: str = ""


class Stance(Schema):
    """One of the groups that an undecided election is divided into: a candidate of it, and its votes."""

    candidate: Digest
    votes: int


class AskRequest(Schema):
    """Put a question about an election to a person, at ``asked_at``.

    ``among`` are the leading groups. ``splittable``: the task can still be split.
    """

    election: ElectionRef
    outcome: Election
    number: int = 1
    k: int = 0
    tried: tuple[str, ...] = ()
    among: tuple[Stance, ...] = ()
    splittable: bool = False
    assignee: str = ""
    asked_at: datetime | None = None
    due_at: datetime | None = None


class AnswerRecord(Schema):
    """An answer to a question, and the decision that is recorded of it; ``answer`` None: it settled in older builds."""

    question: Question
    decision: Decision
    answer: Answer | None = None


class IntegrationResult(Schema):
    """The whole, as assembled and verified: ``problems`` is empty when all of it holds; ``passed`` names the checks.

    ``evidence`` is the artifact with all that was found; ``concerned`` are the parts that checks complain of, and
    ``unattributed`` says that some problem can be laid at no part.
    """

    manifest: Digest | None = None
    problems: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()
    evidence: Digest | None = None
    concerned: tuple[NodePath, ...] = ()
    unattributed: bool = False


class FinishRequest(Schema):
    """End a project."""

    project: ProjectId
    root_status: TaskStatus
    integration: IntegrationResult
    budget_reached: bool = False
    message: str = ""
