"""One project from request to deliverable: open, specify, forecast, build the tree, integrate, report.

It decides the order; its gates wait for approvals, and everything else is done by activities and node workflows.
"""

import asyncio
from typing import Any

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import (
    ApplicationError,
    ChildWorkflowError,
    FailureError,
    is_cancelled_exception,
)
from temporalio.workflow import ParentClosePolicy

from activities.records import Records
from activities.specification import Specification
from schemas.evidence import Forecast
from schemas.identity import DELIVERED, ROOT_PATH, Gate, ProjectId, TaskStatus
from schemas.people import Door
from schemas.project import (
    CapReport,
    NodeInput,
    NodeResult,
    PlanReport,
    Policy,
    ProjectInput,
    ProjectProgress,
    ProjectResult,
)
from schemas.requests import (
    FinishRequest,
    IntegrationResult,
    NodeRef,
    NodeState,
    OpenedProject,
    OpenRequest,
)
from workflows import policies
from workflows.caps import REPORT
from workflows.delivering import Delivering
from workflows.gates import Gates
from workflows.identifiers import (
    PROJECT_ATTRIBUTE,
    SPEND_ATTRIBUTE,
    STATE_ATTRIBUTE,
    VERIFY_QUEUE,
    node_attributes,
    node_workflow_id,
    project_named_by,
)
from workflows.node import NodeWorkflow
from workflows.planned import PLAN_KNOWN
from workflows.presentation import (
    expectation,
    failure_note,
    failure_type,
)
from workflows.specifying import Specified, Specifying

NOTHING = ProjectInput()
"""What a start without input asks for; it is refused like any other request for nothing."""

_REFUSALS = frozenset({"BadInput", "SpecificationInvalid"})


@workflow.defn
class ProjectWorkflow:
    """Builds one project."""

    @workflow.init
    def __init__(self, given: ProjectInput = NOTHING) -> None:
        self._gates = Gates(given)
        self._project = ProjectId("")
        self._phase = "opening"
        self._specifying = Specifying(self._gates)
        self._delivering = Delivering(self._gates)

    @workflow.run
    async def run(self, given: ProjectInput = NOTHING) -> ProjectResult:
        """Build the project; a part that fails is in the result, an input that cannot be built fails the workflow."""
        try:
            result = await self._build(given)
        except asyncio.CancelledError:
            await self._close(TaskStatus.CANCELLED, "cancelled")
            raise
        except FailureError as error:
            if is_cancelled_exception(error):
                await self._close(TaskStatus.CANCELLED, "cancelled")
                raise
            await self._refuse(error)
            raise ApplicationError(
                failure_note(error), type=failure_type(error) or "ProjectFailed", non_retryable=True
            ) from error
        await workflow.wait_condition(workflow.all_handlers_finished)
        return result

    async def _build(self, given: ProjectInput) -> ProjectResult:
        opened = await self._open(given)
        if opened.finished is not None:
            return opened.finished
        self._enter("specifying")
        policy, forecast = opened.policy, opened.forecast
        specified = Specified()
        if opened.has_specification:
            policy, forecast = await self._accept(opened)
        else:
            specified = await self._specifying.elected(policy)
        if specified.message is None:
            specified = await self._specifying.consented(policy, given=opened.has_specification)
        if specified.message is not None:
            return await self._failed(specified.message, budget_reached=specified.budget_reached)
        refused = await self._consented_plan(opened, forecast, policy.rule.k)
        if refused:
            return await self._failed(refused)
        while True:  # how often a delivery is rejected with guidance is bounded
            root, integration = await self._built(policy)
            if self._gates.plan_refused:
                return await self._failed(self._gates.plan_refused)
            consent = await self._delivering.consented(root, integration)
            if consent.refused:
                return await self._failed(consent.refused)
            if not consent.guidance:
                return await self._finish(
                    root.status, integration, message=root.note, budget_reached=root.budget_reached
                )

    async def _consented_plan(self, opened: OpenedProject, forecast: Forecast, k: int) -> str | None:
        """Have a person consent to a given tree; what agents plan is held where it is known. Returns why not."""
        if not self._gates.shows_tree():
            return (await self._gates.passed(Gate.PLAN, expectation(forecast, k))).refused
        if opened.has_specification:
            return (await self._gates.passed(Gate.PLAN, await self._gates.plan_shown())).refused
        self._gates.hold_plan()
        return None

    async def _built(self, policy: Policy) -> tuple[NodeResult, IntegrationResult]:
        """Build the tree and the whole, and again where the whole does not hold with some parts."""
        done = 0
        while True:
            self._enter("building")
            root = await self._root(policy)
            if self._gates.plan_refused:
                return root, IntegrationResult()
            self._enter("integrating")
            integration = await self._delivering.whole()
            if done == policy.max_reopenings or root.status not in DELIVERED:
                return root, integration
            if not await self._delivering.reopened(policy, integration):
                return root, integration
            done += 1

    async def _open(self, given: ProjectInput) -> OpenedProject:
        info = workflow.info()
        # Local: its input, the requirements themselves, is then in no event but the start of this workflow.
        opened = await workflow.execute_local_activity_method(
            Records.open_project,
            OpenRequest(
                given=given,
                workflow_id=info.workflow_id,
                run_id=info.run_id,
                name=project_named_by(info.workflow_id),
            ),
            summary="open the project",
            **policies.OPEN,
        )
        self._project = opened.project
        self._gates.keeper.begin(opened.project, opened.gates_put)
        workflow.upsert_search_attributes(
            [PROJECT_ATTRIBUTE.value_set(opened.project), STATE_ATTRIBUTE.value_set(TaskStatus.RUNNING.value)]
        )
        return opened

    async def _accept(self, opened: OpenedProject) -> tuple[Policy, Forecast]:
        """Take the specification that was given, and plan it."""
        ref = NodeRef(project=opened.project, path=ROOT_PATH)
        await workflow.execute_activity_method(
            Specification.accept_given,
            ref,
            task_queue=VERIFY_QUEUE,
            summary="check and store the given specification",
            **policies.VERIFY,
        )
        given = await workflow.execute_activity_method(
            Records.plan_given, ref, summary="forecast, choose k", **policies.RECORD
        )
        return Policy.model_validate(given.model_dump(exclude={"forecast"})), given.forecast or opened.forecast

    async def _failed(self, message: str, *, budget_reached: bool = False) -> ProjectResult:
        return await self._finish(
            TaskStatus.FAILED, IntegrationResult(), message=message, budget_reached=budget_reached
        )

    async def _root(self, policy: Policy) -> NodeResult:
        given = NodeInput(
            project=self._project,
            path=ROOT_PATH,
            policy=policy,
            gatekeeper=self._gates.gatekeeper,
            consenter=self._gates.consenter,
        )
        building = workflow.execute_child_workflow(
            NodeWorkflow.run,
            given,
            id=node_workflow_id(self._project, ROOT_PATH),
            static_summary=ROOT_PATH,
            search_attributes=node_attributes(given),
            parent_close_policy=ParentClosePolicy.REQUEST_CANCEL,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        )
        try:
            return await self._gates.kept(building)
        except ChildWorkflowError as error:
            if is_cancelled_exception(error):
                raise
            return NodeResult(path=ROOT_PATH, status=TaskStatus.FAILED, note=failure_note(error))

    async def _finish(
        self, root: TaskStatus, integration: IntegrationResult, *, message: str, budget_reached: bool = False
    ) -> ProjectResult:
        result = await workflow.execute_activity_method(
            Records.finish,
            FinishRequest(
                project=self._project,
                root_status=root,
                integration=integration,
                budget_reached=budget_reached,
                message=message,
            ),
            summary="report",
            **policies.RECORD,
        )
        workflow.upsert_search_attributes(
            [STATE_ATTRIBUTE.value_set(result.status.value), SPEND_ATTRIBUTE.value_set(result.spend.cost)]
        )
        self._enter("finished")
        return result

    async def _refuse(self, error: FailureError) -> None:
        """Close a project that failed; one whose input was refused leaves its id free."""
        note = failure_note(error)
        if failure_type(error) in _REFUSALS and self._project:
            await workflow.execute_activity_method(
                Records.forget,
                NodeState(project=self._project, path=ROOT_PATH, status=TaskStatus.FAILED, note=note),
                summary="the input was refused",
                **policies.RECORD,
            )
        await self._close(TaskStatus.FAILED, note)

    async def _close(self, status: TaskStatus, note: str) -> None:
        if not self._project:
            return
        await self._gates.keeper.abandon(f"the project ended meanwhile: {note}")
        await workflow.execute_activity_method(
            Records.close,
            NodeState(project=self._project, path=ROOT_PATH, status=status, note=note),
            summary=status.value,
            **policies.RECORD,
        )
        workflow.upsert_search_attributes([STATE_ATTRIBUTE.value_set(status.value)])

    def _enter(self, phase: str) -> None:
        self._phase = phase

    @workflow.query
    def progress(self) -> ProjectProgress:
        """Say what the project is doing."""
        keeper = self._gates.keeper
        return ProjectProgress(
            project=self._project,
            phase=self._phase,
            waits_for=keeper.open,
            decision_id=keeper.next_decision,
            question=keeper.question.id if keeper.question else "",
        )

    @workflow.update(name="approve")
    async def approve(self, *given: Any) -> str:
        """Decide at the open gate, and wait for what follows; the same decision twice is one."""
        return await self._gates.keeper.taken(Door.UPDATE, *given)

    @approve.validator
    def _check_approval(self, *given: Any) -> None:
        problem = self._gates.keeper.refusal(*given)
        if problem:
            raise ApplicationError(problem, type="ApprovalRefused", non_retryable=True)

    @workflow.signal(name="approve")
    async def approve_by_signal(self, *given: Any) -> None:
        """Decide by signal; what cannot be taken is shown in the current details and ignored."""
        await self._gates.keeper.noted(*given)

    @workflow.signal(name=REPORT)
    def cap_reached(self, given: CapReport) -> None:
        """Hear from a node that it reached a cap and waits."""
        self._gates.report(given)

    @workflow.signal(name=PLAN_KNOWN)
    def plan_known(self, given: PlanReport) -> None:
        """Hear from the root that its plan is known, and waits for consent."""
        self._gates.plan_known(given)
