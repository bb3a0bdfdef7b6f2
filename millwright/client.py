"""The Python client: builds projects, follows them and stops them, over a Temporal client and a store.

It neither starts services nor prints: the command line does both, and uses nothing else to reach a build.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

from pydantic import JsonValue
from temporalio.client import Client as TemporalClient
from temporalio.client import (
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, CancelledError, TerminatedError, WorkflowAlreadyStartedError

from millwright.answering import Answering, decision_at_gate, message
from millwright.core.project_input import checked_project_id, input_digest
from millwright.errors import (
    BadInput,
    NotFound,
    ProjectConflict,
    SpecificationInvalid,
    TemporalUnavailable,
)
from millwright.ports import ArtifactStore, ProjectStore
from millwright.records import Records
from millwright.temporal import speaking_of
from schemas.evidence import ProjectRecord
from schemas.identity import DELIVERED, Digest, Gate, ProjectId, TaskStatus
from schemas.models import Budget
from schemas.people import Door, Question, Waiting
from schemas.project import (
    ATOMIC_COMPLEXITY,
    ATOMIC_LINES,
    CODES,
    Answer,
    Approval,
    ApprovalDecision,
    ExitCode,
    LadderMode,
    OnExhausted,
    ProjectInput,
    ProjectProgress,
    ProjectResult,
    Rejections,
)
from workflows.identifiers import CONTROL_QUEUE, project_workflow_id

INLINE_BYTES = 256 * 1024
"""The most UTF-8 bytes of requirements or specification that travel in the start event; more goes by digest."""

_WORKFLOW = "ProjectWorkflow"
_INPUT_MEMO = "input_digest"
_BAD_INPUT_TYPES = frozenset({"BadInput", "NotFound", "PayloadValidationError"})
_GOING_ON = (WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW)


@dataclass(frozen=True)
class Build:
    """A build that was started or attached to; ``attached``: it was there already, running or built.

    ``rebuilds``: the project was built on other input before, and only what changed is built.
    """

    project: ProjectId
    attached: bool
    _client: "Client"
    _finished: ProjectResult | None = None
    rebuilds: bool = False

    async def result(self) -> ProjectResult:
        """Wait for the end. Raises as ``Client.result`` does."""
        return self._finished or await self._client.result(self.project)


class Client:
    """Builds projects and follows them.

    ``temporal`` must use ``millwright.temporal.data_converter`` (``millwright.temporal.connect`` does).
    """

    def __init__(self, temporal: TemporalClient, projects: ProjectStore, artifacts: ArtifactStore) -> None:
        self._temporal = temporal
        self._projects = projects
        self._artifacts = artifacts
        self._answering = Answering(temporal, projects)

    async def build(
        self,
        requirements: str = "",
        target_language: str = "python",
        *,
        specification: str = "",
        project: str | None = None,
        k: int | None = None,
        max_attempts: int = 20,
        on_exhausted: OnExhausted = OnExhausted.PERSON,
        approve: Sequence[Gate] = (),
        budget: Budget | None = None,
        seed: int = 0,
        ladder: LadderMode = LadderMode.PER_LAYER,
        rejections: Rejections = Rejections.FIRST,
        proposals: int = 1,
        reviews: int = 1,
        atomic_lines: int = ATOMIC_LINES,
        atomic_complexity: int = ATOMIC_COMPLEXITY,
        target_reliability: float = 0.95,
        reuse: bool = True,
        based_on: str | None = None,
        waiting: Waiting | None = None,
        max_rejections: int = 2,
    ) -> Build:
        """Start a build, or attach to the one of the same project and input.

        ``requirements`` is prose, ``specification`` the YAML or JSON text of task specifications; give at least one.
        ``project`` names the build; without it a name is made from the input. ``k`` None lets the plan choose the
        margin of each task, so that all are right with probability ``target_reliability``; ``proposals`` verifier
        agents propose inputs for each task before its vote, and ``reviews`` reviewer agents for each winner. A task
        within ``atomic_lines`` and ``atomic_complexity``, by estimate, is not split further. A project that was built
        on the same input is returned as it ended; one that failed is run again. One that has ended on other input is
        built again as its next revision, and with ``reuse`` only what changed is; ``based_on`` names another project
        whose parts may be used too. ``waiting`` says how long people are waited for and who is asked; what they reject
        with a note is done again at most ``max_rejections`` times a gate.

        Raises:
            BadInput: neither requirements nor specification, or a ``project`` that is no project id.
            ProjectConflict: the project runs on other input.
            TemporalUnavailable: Temporal does not answer.
        """
        if not requirements.strip() and not specification.strip():
            raise BadInput("there is nothing to build: give requirements in prose, a specification, or both")
        given = await self._input(
            requirements,
            specification,
            ProjectInput(
                target_language=target_language,
                k=k,
                max_attempts=max_attempts,
                on_exhausted=on_exhausted,
                approve=tuple(approve),
                budget=budget or Budget(),
                seed=seed,
                ladder=ladder,
                rejections=rejections,
                proposals=proposals,
                reviews=reviews,
                atomic_lines=atomic_lines,
                atomic_complexity=atomic_complexity,
                target_reliability=target_reliability,
                reuse=reuse,
                based_on=None if based_on is None else checked_project_id(based_on),
                waiting=waiting or Waiting(),
                max_rejections=max_rejections,
            ),
        )
        digest = input_digest(given)
        name = checked_project_id(project) if project is not None else ProjectId(f"build-{digest[:12]}")
        stored = await self._stored(name)
        known = None if stored is None else stored.input_digest
        if stored is not None and known == digest and stored.status in DELIVERED and stored.exit_code is not None:
            return Build(name, attached=True, _client=self, _finished=await self._ended(stored))
        started = await self._start(name, given.model_copy(update={"project": name}), digest, known)
        return replace(started, rebuilds=known not in (None, digest))

    async def result(self, project: str) -> ProjectResult:
        """Wait for a project's end, and say how it ended.

        Raises:
            NotFound: no such project is known to Temporal.
            BadInput: the build refused its input; SpecificationInvalid where that is the specification.
            TemporalUnavailable: Temporal does not answer.
        """
        name = checked_project_id(project)
        try:
            async with speaking_of(name):
                result = await self._handle(name).result()
        except WorkflowFailureError as failure:
            return await self._fallen(name, failure.cause)
        return ProjectResult.model_validate(result)

    async def is_running(self, project: str) -> bool:
        """Say whether a project has still to end; it asks once, and leaves no call waiting.

        Raises:
            NotFound: no such project is known to Temporal.
            TemporalUnavailable: Temporal does not answer.
        """
        name = checked_project_id(project)
        async with speaking_of(name):
            return (await self._handle(name).describe()).status in _GOING_ON

    async def cancel(self, project: str) -> None:
        """Ask a running project to stop; what it has won so far stays stored.

        Raises:
            NotFound: no such project runs.
            TemporalUnavailable: Temporal does not answer.
        """
        name = checked_project_id(project)
        async with speaking_of(name):
            await self._handle(name).cancel()

    async def answer(
        self,
        question: Question,
        value: str | Mapping[str, JsonValue],
        *,
        by: str,
        note: str = "",
        decision_id: str | None = None,
        through: Door = Door.CLIENT,
    ) -> str:
        """Answer a question, and return in a line what followed; at a gate ``approve``, ``reject`` or ``assign``.

        ``value`` is as ``schemas.project.Answer`` says. The same ``decision_id`` twice is one decision; without one it
        is new. Where no worker takes it soon, it is stored and acted on later, and the line says so.

        Raises:
            BadInput: it is not understood, cannot be acted on, or the question is settled, as the message says.
            NotFound: nothing that runs waits for it.
            TemporalUnavailable: Temporal does not answer.
        """
        if question.gate is not None:
            fields = {"gate": question.gate, **decision_at_gate(question, value)}
            approval = message(Approval, {**fields, **_decided(decision_id, by, note, through)})
            return await self._answering.approve(question.project, approval)
        fields = {"question": question.id, "value": value if isinstance(value, str) else dict(value)}
        given = message(Answer, {**fields, **_decided(decision_id, by, note, through)})
        return await self._answering.answer(question, given)

    async def approve(
        self,
        project: str,
        decision: ApprovalDecision = ApprovalDecision.APPROVE,
        *,
        gate: Gate | None = None,
        by: str,
        note: str = "",
        budget: Budget | None = None,
        to: str = "",
        decision_id: str | None = None,
        through: Door = Door.CLIENT,
    ) -> str:
        """Decide at a project's gate, the open one unless ``gate`` says which, and return in a line what followed.

        ``budget`` goes with consent at the gate of the budget, ``to`` with ``assign``; else as ``answer``.

        Raises:
            BadInput: the decision cannot be taken, no gate is open or several are, or the project has ended.
            NotFound: no such project runs.
            TemporalUnavailable: Temporal does not answer, or no worker does.
        """
        name = checked_project_id(project)
        if gate is None:
            gate = await self._answering.open_gate(name)
        if gate is None and decision_id and (taken := await self._answering.taken(name, decision_id)):
            return taken
        if gate is None:
            gate = (await self.progress(name)).waits_for  # builds of before gates had questions
        if gate is None:
            raise BadInput(f"project {name!r} waits at no gate: `millwright inbox` shows what waits")
        fields = {"gate": gate, "decision": decision, "budget": budget, "to": to}
        return await self._answering.approve(
            name, message(Approval, {**fields, **_decided(decision_id, by, note, through)})
        )

    async def progress(self, project: str) -> ProjectProgress:
        """Ask a project's workflow where it stands.

        Raises:
            NotFound: no such project is known to Temporal.
            TemporalUnavailable: Temporal does not answer, or no worker does.
        """
        name = checked_project_id(project)
        try:
            async with speaking_of(name):
                return ProjectProgress.model_validate(await self._handle(name).query("progress"))
        except WorkflowQueryFailedError as error:
            raise TemporalUnavailable(f"project {name!r} does not answer: {error}; is a worker running?") from error

    async def _input(self, requirements: str, specification: str, given: ProjectInput) -> ProjectInput:
        fields: dict[str, str | Digest] = {}
        for name, text in (("requirements", requirements), ("specification", specification)):
            content = text.encode("utf-8")
            if len(content) > INLINE_BYTES:
                fields[f"{name}_digest"] = await self._artifacts.put(content, "text/plain; charset=utf-8")
            else:
                fields[name] = text
        return given.model_copy(update=fields)

    async def _start(self, name: ProjectId, given: ProjectInput, digest: Digest, known: Digest | None) -> Build:
        try:
            async with speaking_of(name):
                await self._temporal.start_workflow(
                    _WORKFLOW,
                    given,
                    id=project_workflow_id(name),
                    task_queue=CONTROL_QUEUE,
                    # FAIL and not USE_EXISTING: only then is it known whether this call started the run or attached to
                    # one, whose input has to be compared first.
                    id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                    memo={_INPUT_MEMO: digest},
                    static_summary=_summary(name, given),
                )
        except WorkflowAlreadyStartedError:
            await self._demand_same_input(name, digest, known)
            return Build(name, attached=True, _client=self)
        return Build(name, attached=False, _client=self)

    async def _demand_same_input(self, name: ProjectId, digest: Digest, stored: Digest | None) -> None:
        async with speaking_of(name):
            running = await (await self._handle(name).describe()).memo()
        known = running.get(_INPUT_MEMO, stored)  # absent where a build was started without this client
        if known is not None and known != digest:
            raise _conflict(name)

    async def _stored(self, name: ProjectId) -> ProjectRecord | None:
        try:
            return await self._projects.project(name)
        except NotFound:
            return None

    async def _ended(self, record: ProjectRecord) -> ProjectResult:
        view = await Records(self._projects, self._artifacts).view(record.id)
        return ProjectResult(
            project=record.id,
            status=record.status,
            exit_code=CODES[ExitCode.FAILED] if record.exit_code is None else record.exit_code,
            counts=view.counts,
            spend=view.spend,
            manifest=record.manifest,
            report=record.report,
            message=record.message,
        )

    async def _fallen(self, name: ProjectId, cause: BaseException) -> ProjectResult:
        if isinstance(cause, ApplicationError) and cause.type == "ProjectConflict":
            raise _conflict(name)
        if isinstance(cause, ApplicationError) and cause.type == SpecificationInvalid.__name__:
            raise _invalid(str(cause.message))
        if isinstance(cause, ApplicationError) and cause.type in _BAD_INPUT_TYPES:
            raise BadInput(str(cause.message))
        stopped = isinstance(cause, CancelledError | TerminatedError)
        stored = await self._stored(name)
        spend = await self._projects.spend(name, stored.revision if stored else None)
        return ProjectResult(
            project=name,
            status=TaskStatus.CANCELLED if stopped else TaskStatus.FAILED,
            exit_code=CODES[ExitCode.FAILED],
            spend=spend.settled,
            message=f"project {name!r} was cancelled" if stopped else _root_message(cause),
        )

    def _handle(self, name: ProjectId) -> WorkflowHandle[object, object]:
        return self._temporal.get_workflow_handle(project_workflow_id(name))


def _decided(decision_id: str | None, by: str, note: str, through: Door) -> dict[str, object]:
    return {"decision_id": decision_id or str(uuid4()), "by": by, "note": note, "through": through}


def _summary(name: ProjectId, given: ProjectInput) -> str:
    source = "a specification" if given.specification or given.specification_digest else "prose"
    margin = "k planned" if given.k is None else f"k = {given.k}"
    return f"{name}: {given.target_language} from {source}, {margin}, seed {given.seed}"


def _conflict(name: ProjectId) -> ProjectConflict:
    return ProjectConflict(
        f"project {name!r} is being built with other requirements, specification, language or seed: give the same "
        "again, wait for its end or cancel it, or choose another name with --project"
    )


def _invalid(message: str) -> SpecificationInvalid:
    """Restore the refusal of a specification; its faults crossed the workflow's end as text, already put into words."""
    error = SpecificationInvalid(())
    error.args = (message,)
    return error


def _root_message(cause: BaseException) -> str:
    while isinstance(inner := cause.__cause__, BaseException):
        cause = inner
    return str(cause)
