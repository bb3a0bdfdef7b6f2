"""One node of the tree: plan it, build what is below it, elect its code, fall back, and ask a person at last.

It decides; activities touch. Its history holds ids, digests, verdicts and counts.
"""

from typing import Any

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ActivityError, ApplicationError, ChildWorkflowError, is_cancelled_exception
from temporalio.workflow import ParentClosePolicy

from activities.decomposition import Decomposition
from millwright.core.fallback import Step
from millwright.core.voting import ungated
from schemas.attribution import Culprit
from schemas.election import Election, Rule
from schemas.identity import DELIVERED, Digest, LayerName, NodePath, TaskStatus
from schemas.people import Door, Question
from schemas.planning import NodeKind, NodePlan
from schemas.project import CapDecision, NodeInput, NodeResult, OnExhausted, PlanDecision
from schemas.requests import AskRequest, ElectionRef, NodeRef, Purpose, SettleRequest
from schemas.reuse import Taken
from workflows import policies
from workflows.caps import Till
from workflows.election import Booth, Outcome
from workflows.endings import blocked, failed, joined, settled, show, stated
from workflows.exhaustion import step_after
from workflows.explaining import told_why
from workflows.family import built
from workflows.identifiers import node_attributes, node_workflow_id
from workflows.keeping import kept_from_before
from workflows.people import Desk
from workflows.planned import PlanConsent
from workflows.preparation import planned_rule, prepared
from workflows.presentation import election_details, failure_note, first_reason, model_refused
from workflows.resolving import MOST_DIVIDED, Next, divided, resolved
from workflows.rework import ATTRIBUTE, Rework

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
        self._desk = Desk(given)
        self._asked = 0
        self._simplifications = 0
        self._budget_reached = False
        self._tested = True
        self._till, self._consent = Till(given), PlanConsent(given)
        self._rework = Rework(given, at_cap=self._till.passed)
        self._edition, self._barred = "", dict[Digest, LayerName]()
        self._rule = given.policy.rule

    @workflow.run
    async def run(self, given: NodeInput) -> NodeResult:
        """Build the node; a failure of a part is a result, not an exception."""
        try:
            result = await self._build()
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            result = await failed(given, failure_note(error))
        await workflow.wait_condition(workflow.all_handlers_finished)
        return result.model_copy(update={"budget_reached": self._budget_reached})

    async def _build(self) -> NodeResult:
        plan = await self._record_plan()
        if plan.kind is NodeKind.BLOCKED:
            missing = ", ".join(plan.missing)
            return await blocked(self._given, f"it depends on {missing}, which was not built")
        await self._state(TaskStatus.RUNNING)
        if not plan.children:
            kept = await kept_from_before(self._given, plan)
            if kept.taken is not None:
                return self._taken(kept.taken)
            if kept.plan is not None:
                plan = kept.plan
                self._rework.know(plan)
        if plan.kind is NodeKind.UNDECIDED:
            outcome = await self._elect_plan(self._booth(Purpose.DECOMPOSE, 0, ungated(self._given.policy.rule)))
            if isinstance(outcome, Outcome):
                return await self._unplanned(outcome)
            plan = outcome
        while True:  # what is done again gives another plan; how often is bounded
            consented = await self._consent.to(plan, self._rework, self._replan)
            if isinstance(consented, NodeResult):
                return consented
            atomic = consented.kind is NodeKind.ATOMIC
            ended = await (self._elect_code(consented) if atomic else self._compose(consented))
            if isinstance(ended, NodeResult):
                return ended
            plan = ended

    async def _record_plan(self) -> NodePlan:
        plan = await workflow.execute_activity_method(
            Decomposition.plan_node, self._ref, summary=f"plan {self._given.path}", **policies.RECORD
        )
        self._rework.know(plan)
        self._edition, self._barred, self._asked = plan.edition, plan.barred, max(self._asked, plan.asked)
        return plan

    async def _elect_plan(self, booth: Booth) -> NodePlan | Outcome:
        """Elect the children; returns the plan, or the outcome of an election that nobody won."""
        outcome = await booth.hold()
        if not outcome.won or outcome.election.winner is None:
            return outcome
        self._rework.elected = True
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
            given, revision = self._given, self._given.policy.revision
            about = ElectionRef(project=given.project, path=given.path, purpose=Purpose.DECOMPOSE, revision=revision)
            note += await told_why(about)
        return await failed(self._given, note, outcome.election, k=self._rule.k)

    async def _compose(self, plan: NodePlan) -> NodeResult | NodePlan:
        """Build the children, then join them by rule or elect the glue; returns a plan where it is to be done again."""
        results = await built(plan.children, self._given.policy.window, self._child)
        self._budget_reached = any(result.budget_reached for result in results)
        lost = [result.path for result in results if result.status not in DELIVERED]
        why = first_reason(results)
        if any(result.infeasible for result in results):
            again = await self._replan(f"{', '.join(lost)} could not be built{why}")
            if again is not None or not self._budget_reached:
                return again or await self._to_a_person()
        if plan.kind is NodeKind.GROUP:
            return await joined(self._given, lost, why)
        if lost:
            return await blocked(self._given, f"its parts {', '.join(lost)} were not built{why}")
        kept = await kept_from_before(self._given, plan)
        return self._taken(kept.taken) if kept.taken is not None else await self._elect_code(plan)

    def _taken(self, taken: Taken) -> NodeResult:
        show(taken.status)
        return NodeResult(path=self._given.path, status=taken.status, artifact=taken.artifact, note=taken.note)

    async def _replan(self, reason: str) -> NodePlan | None:
        """Elect another plan for the reason given; None where there can be none, or nobody won it."""
        if not self._rework.may_replan():
            return None
        because = await self._rework.begin_replan(reason)
        booth = self._booth(Purpose.DECOMPOSE, 0, ungated(self._given.policy.rule), because)
        try:
            outcome = await self._elect_plan(booth)
        except ActivityError as error:
            if not model_refused(error):
                raise
            return None
        if isinstance(outcome, Outcome):
            self._budget_reached = self._budget_reached or outcome.budget_reached is not None
            return None
        self._simplifications = 0
        return outcome

    async def _to_a_person(self) -> NodePlan:
        """Go on with the plan as it is: who could not do a part asks a person now, and tells what was tried."""
        self._rework.closed = True
        return await self._record_plan()

    async def _child(self, path: NodePath) -> NodeResult:
        given = NodeInput(
            project=self._given.project,
            path=path,
            policy=self._given.policy,
            replannable=self._rework.may_replan(),
            tried=self._rework.told(),
            gatekeeper=self._given.gatekeeper,
        )
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

    async def _elect_code(self, plan: NodePlan) -> NodeResult | NodePlan:
        """Elect the node's own code, with fallbacks until it is settled; returns a plan where that is to change."""
        self._rule = await planned_rule(self._given, plan)
        self._tested = await prepared(self._given, plan, self._till.passed)
        purpose = Purpose.INTEGRATE if plan.kind is NodeKind.COMPOSED else Purpose.CODE
        booth = self._booth(purpose, 0, self._rule)
        while True:
            outcome = await booth.hold()
            self._details(outcome.election)
            if outcome.won:
                ended: NodeResult | NodePlan | Booth | None = await self._won(plan, booth, outcome.election)
            elif outcome.budget_reached is not None:
                self._budget_reached = True
                ended = await failed(self._given, outcome.budget_reached, outcome.election, k=self._rule.k)
            else:
                ended = await self._exhausted(plan, booth, outcome.election)
            if isinstance(ended, Booth):
                booth = ended
            elif ended is not None:
                return ended

    async def _exhausted(
        self, plan: NodePlan, booth: Booth, election: Election
    ) -> NodeResult | NodePlan | Booth | None:
        """Do what follows an election that nobody won; returns another one to hold, or None to go on with this one."""
        again = None if booth.decided_by_people else await self._redone(plan, booth, election)
        if again is not None:
            return again
        if booth.decided_by_people or divided(self._given.policy, election):
            return await self._ask_person(plan, booth, election)
        step, said = await step_after(
            self._given,
            plan,
            booth.ref,
            election,
            k=booth.rule.k,
            done=self._simplifications,
            rework=self._rework,
        )
        if step is Step.SIMPLIFY:
            self._simplifications += 1
            split = await self._split(plan)
            return split or self._booth(booth.ref.purpose, self._simplifications, self._rule)
        if step is Step.REPLAN:
            return await self._infeasible(booth, election, said)
        if step is Step.PERSON:
            return await self._ask_person(plan, booth, election)
        return await self._fall(step, booth, election)

    async def _redone(self, plan: NodePlan, booth: Booth, election: Election) -> NodePlan | None:
        """Attribute a failed integration, and do again what is at fault; None where it is the glue."""
        if plan.kind is not NodeKind.COMPOSED or election.tally.ballots:
            return None
        if self._given.policy.on_exhausted is OnExhausted.FAIL or not workflow.patched(ATTRIBUTE):
            return None
        found = await self._rework.attributed(booth.ref, booth.rule)
        if await self._rework.reopened(found):
            self._simplifications = 0
            return await self._record_plan()
        again = await self._replan(found.reason) if found.culprit is Culprit.PLAN else None
        if again is None:
            self._rework.note(f"the failed integration was laid at the {found.culprit.value}: {found.reason}")
        return again

    async def _infeasible(self, booth: Booth, election: Election, said: str) -> NodeResult:
        """Tell the parent that nobody could do this as it is specified, and what a coordinator said of it."""
        note = f"nobody could do it as specified: {election_details(election, booth.rule.k)}"
        note = f"{said}; {note}" if said else note
        result = await self._settle(TaskStatus.FAILED, booth, election, None, note)
        return result.model_copy(update={"infeasible": True})

    async def _split(self, plan: NodePlan, *, forced: bool = False) -> NodePlan | None:
        """Try to split an atomic task, once unless a person wants it so; None when it stays whole."""
        if plan.kind is not NodeKind.ATOMIC or (self._simplifications > 1 and not forced):
            return None
        try:
            rule = ungated(self._given.policy.rule)
            outcome = await self._elect_plan(self._booth(Purpose.DECOMPOSE, self._simplifications, rule))
        except ActivityError as error:
            if not model_refused(error):
                raise
            return None  # the task is simplified by its limits instead
        return None if isinstance(outcome, Outcome) else outcome

    async def _won(self, plan: NodePlan, booth: Booth, election: Election) -> NodeResult | NodePlan | None:
        """Accept the winner; what no example speaks of is never accepted silently."""
        if self._tested:
            return await self._settle(TaskStatus.WON, booth, election, election.winner, "")
        if self._given.policy.on_exhausted is OnExhausted.PERSON and workflow.patched(ASK_UNTESTED):
            return await self._ask_person(plan, booth, election)
        return await self._settle(TaskStatus.PARTIAL, booth, election, election.winner, UNTESTED)

    async def _fall(self, step: Step, booth: Booth, election: Election) -> NodeResult:
        if step is Step.PARTIAL and election.best is not None:
            note = "accepted below the margin: the best verified candidate" + ("" if self._tested else f"; {UNTESTED}")
            return await self._settle(TaskStatus.PARTIAL, booth, election, election.best, note)
        return await self._settle(TaskStatus.FAILED, booth, election, None, election_details(election, booth.rule.k))

    async def _settle(
        self, status: TaskStatus, booth: Booth, election: Election, candidate: Digest | None, note: str
    ) -> NodeResult:
        return await settled(
            self._given, status, booth.ref.purpose, election, k=booth.rule.k, candidate=candidate, note=note
        )

    async def _ask_person(self, plan: NodePlan, booth: Booth, election: Election) -> NodeResult | NodePlan | None:
        """Wait for a person's answer and act on it; None when the election goes on."""
        self._asked += 1
        request = AskRequest(
            election=booth.ref,
            outcome=election,
            number=self._asked,
            k=booth.rule.k,
            tried=self._rework.told(),
            among=booth.leading(MOST_DIVIDED),
            splittable=plan.kind is NodeKind.ATOMIC,
        )
        answer, effect = await self._desk.asked(request)
        found = await resolved(answer, effect, booth, election, self._given.policy.rule)
        self._tested = self._tested or found.tested
        if found.tried:
            self._rework.note(found.tried)
        match found.step:
            case Next.EDITED:
                self._simplifications = 0
                return await self._record_plan()
            case Next.SPLIT:
                split = await self._split(plan, forced=True)
                if split is None:
                    booth.decided_by_people = True
                    self._rework.note(f"{found.by} asked for a split, and none was agreed on")
                return split
            case Next.GOES_ON:
                await self._state(TaskStatus.RUNNING)
                return None
            case _:
                return await self._settle(found.status, booth, election, found.candidate, found.note)

    async def _state(self, status: TaskStatus) -> None:
        await stated(self._given, status)

    def _details(self, election: Election) -> None:
        details = election_details(election, self._rule.k)
        workflow.set_current_details(details)
        workflow.upsert_memo({"votes": election.tally.ballots, "margin": election.tally.margin})

    def _booth(self, purpose: Purpose, simplification: int, rule: Rule, because: Digest | None = None) -> Booth:
        """Set up an election; the keys of its calls tell other plans apart where it is about the plan."""
        ref = ElectionRef(
            project=self._given.project,
            path=self._given.path,
            purpose=purpose,
            simplification=simplification,
            edition=self._edition,
            replan=0 if purpose is Purpose.CODE else self._rework.replans,
            because=because,
            revision=self._given.policy.revision,
        )
        workflow.upsert_memo({"archetype": purpose.value})
        policy, at_cap = self._given.policy, self._till.passed
        return Booth(ref=ref, policy=policy, rule=rule, barred=self._barred, at_cap=at_cap)

    @workflow.query
    def question(self) -> Question | None:
        """Return the question that waits for an answer, if there is one."""
        return self._desk.question

    @workflow.update(name="answer")
    async def answer(self, *given: Any) -> str:
        """Answer the node's question, and wait for what follows; the same decision twice is one."""
        return await self._desk.taken(Door.UPDATE, *given)

    @answer.validator
    def _check_answer(self, *given: Any) -> None:
        problem = self._desk.refusal(*given)
        if problem:
            raise ApplicationError(problem, type="AnswerRefused", non_retryable=True)

    @workflow.signal(name="answer")
    def answer_by_signal(self, *given: Any) -> None:
        """Answer by signal; one that cannot be taken is shown in the current details and ignored."""
        self._desk.noted(*given)

    @workflow.signal
    def caps_decided(self, given: CapDecision) -> None:
        """Hear from the project whether to go on past a reached cap."""
        self._till.take(given)

    @workflow.signal
    def plan_decided(self, given: PlanDecision) -> None:
        """Hear from the project what a person decided of the plan."""
        self._consent.take(given)
