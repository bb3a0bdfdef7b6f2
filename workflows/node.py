"""One node of the tree: plan it, build what is below it, elect its code, fall back, and ask a person at last.

It decides; activities touch. Its history holds ids, digests, verdicts and counts.
"""

import asyncio
from collections.abc import Sequence

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ActivityError, ApplicationError, ChildWorkflowError, is_cancelled_exception
from temporalio.workflow import ParentClosePolicy

from activities.decomposition import Decomposition
from activities.integration import Integration
from activities.notification import Notification
from activities.records import Records
from millwright.core import escalation
from millwright.core.fallback import Step, next_step
from millwright.core.voting import ungated
from schemas.election import Election, ElectionState, Rule
from schemas.evidence import Question
from schemas.identity import DELIVERED, NodePath, TaskStatus
from schemas.planning import ChildOutline, NodeKind, NodePlan
from schemas.project import Answer, NodeInput, NodeResult, OnExhausted
from schemas.requests import (
    AnswerRecord,
    AskRequest,
    ElectionRef,
    NodeOutcome,
    NodeRef,
    NodeState,
    Purpose,
    SettleRequest,
)
from workflows import policies
from workflows.election import Booth, Outcome
from workflows.explaining import told_why
from workflows.identifiers import (
    STATE_ATTRIBUTE,
    WAITS_FOR_ATTRIBUTE,
    node_attributes,
    node_workflow_id,
)
from workflows.inbox import Inbox, decision
from workflows.preparation import planned_rule, prepared
from workflows.presentation import election_details, failure_note, first_reason, model_refused, waiting_details

UNTESTED = "no example speaks of it: its behaviour is agreed on, not tested"

ASK_UNTESTED = "ask-about-untested"
"""The mark in histories since which a person is asked about a winner that no example speaks of."""


@workflow.defn
class NodeWorkflow:
    """Builds one node and everything below it."""

    @workflow.init
    def __init__(self, given: NodeInput) -> None:
        self._given = given
        self._ref = NodeRef(project=given.project, path=given.path)
        self._inbox = Inbox()
        self._asked = 0
        self._simplifications = 0
        self._budget_reached = False
        self._tested = True
        self._rule = given.policy.rule

    @workflow.run
    async def run(self, given: NodeInput) -> NodeResult:
        """Build the node; a failure of a part is a result, not an exception."""
        try:
            result = await self._build()
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            result = await self._end(TaskStatus.FAILED, note=failure_note(error))
        await workflow.wait_condition(workflow.all_handlers_finished)
        return result

    async def _build(self) -> NodeResult:
        plan = await self._record_plan()
        if plan.kind is NodeKind.BLOCKED:
            missing = ", ".join(plan.missing)
            return await self._blocked(f"it depends on {missing}, which was not built")
        await self._state(TaskStatus.RUNNING)
        if plan.kind is NodeKind.UNDECIDED:
            outcome = await self._elect_plan(0)
            if isinstance(outcome, Outcome):
                return await self._unplanned(outcome)
            plan = outcome
        if plan.kind is NodeKind.ATOMIC:
            return await self._elect_code(plan)
        return await self._compose(plan)

    async def _record_plan(self) -> NodePlan:
        return await workflow.execute_activity_method(
            Decomposition.plan_node, self._ref, summary=f"plan {self._given.path}", **policies.RECORD
        )

    async def _elect_plan(self, simplification: int) -> NodePlan | Outcome:
        """Elect the children; returns the plan, or the outcome of an election that nobody won."""
        booth = self._booth(Purpose.DECOMPOSE, simplification, ungated(self._given.policy.rule))
        outcome = await booth.hold()
        if not outcome.won or outcome.election.winner is None:
            return outcome
        return await workflow.execute_activity_method(
            Decomposition.settle_proposal,
            SettleRequest(election=booth.ref, winner=outcome.election.winner, policy=self._given.policy),
            summary=f"children of {self._given.path}",
            **policies.RECORD,
        )

    async def _unplanned(self, outcome: Outcome) -> NodeResult:
        note = outcome.budget_reached or "no decomposition won its vote: " + election_details(
            outcome.election, self._given.policy.rule.k
        )
        self._budget_reached = outcome.budget_reached is not None
        if not self._budget_reached:
            given = self._given
            note += await told_why(ElectionRef(project=given.project, path=given.path, purpose=Purpose.DECOMPOSE))
        return await self._end(TaskStatus.FAILED, note=note, election=outcome.election)

    async def _compose(self, plan: NodePlan) -> NodeResult:
        """Build the children, then join them by rule or elect the glue."""
        results = await self._children(plan.children)
        self._budget_reached = any(result.budget_reached for result in results)
        lost = [result.path for result in results if result.status not in DELIVERED]
        why = first_reason(results)
        if plan.kind is NodeKind.GROUP:
            note = f"not built: {', '.join(lost)}{why}" if lost else ""
            status = TaskStatus.FAILED if lost else TaskStatus.WON
            outcome = NodeOutcome(project=self._given.project, path=self._given.path, status=status, note=note)
            artifact = await workflow.execute_activity_method(
                Integration.join, outcome, summary=f"join {self._given.path}", **policies.RECORD
            )
            self._show(status)
            return NodeResult(
                path=self._given.path, status=status, artifact=artifact, note=note, budget_reached=self._budget_reached
            )
        if lost:
            return await self._blocked(f"its parts {', '.join(lost)} were not built{why}")
        return await self._elect_code(plan)

    async def _children(self, outlines: Sequence[ChildOutline]) -> list[NodeResult]:
        """Build children as soon as the siblings that they wait for have ended, a bounded number at a time."""
        window = asyncio.Semaphore(self._given.policy.window)
        ended = {outline.path: asyncio.Event() for outline in outlines}

        async def build(outline: ChildOutline) -> NodeResult:
            for sibling in outline.after:
                await ended[sibling].wait()
            try:
                async with window:
                    return await self._child(outline.path)
            finally:
                ended[outline.path].set()

        return list(await asyncio.gather(*(build(outline) for outline in outlines)))

    async def _child(self, path: NodePath) -> NodeResult:
        given = NodeInput(project=self._given.project, path=path, policy=self._given.policy)
        try:
            return await workflow.execute_child_workflow(
                NodeWorkflow.run,
                given,
                id=node_workflow_id(given.project, path),
                static_summary=path,
                search_attributes=node_attributes(given),
                parent_close_policy=ParentClosePolicy.REQUEST_CANCEL,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            )
        except ChildWorkflowError as error:
            if is_cancelled_exception(error):
                raise
            return NodeResult(path=path, status=TaskStatus.FAILED, note=failure_note(error))

    async def _elect_code(self, plan: NodePlan) -> NodeResult:
        """Elect the node's own code, with fallbacks until it is settled."""
        self._rule = rule = await planned_rule(self._given, plan)
        self._tested = await prepared(self._given, plan)
        purpose = Purpose.INTEGRATE if plan.kind is NodeKind.COMPOSED else Purpose.CODE
        booth = self._booth(purpose, 0, rule)
        while True:
            outcome = await booth.hold()
            self._details(outcome.election)
            if outcome.won:
                settled = await self._won(booth, outcome.election)
                if settled is not None:
                    return settled
                continue
            if outcome.budget_reached is not None:
                self._budget_reached = True
                return await self._end(TaskStatus.FAILED, note=outcome.budget_reached, election=outcome.election)
            step = self._next_step(plan, outcome.election)
            if step is Step.SIMPLIFY:
                self._simplifications += 1
                split = await self._split(plan)
                if split is not None:
                    return await self._compose(split)
                booth = self._booth(purpose, self._simplifications, rule)
            elif step is Step.PERSON:
                settled = await self._ask_person(booth, outcome.election)
                if settled is not None:
                    return settled
            else:
                return await self._fall(step, booth, outcome.election)

    def _next_step(self, plan: NodePlan, election: Election) -> Step:
        return next_step(
            self._given.policy,
            simplifications_done=self._simplifications,
            has_best=election.best is not None,
            splittable=(plan.kind is NodeKind.ATOMIC and self._simplifications == 0)
            or self._simplifications < plan.halvings,
        )

    async def _split(self, plan: NodePlan) -> NodePlan | None:
        """Try to split an atomic task, once; None when it stays whole."""
        if plan.kind is not NodeKind.ATOMIC or self._simplifications > 1:
            return None
        try:
            outcome = await self._elect_plan(self._simplifications)
        except ActivityError as error:
            if not model_refused(error):
                raise
            return None  # the task is simplified by its limits instead
        return None if isinstance(outcome, Outcome) else outcome

    async def _won(self, booth: Booth, election: Election) -> NodeResult | None:
        """Accept the winner; what no example speaks of is never accepted silently."""
        if self._tested:
            return await self._settle(TaskStatus.WON, booth, election, election.winner, "")
        if self._given.policy.on_exhausted is OnExhausted.PERSON and workflow.patched(ASK_UNTESTED):
            return await self._ask_person(booth, election)
        return await self._settle(TaskStatus.PARTIAL, booth, election, election.winner, UNTESTED)

    async def _fall(self, step: Step, booth: Booth, election: Election) -> NodeResult:
        if step is Step.PARTIAL and election.best is not None:
            note = "accepted below the margin: the best verified candidate" + ("" if self._tested else f"; {UNTESTED}")
            return await self._settle(TaskStatus.PARTIAL, booth, election, election.best, note)
        return await self._settle(TaskStatus.FAILED, booth, election, None, election_details(election, booth.rule.k))

    async def _settle(
        self, status: TaskStatus, booth: Booth, election: Election, candidate: str | None, note: str
    ) -> NodeResult:
        outcome = NodeOutcome.model_validate(
            {
                "project": self._given.project,
                "path": self._given.path,
                "status": status,
                "purpose": booth.ref.purpose,
                "candidate": candidate,
                "election": election,
                "k": booth.rule.k,
                "note": note,
            }
        )
        artifact = await workflow.execute_activity_method(
            Integration.settle_node, outcome, summary=f"{status.value}: {self._given.path}", **policies.RECORD
        )
        self._show(status)
        return NodeResult(
            path=self._given.path, status=status, artifact=artifact, note=note, budget_reached=self._budget_reached
        )

    async def _ask_person(self, booth: Booth, election: Election) -> NodeResult | None:
        """Wait for a person's answer and act on it; None when drawing goes on."""
        self._asked += 1
        question = await workflow.execute_activity_method(
            Records.ask,
            AskRequest(election=booth.ref, outcome=election, number=self._asked, k=booth.rule.k),
            summary=f"a question about {self._given.path}",
            **policies.RECORD,
        )
        self._inbox.open(question)
        await self._state(TaskStatus.WAITING, note=f"question {question.id}")
        workflow.upsert_search_attributes([WAITS_FOR_ATTRIBUTE.value_set(question.id)])
        workflow.set_current_details(waiting_details(question, workflow.info().workflow_id))
        await workflow.execute_activity_method(Notification.notify, question, summary="tell people", **policies.RECORD)
        await workflow.wait_condition(self._inbox.answered)
        answer = self._inbox.close()
        if answer is None:
            raise ApplicationError("an answer vanished", type="InternalError", non_retryable=True)
        await workflow.execute_activity_method(
            Records.record_answer,
            AnswerRecord(question=question, decision=decision(self._given, question, answer)),
            summary=f"{answer.value} by {answer.by or 'unknown'}",
            **policies.RECORD,
        )
        workflow.upsert_search_attributes([WAITS_FOR_ATTRIBUTE.value_unset()])
        return await self._obey(answer, booth, election)

    async def _obey(self, answer: Answer, booth: Booth, election: Election) -> NodeResult | None:
        if answer.value == escalation.RETRY:
            await self._state(TaskStatus.RUNNING)
            booth.rule = escalation.afresh(booth.rule, self._given.policy.rule, election.tally)
            return None
        by = answer.by or "a person"
        if answer.value == escalation.ACCEPT_PARTIAL and election.best is not None:
            how = "without an example" if election.state is ElectionState.WON else "below the margin"
            note = f"accepted {how} by {by}"
            return await self._settle(TaskStatus.RESOLVED, booth, election, election.best, note)
        return await self._settle(TaskStatus.FAILED, booth, election, None, f"given up by {by}")

    async def _blocked(self, note: str) -> NodeResult:
        await workflow.execute_activity_method(
            Records.block_below,
            NodeState(project=self._given.project, path=self._given.path, status=TaskStatus.BLOCKED, note=note),
            summary=f"blocked: {self._given.path}",
            **policies.RECORD,
        )
        self._show(TaskStatus.BLOCKED)
        return NodeResult(
            path=self._given.path, status=TaskStatus.BLOCKED, note=note, budget_reached=self._budget_reached
        )

    async def _end(self, status: TaskStatus, *, note: str, election: Election | None = None) -> NodeResult:
        outcome = NodeOutcome(
            project=self._given.project,
            path=self._given.path,
            status=status,
            election=election,
            k=self._rule.k if election else 0,
            note=note,
        )
        await workflow.execute_activity_method(
            Integration.settle_node, outcome, summary=f"{status.value}: {self._given.path}", **policies.RECORD
        )
        self._show(status)
        return NodeResult(path=self._given.path, status=status, note=note, budget_reached=self._budget_reached)

    async def _state(self, status: TaskStatus, note: str = "") -> None:
        await workflow.execute_activity_method(
            Records.set_state,
            NodeState(project=self._given.project, path=self._given.path, status=status, note=note),
            summary=status.value,
            **policies.RECORD,
        )
        self._show(status)

    def _show(self, status: TaskStatus) -> None:
        workflow.upsert_search_attributes([STATE_ATTRIBUTE.value_set(status.value)])

    def _details(self, election: Election) -> None:
        details = election_details(election, self._rule.k)
        workflow.set_current_details(details)
        workflow.upsert_memo({"votes": election.tally.ballots, "margin": election.tally.margin})

    def _booth(self, purpose: Purpose, simplification: int, rule: Rule) -> Booth:
        ref = ElectionRef(
            project=self._given.project, path=self._given.path, purpose=purpose, simplification=simplification
        )
        workflow.upsert_memo({"archetype": purpose.value})
        return Booth(ref=ref, policy=self._given.policy, rule=rule)

    @workflow.query
    def question(self) -> Question | None:
        """Return the question that waits for an answer, if there is one."""
        return self._inbox.question

    @workflow.update(name="answer")
    async def answer(self, given: Answer) -> str:
        """Answer the node's question; the same decision twice is one."""
        taken = self._inbox.take(given)
        return f"understood: {given.value}" if taken else "this decision was already taken"

    @answer.validator
    def _check_answer(self, given: Answer) -> None:
        problem = self._inbox.refusal(given)
        if problem:
            raise ApplicationError(problem, type="AnswerRefused", non_retryable=True)

    @workflow.signal(name="answer")
    def answer_by_signal(self, given: Answer) -> None:
        """Answer by signal; one that is not understood is shown in the current details and ignored."""
        problem, question = self._inbox.refusal(given), self._inbox.question
        if problem is None:
            self._inbox.take(given)
        elif question is not None:
            shown = waiting_details(question, workflow.info().workflow_id)
            workflow.set_current_details(f"**Not understood**: {problem}\n\n{shown}")
