"""The outside world on one page: what Millwright needs, as Protocols.

Adapters implement these; activities hold them; the contract suites under ``tests/contract`` say what each promises.
"""

from collections.abc import Sequence
from typing import Protocol

from schemas.breakers import Breaker
from schemas.claims import Claim
from schemas.evidence import CompletionRecord, Forecast, NodeRecord, ProjectRecord, ProjectSpend
from schemas.execution import (
    CallReport,
    CallRequest,
    CommandReport,
    CommandRequest,
    ConditionReport,
    ConditionRequest,
    PropertyReport,
    PropertyRequest,
)
from schemas.identity import Digest, NodePath, ProjectId, TaskStatus
from schemas.models import Budget, InstallationBudget, LedgerEntry, ModelAnswer, ModelRequest, Prompt
from schemas.people import Decision, Notice, Question
from schemas.reuse import AcceptedPart, AcceptedPlan, Revision
from schemas.specification import TaskSpecification, TestCase
from schemas.verification import AnalysisReport, AnalysisRequest, InputSet, InputVector, Verdict

NO_CAPS = InstallationBudget()


class Model(Protocol):
    """Models behind endpoints; a request names both."""

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """Draw the completions of one request, in one attempt.

        Cancelled, it closes the connection, so that the endpoint gives the work up.

        Raises:
            ModelUnavailable: no complete answer came (see its subclasses for why); ``sent`` False where it never left.
            ModelRefused: the endpoint will not answer this call however often it is asked.
        """
        ...


class Sandbox(Protocol):
    """Runs untrusted code; every method raises SandboxUnavailable when the sandbox itself is at fault."""

    async def call(self, request: CallRequest) -> CallReport:
        """Call a candidate once per argument list in one fresh process, and report the outcomes in order."""
        ...

    async def check_properties(self, request: PropertyRequest) -> PropertyReport:
        """Run properties in processes of their own, their calls proxied to the candidate's process."""
        ...

    async def evaluate(self, request: ConditionRequest) -> ConditionReport:
        """Evaluate validated expressions under bindings, in a process that holds no candidate."""
        ...

    async def run(self, request: CommandRequest) -> CommandReport:
        """Run a command over files in a scratch directory."""
        ...


class Analyser(Protocol):
    """Static tools, warm or batched."""

    async def analyse(self, requests: Sequence[AnalysisRequest]) -> tuple[AnalysisReport, ...]:
        """Analyse a batch; one report per request, in order.

        Raises:
            AnalyserUnavailable: a tool is missing, died, or gave an answer that cannot be trusted.
        """
        ...


class InputSource(Protocol):
    """Generates inputs for a specification."""

    async def inputs(self, task: TaskSpecification, digest: Digest) -> InputSet:
        """Generate inputs from types and constraints, seeded by the specification's digest: same digest, same inputs.

        Raises:
            InputsUnavailable: the generator is missing or died.
            SpecificationInvalid: no input satisfies the constraints.
        """
        ...


class ArtifactStore(Protocol):
    """Immutable bytes under their SHA-256 digest."""

    async def put(self, content: bytes, media_type: str) -> Digest:
        """Store bytes; storing the same bytes again is free."""
        ...

    async def get(self, digest: Digest) -> bytes:
        """Fetch bytes and check them against their digest.

        Raises:
            NotFound: nothing is stored under the digest.
            IntegrityError: what is stored does not match it.
        """
        ...


class ProjectStore(Protocol):
    """Projects, nodes and the record of how each part was won. Every write is idempotent."""

    async def open_project(self, project: ProjectRecord) -> ProjectRecord:
        """Register a project, or return the one of this id as stored.

        Raises:
            ProjectConflict: a project of this id exists with another ``input_digest``.
        """
        ...

    async def save_project(self, project: ProjectRecord) -> None:
        """Replace a project's row."""
        ...

    async def mark_project(self, project: ProjectId, status: TaskStatus, message: str) -> None:
        """Set the status and message of a project that has not ended, and touch nothing else of its row."""
        ...

    async def clear_nodes(self, project: ProjectId) -> None:
        """Remove a project's nodes with their own inputs, claims and examples, before its tree is laid out anew."""
        ...

    async def drop_nodes(self, project: ProjectId, paths: Sequence[NodePath]) -> None:
        """Remove nodes that no plan has any more, with their own inputs, claims and examples; their calls stay."""
        ...

    async def forget_project(self, project: ProjectId) -> None:
        """Remove a project for which no model was ever called; one with calls or answers stays as it is."""
        ...

    async def supersede(self, ended: Revision, following: ProjectRecord) -> None:
        """Keep a revision as it ended, clear its nodes, verdicts, questions and decisions, and begin the next one.

        Nothing happens where the project is no longer at the ended revision. What was called and accepted stays.
        """
        ...

    async def revisions(self, project: ProjectId) -> tuple[Revision, ...]:
        """Read a project's earlier revisions, oldest first."""
        ...

    async def accept_part(self, project: ProjectId, part: AcceptedPart) -> None:
        """Keep a part under its identity, in the place of an earlier one."""
        ...

    async def accepted_part(self, project: ProjectId, identity: Digest) -> AcceptedPart | None:
        """Read the part that a project keeps under an identity; None when there is none."""
        ...

    async def accept_plan(self, project: ProjectId, plan: AcceptedPlan) -> None:
        """Keep a plan under its identity, in the place of an earlier one."""
        ...

    async def accepted_plan(self, project: ProjectId, identity: Digest) -> AcceptedPlan | None:
        """Read the plan that a project keeps under an identity; None when there is none."""
        ...

    async def project(self, project: ProjectId) -> ProjectRecord:
        """Read a project. Raises NotFound."""
        ...

    async def projects(self) -> tuple[ProjectRecord, ...]:
        """List all projects, newest first."""
        ...

    async def save_specification(self, task: TaskSpecification) -> Digest:
        """Store a specification under the digest of its canonical JSON."""
        ...

    async def specification(self, digest: Digest) -> TaskSpecification:
        """Read a specification. Raises NotFound."""
        ...

    async def save_nodes(self, nodes: Sequence[NodeRecord]) -> None:
        """Insert nodes or replace their rows."""
        ...

    async def node(self, project: ProjectId, path: NodePath) -> NodeRecord:
        """Read one node. Raises NotFound."""
        ...

    async def nodes(self, project: ProjectId) -> tuple[NodeRecord, ...]:
        """Read all nodes of a project in order of path."""
        ...

    async def reserve(
        self, entry: LedgerEntry, budget: Budget, installation: InstallationBudget = NO_CAPS
    ) -> LedgerEntry:
        """Reserve one attempt at a call, at its upper bound, before it is sent; returns it with its attempt's number.

        Each reservation is another attempt: one that a dead worker left stays, and counts.

        Raises:
            BudgetReached: the reservation would pass a cap of ``budget``, with all requests of the project's revision
                counted, or one of ``installation``, with those of all projects in its period.
        """
        ...

    async def settle(self, entry: LedgerEntry, completions: Sequence[CompletionRecord]) -> None:
        """Store what an attempt brought and settle it, in one transaction; the first completion under a key stays.

        Each completion has its own index. An attempt that was concluded before its answer came is settled all the same.

        Raises:
            ValueError: a completion answers another call.
            NotFound: the attempt was never reserved.
        """
        ...

    async def conclude(self, entry: LedgerEntry) -> None:
        """Record how an attempt ended that brought no answer: refused, lost or released.

        Only one that is still reserved changes. A refused one then counts as a request without tokens, a lost one at
        its upper bound, a released one nowhere.

        Raises:
            ValueError: ``entry.status`` is none of the three.
            NotFound: the attempt was never reserved.
        """
        ...

    async def recall(self, project: ProjectId, completions: Sequence[CompletionRecord]) -> None:
        """Store completions that were known before, for which no request was made, and mark them so.

        The first under a key stays.
        """
        ...

    async def answers_to(self, call: Digest) -> tuple[CompletionRecord, ...]:
        """Read what a call was answered before, in this project or another, in order of choice; empty if it was not.

        Of the sets of choices 0 to n - 1 that one round of a project has, the largest, and of equal ones the first.
        There may be fewer than the call asked for, if its endpoint brought fewer.
        """
        ...

    async def save_prompt(self, prompt: Prompt) -> Digest:
        """Store a prompt under the digest of its canonical JSON; storing it again is free."""
        ...

    async def prompt(self, digest: Digest) -> Prompt:
        """Read a prompt. Raises NotFound."""
        ...

    async def completions(
        self, project: ProjectId, path: NodePath, purpose: str, round_: int, revision: int = 1
    ) -> tuple[CompletionRecord, ...]:
        """Read the completions of one round of a revision in order of index."""
        ...

    async def all_completions(self, project: ProjectId) -> tuple[CompletionRecord, ...]:
        """Read every completion of a project in order of (path, purpose, round, index, revision)."""
        ...

    async def label_completion(self, project: ProjectId, completion: CompletionRecord) -> None:
        """Record what was extracted from a completion: its candidate or its red flag."""
        ...

    async def ledger(self, project: ProjectId) -> tuple[LedgerEntry, ...]:
        """Read a project's ledger in order of key and attempt."""
        ...

    async def spend(self, project: ProjectId, revision: int | None = None) -> ProjectSpend:
        """Read what a project's ledger adds up to, or one revision's part of it."""
        ...

    async def save_candidate(self, project: ProjectId, path: NodePath, candidate: Digest, source: str) -> None:
        """Store a candidate's extracted source."""
        ...

    async def candidate(self, project: ProjectId, path: NodePath, candidate: Digest) -> str:
        """Read a candidate's source. Raises NotFound."""
        ...

    async def save_verdicts(
        self, project: ProjectId, path: NodePath, candidate: Digest, verdicts: Sequence[Verdict]
    ) -> None:
        """Insert or replace verdicts by layer."""
        ...

    async def verdicts(self, project: ProjectId, path: NodePath) -> dict[Digest, tuple[Verdict, ...]]:
        """Read a node's verdicts, per candidate in the ladder's order."""
        ...

    async def save_inputs(self, inputs: InputSet) -> None:
        """Store a specification's inputs; the first to store them wins."""
        ...

    async def inputs(self, specification: Digest) -> InputSet | None:
        """Read a specification's stored inputs; None when none are stored."""
        ...

    async def further_inputs(self, project: ProjectId, path: NodePath) -> tuple[InputVector, ...]:
        """Read a node's own inputs, beside those of its specification, in the order in which they were added."""
        ...

    async def add_further_inputs(self, project: ProjectId, path: NodePath, vectors: Sequence[InputVector]) -> None:
        """Add inputs to a node's own; of equal arguments the first stay."""
        ...

    async def claims(self, project: ProjectId, path: NodePath) -> tuple[Claim, ...]:
        """Read what agents claim of a node's results, in an order that depends on the claims alone."""
        ...

    async def save_claims(self, project: ProjectId, path: NodePath, claims: Sequence[Claim]) -> None:
        """Record claims; of an equal claim the votes are replaced."""
        ...

    async def further_examples(self, project: ProjectId, path: NodePath) -> tuple[TestCase, ...]:
        """Read the examples that a vote settled for a node, in the order in which they were added."""
        ...

    async def add_further_examples(self, project: ProjectId, path: NodePath, cases: Sequence[TestCase]) -> None:
        """Add examples to a node's own; the first under a name stays."""
        ...

    async def save_manifest(self, project: ProjectId, manifest: Digest) -> None:
        """Record a manifest (an artifact) as a deliverable of the project."""
        ...

    async def save_question(self, question: Question) -> None:
        """Insert a question or replace its row."""
        ...

    async def questions(self, project: ProjectId) -> tuple[Question, ...]:
        """Read a project's questions, oldest first."""
        ...

    async def open_questions(self) -> tuple[Question, ...]:
        """Read what waits for people in all projects that have not ended, oldest first."""
        ...

    async def save_decision(self, decision: Decision) -> None:
        """Record a decision; the first under (project, question or gate, id) wins."""
        ...

    async def decisions(self, project: ProjectId) -> tuple[Decision, ...]:
        """Read a project's decisions, oldest first."""
        ...

    async def save_forecast(self, project: ProjectId, forecast: Forecast) -> None:
        """Record a forecast."""
        ...

    async def forecasts(self, most: int = 500) -> dict[ProjectId, Forecast]:
        """Read the newest forecast of each project, of those whose forecasts are the newest, in order of project."""
        ...

    async def forecast(self, project: ProjectId) -> Forecast | None:
        """Read the newest forecast; None when there is none."""
        ...


class BreakerStore(Protocol):
    """The circuit breakers of endpoints, shared by all workers."""

    async def breakers(self, endpoints: Sequence[str]) -> dict[str, Breaker]:
        """Read breakers; one that was never stored is closed, at version 0."""
        ...

    async def replace_breaker(self, breaker: Breaker) -> bool:
        """Store what became of a breaker in the place of the version that was read.

        ``breaker.version`` is the version that was read; it is stored as the next. False: somebody else was first.
        """
        ...


class Notifier(Protocol):
    """Tells people that something waits for them; ``name`` tells it from others in logs and notes."""

    @property
    def name(self) -> str:
        """A word: ``webhook``, ``command``."""
        ...

    async def notify(self, notice: Notice) -> None:
        """Tell of a question, once.

        Raises:
            NotifierUnavailable: nobody was told, and a later attempt may reach them.
            NotifierRefused: nobody was told, and no attempt will.
        """
        ...
