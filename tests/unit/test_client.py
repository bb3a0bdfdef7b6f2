"""The Python client, over a Temporal that is pretended and a store in memory."""

from typing import Any, cast

import pytest
from temporalio.client import Client as TemporalClient
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import ApplicationError, CancelledError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from millwright.adapters.storage.memory import MemoryStore
from millwright.client import INLINE_BYTES, Client
from millwright.core.project_input import input_digest
from millwright.errors import BadInput, NotFound, ProjectConflict, SpecificationInvalid, TemporalUnavailable
from schemas.evidence import ProjectRecord
from schemas.identity import ProjectId, TaskStatus
from schemas.project import ProjectInput, ProjectResult

PROJECT = ProjectId("shop")


class PretendedTemporal:
    """Keeps what was started; answers what it is told to."""

    def __init__(self) -> None:
        self.started: dict[str, tuple[ProjectInput, dict[str, Any]]] = {}
        self.outcome: ProjectResult | BaseException = ProjectResult(project=PROJECT, status=TaskStatus.WON, exit_code=0)
        self.refusal: Exception | None = None
        self.cancelled: list[str] = []
        self.status = WorkflowExecutionStatus.RUNNING

    async def start_workflow(self, name: str, given: ProjectInput, *, id: str, **options: Any) -> None:
        """Start, or say that it runs."""
        if self.refusal:
            raise self.refusal
        if id in self.started:
            raise WorkflowAlreadyStartedError(id, name)
        self.started[id] = (given, options)

    def get_workflow_handle(self, id: str) -> "PretendedHandle":
        """Make a handle."""
        return PretendedHandle(self, id)


class PretendedHandle:
    """A handle of a pretended workflow; also its own description."""

    def __init__(self, temporal: PretendedTemporal, id: str) -> None:
        self._temporal = temporal
        self._id = id

    async def result(self) -> ProjectResult:
        """Answer or fail."""
        if isinstance(self._temporal.outcome, BaseException):
            raise self._temporal.outcome
        return self._temporal.outcome

    async def describe(self) -> "PretendedHandle":
        """Describe it."""
        if self._id not in self._temporal.started:
            raise RPCError("workflow not found", RPCStatusCode.NOT_FOUND, b"")
        return self

    @property
    def status(self) -> WorkflowExecutionStatus:
        """Tell how it stands."""
        return self._temporal.status

    async def memo(self) -> dict[str, Any]:
        """Return what it was started with."""
        return cast(dict[str, Any], self._temporal.started[self._id][1]["memo"])

    async def cancel(self) -> None:
        """Remember the wish."""
        if self._id not in self._temporal.started:
            raise RPCError("workflow not found", RPCStatusCode.NOT_FOUND, b"")
        self._temporal.cancelled.append(self._id)

    async def query(self, name: str) -> dict[str, Any]:
        """Answer as JSON decoded without a type."""
        return {"project": PROJECT, "phase": name}


def client() -> tuple[Client, PretendedTemporal, MemoryStore]:
    """Make a client with what it stands on."""
    temporal, store = PretendedTemporal(), MemoryStore()
    return Client(cast(TemporalClient, temporal), store, store), temporal, store


async def test_a_build_starts_the_project_under_its_own_id() -> None:
    """The workflow's id, queue and summary are what the Web UI and other clients rely on."""
    builder, temporal, _ = client()
    build = await builder.build("Price orders.", project=PROJECT, seed=7)
    given, options = temporal.started["millwright/shop"]
    assert not build.attached
    assert (given.requirements, given.project, given.seed) == ("Price orders.", PROJECT, 7)
    assert options["task_queue"] == "millwright-control"
    assert options["static_summary"]
    assert (await build.result()).exit_code == 0


async def test_the_same_build_is_attached_to() -> None:
    """Starting twice is one build."""
    builder, temporal, _ = client()
    await builder.build("Price orders.", project=PROJECT)
    again = await builder.build("Price orders.", project=PROJECT)
    assert again.attached
    assert len(temporal.started) == 1


async def test_other_input_under_a_running_id_is_refused() -> None:
    """A project's id never means two things at once."""
    builder, _, _ = client()
    await builder.build("Price orders.", project=PROJECT)
    with pytest.raises(ProjectConflict, match="--project"):
        await builder.build("Price other orders.", project=PROJECT)


async def test_a_project_built_on_the_same_input_is_not_run_again() -> None:
    """A finished build is returned as it ended; one that failed is run again."""
    builder, temporal, store = client()
    digest = input_digest(ProjectInput(requirements="Price orders."))
    record = ProjectRecord(id=PROJECT, input_digest=digest, status=TaskStatus.WON, exit_code=0, message="done")
    await store.open_project(record)
    build = await builder.build("Price orders.", project=PROJECT)
    assert build.attached
    assert (await build.result()).message == "done"
    assert not temporal.started
    await store.save_project(record.model_copy(update={"status": TaskStatus.FAILED, "exit_code": 1}))
    assert not (await builder.build("Price orders.", project=PROJECT)).attached


async def test_changed_input_of_a_project_that_does_not_run_rebuilds_it() -> None:
    """The caller hears that; whatever the row says, Temporal knows what runs."""
    builder, temporal, store = client()
    digest = input_digest(ProjectInput(requirements="Price orders."))
    await store.open_project(ProjectRecord(id=PROJECT, input_digest=digest))
    build = await builder.build("Price other orders.", project=PROJECT, based_on="bank", reuse=False)
    assert (build.rebuilds, build.attached) == (True, False)
    given, _ = temporal.started["millwright/shop"]
    assert (given.based_on, given.reuse) == ("bank", False)
    again = await builder.build("Price other orders.", project=PROJECT)
    assert (again.rebuilds, again.attached) == (True, True)
    with pytest.raises(ProjectConflict, match="wait for its end or cancel it"):
        await builder.build("Price yet other orders.", project=PROJECT)
    with pytest.raises(BadInput, match="is not a project id"):
        await builder.build("Price more orders.", project=PROJECT, based_on="The Bank")


async def test_a_build_that_another_client_started_is_told_by_its_row() -> None:
    """Without a memo of the input that runs, the stored one decides whether this is the same build."""
    builder, temporal, store = client()
    await builder.build("Price orders.", project=PROJECT)
    temporal.started["millwright/shop"][1]["memo"].clear()
    digest = input_digest(ProjectInput(requirements="Price orders."))
    await store.open_project(ProjectRecord(id=PROJECT, input_digest=digest))
    assert (await builder.build("Price orders.", project=PROJECT)).attached
    with pytest.raises(ProjectConflict, match="--project"):
        await builder.build("Price other orders.", project=PROJECT)


async def test_large_requirements_travel_by_digest() -> None:
    """The start event stays small."""
    builder, temporal, store = client()
    text = "x " * INLINE_BYTES
    await builder.build(text, project=PROJECT)
    given = temporal.started["millwright/shop"][0]
    assert given.requirements == ""
    assert given.requirements_digest is not None
    assert (await store.get(given.requirements_digest)).decode() == text


async def test_nothing_to_build_is_refused() -> None:
    """Neither prose nor specification is bad input."""
    builder, temporal, _ = client()
    with pytest.raises(BadInput, match="nothing to build"):
        await builder.build("  \n")
    assert not temporal.started


async def test_a_bad_project_id_is_answered_with_one_that_would_do() -> None:
    """The message offers the nearest id."""
    builder, _, _ = client()
    with pytest.raises(BadInput, match="'my-shop' would do"):
        await builder.build("Price orders.", project="My Shop")


async def test_a_cancelled_build_ends_as_cancelled() -> None:
    """Cancelling is an outcome and not an exception."""
    builder, temporal, _ = client()
    temporal.outcome = WorkflowFailureError(cause=CancelledError("cancelled"))
    result = await builder.result(PROJECT)
    assert (result.status, result.exit_code) == (TaskStatus.CANCELLED, 1)


async def test_a_build_that_refused_its_input_says_so() -> None:
    """The workflow's readable refusal reaches the caller as bad input."""
    builder, temporal, _ = client()
    cause = ApplicationError("no such language: 'cobol'", type="BadInput", non_retryable=True)
    temporal.outcome = WorkflowFailureError(cause=cause)
    with pytest.raises(BadInput, match="cobol"):
        await builder.result(PROJECT)


async def test_a_specification_refused_by_the_workflow_stays_one() -> None:
    """Its kind survives the workflow, and its text is not wrapped a second time."""
    builder, temporal, _ = client()
    told = "the specification has 1 fault: tasks[0].test_cases[0]: breaks the precondition n > 0"
    cause = ApplicationError(told, type="SpecificationInvalid", non_retryable=True)
    temporal.outcome = WorkflowFailureError(cause=cause)
    with pytest.raises(SpecificationInvalid) as refused:
        await builder.result(PROJECT)
    assert str(refused.value) == told


async def test_a_project_is_asked_whether_it_runs() -> None:
    """Running and continued as new go on, everything else has ended, and an unknown project is not found."""
    builder, temporal, _ = client()
    with pytest.raises(NotFound, match="millwright list"):
        await builder.is_running(PROJECT)
    await builder.build("Price orders.", project=PROJECT)
    for status in WorkflowExecutionStatus:
        temporal.status = status
        assert await builder.is_running(PROJECT) is (status.name in ("RUNNING", "CONTINUED_AS_NEW"))


async def test_a_build_that_fell_is_failed_with_its_reason() -> None:
    """Any other failure of the workflow is a failed project."""
    builder, temporal, _ = client()
    temporal.outcome = WorkflowFailureError(cause=ApplicationError("the disk is full"))
    result = await builder.result(PROJECT)
    assert (result.status, result.exit_code) == (TaskStatus.FAILED, 1)
    assert "the disk is full" in result.message


async def test_no_answer_from_temporal_is_told_with_a_remedy() -> None:
    """A lost connection is a service that is not reachable."""
    builder, temporal, _ = client()
    temporal.refusal = RPCError("connection refused", RPCStatusCode.UNAVAILABLE, b"")
    with pytest.raises(TemporalUnavailable, match="millwright doctor"):
        await builder.build("Price orders.", project=PROJECT)


async def test_a_running_project_can_be_cancelled_and_asked() -> None:
    """Cancel and progress go to the workflow of the project; an unknown one is not found."""
    builder, temporal, _ = client()
    await builder.build("Price orders.", project=PROJECT)
    await builder.cancel(PROJECT)
    assert temporal.cancelled == ["millwright/shop"]
    assert (await builder.progress(PROJECT)).phase == "progress"
    with pytest.raises(NotFound):
        await builder.cancel("nobody")


def test_the_name_of_a_project_is_no_part_of_its_input() -> None:
    """Two names for one wish have one digest, and every option changes it."""
    given = ProjectInput(requirements="Price orders.")
    assert input_digest(given) == input_digest(given.model_copy(update={"project": "shop"}))
    assert input_digest(given) != input_digest(given.model_copy(update={"seed": 1}))
