"""One project from request to deliverable: open, specify, forecast, build the tree, integrate, report.

It decides the order; its gates wait for approvals, and everything else is done by activities and node workflows.
"""

import asyncio

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import (
    ApplicationError,
    ChildWorkflowError,
    FailureError,
    is_cancelled_exception,
)
from temporalio.workflow import ParentClosePolicy

from activities.integration import Integration
from activities.records import Records
from activities.reworking import Reworking
from activities.specification import Specification
from millwright.core.voting import ungated
from schemas.attribution import ReopenRequest
from schemas.evidence import Forecast
from schemas.identity import DELIVERED, ROOT_PATH, Gate, ProjectId, TaskStatus
from schemas.project import (
    Approval,
    CapReport,
    NodeInput,
    NodeResult,
    OnExhausted,
    Policy,
    ProjectInput,
    ProjectProgress,
    ProjectResult,
)
from schemas.requests import (
    ElectionRef,
    FinishRequest,
    IntegrationResult,
    NodeRef,
    NodeState,
    OpenedProject,
    OpenRequest,
    Purpose,
    SettleRequest,
)
from workflows import policies
from workflows.caps import REPORT
from workflows.election import Booth
from workflows.explaining import told_why
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
from workflows.presentation import (
    election_details,
    expectation,
    failure_note,
    failure_type,
)

NOTHING = ProjectInput()
"""What a start without input asks for; it is refused like any other request for nothing."""

SHOW_QUESTIONS = "show-what-requirements-leave-open"
"""Marks builds that show what is open at the specification's gate; older ones wait there without it."""

_REFUSALS = frozenset({"BadInput", "SpecificationInvalid"})


@workflow.defn
class ProjectWorkflow:
    """Builds one project."""

    @workflow.init
    def __init__(self, given: ProjectInput = NOTHING) -> None:
        self._gates = Gates(given)
        self._project = ProjectId("")
        self._phase = "opening"

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
        forecast = opened.forecast
        policy: Policy | ProjectResult
        if opened.has_specification:
            policy, forecast = await self._accept(opened)
        else:
            policy = await self._specify(opened)
        if isinstance(policy, ProjectResult):
            return policy
        rejected = await self._gates.passed(Gate.SPECIFICATION, await self._left_open()) or await self._gates.passed(
            Gate.PLAN, expectation(forecast, policy.rule.k)
        )
        if rejected:
            return await self._finish(TaskStatus.FAILED, IntegrationResult(), message=rejected)
        self._enter("building")
        root = await self._root(policy)
        integration = await self._deliver()
        for _ in range(policy.max_reopenings):
            if root.status not in DELIVERED or not await self._reopened(policy, integration):
                break
            self._enter("building")
            root = await self._root(policy)
            integration = await self._deliver()
        rejected = await self._gates.passed(Gate.DELIVERY, "the deliverable")
        if rejected:
            return await self._finish(TaskStatus.FAILED, IntegrationResult(), message=rejected)
        return await self._finish(root.status, integration, message=root.note, budget_reached=root.budget_reached)

    async def _deliver(self) -> IntegrationResult:
        self._enter("integrating")
        return await workflow.execute_activity_method(
            Integration.deliver,
            NodeRef(project=self._project, path=ROOT_PATH),
            task_queue=VERIFY_QUEUE,
            summary="assemble and verify the whole",
            **policies.INTEGRATE,
        )

    async def _reopened(self, policy: Policy, integration: IntegrationResult) -> bool:
        """Open again exactly the parts that the checks of the whole complain of; False where there are none to open."""
        if not integration.concerned or policy.on_exhausted is OnExhausted.FAIL:
            return False
        reopened = await workflow.execute_activity_method(
            Reworking.reopen,
            ReopenRequest(
                project=self._project,
                top=ROOT_PATH,
                paths=integration.concerned,
                max_reopenings=policy.max_reopenings,
                evidence=integration.evidence,
            ),
            summary=f"open again: {', '.join(integration.concerned[:3])}",
            **policies.RECORD,
        )
        return bool(reopened.paths)

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
        self._project = self._gates.project = opened.project
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

    async def _specify(self, opened: OpenedProject) -> Policy | ProjectResult:
        """Elect the root's specification from the prose."""
        booth = Booth(
            ref=ElectionRef(
                project=opened.project, path=ROOT_PATH, purpose=Purpose.SPECIFY, revision=opened.policy.revision
            ),
            policy=opened.policy,
            rule=ungated(opened.policy.rule),
            at_cap=self._gates.at_cap,
        )
        outcome = await booth.hold()
        if outcome.election.winner is None:
            counted = election_details(outcome.election, booth.rule.k)
            if outcome.budget_reached is None:
                counted += await told_why(booth.ref)
            message = outcome.budget_reached or (
                f"the specification was not agreed on ({counted}): make the requirements more precise, or give --spec"
            )
            return await self._finish(
                TaskStatus.FAILED,
                IntegrationResult(),
                message=message,
                budget_reached=outcome.budget_reached is not None,
            )
        await workflow.execute_activity_method(
            Specification.settle_root,
            SettleRequest(election=booth.ref, winner=outcome.election.winner, policy=opened.policy),
            summary="the root's specification",
            **policies.RECORD,
        )
        return opened.policy

    async def _left_open(self) -> str:
        """Say what is shown to whoever approves the specification: with it, what the requirements leave open."""
        if Gate.SPECIFICATION not in self._gates.asked or not workflow.patched(SHOW_QUESTIONS):
            return "the specification"
        return await workflow.execute_activity_method(
            Specification.left_open,
            NodeRef(project=self._project, path=ROOT_PATH),
            summary="what the requirements leave open",
            **policies.RECORD,
        )

    async def _root(self, policy: Policy) -> NodeResult:
        given = NodeInput(project=self._project, path=ROOT_PATH, policy=policy, gatekeeper=self._gates.gatekeeper)
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
        return ProjectProgress(
            project=self._project,
            phase=self._phase,
            waits_for=self._gates.open,
            decision_id=self._gates.next_decision,
        )

    @workflow.update(name="approve")
    async def approve(self, given: Approval) -> str:
        """Approve or reject at the open gate; the same decision twice is one."""
        taken = self._gates.take(given)
        return f"{given.decision.value}: {given.gate.value}" if taken else "this decision was already taken"

    @approve.validator
    def _check_approval(self, given: Approval) -> None:
        problem = self._gates.refusal(given)
        if problem:
            raise ApplicationError(problem, type="ApprovalRefused", non_retryable=True)

    @workflow.signal(name="approve")
    def approve_by_signal(self, given: Approval) -> None:
        """Approve by signal; a decision about another gate is shown in the current details and ignored."""
        self._gates.take_or_explain(given)

    @workflow.signal(name=REPORT)
    def cap_reached(self, given: CapReport) -> None:
        """Hear from a node that it reached a cap and waits."""
        self._gates.report(given)
