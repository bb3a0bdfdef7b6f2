"""What a node does where its glue fails or a part cannot be done: whose fault it is, what is opened again, a new plan.

It holds no election itself, and builds nothing. How often anything is done again is bounded by the policy.
"""

from dataclasses import dataclass, field

from temporalio import workflow

from activities.attributing import Attributing
from activities.consulting import Consulting
from activities.reworking import Reworking
from schemas.attribution import (
    AttributeRequest,
    Attribution,
    Culprit,
    Ground,
    Reopened,
    ReopenRequest,
    ReplanRequest,
)
from schemas.election import Rule
from schemas.identity import Digest, LayerName
from schemas.planning import NodePlan
from schemas.project import NodeInput, OnExhausted
from schemas.requests import ElectionRef, Purpose
from schemas.shortening import shortened
from workflows import policies
from workflows.asking import asked
from workflows.caps import AtCap, ended
from workflows.identifiers import VERIFY_QUEUE

ATTRIBUTE = "attribute-failed-integration"
"""The mark in histories since which a failed integration is attributed before anything else follows it."""

_MOST_TOLD = 6
_LONGEST_TOLD = 300


@dataclass
class Rework:
    """What was done again at one node so far; ``tried`` says it in a line each, for a person who is asked at last.

    Only a plan that agents made (``elected``) may give way to another; ``closed``: there will be no other one. Where a
    cap is reached, ``at_cap`` waits for consent to go on. ``demanded``: a person rejected the plan, so that the next
    one is made whatever the policy says, and does not count against its bound.
    """

    given: NodeInput
    at_cap: AtCap = ended
    elected: bool = False
    replans: int = 0
    closed: bool = False
    demanded: bool = False
    on_demand: int = 0
    tried: list[str] = field(default_factory=list)

    def know(self, plan: NodePlan) -> None:
        """Take over what the store knows of earlier runs."""
        self.elected = self.elected or plan.elected
        self.replans = max(self.replans, plan.replans)

    def may_replan(self) -> bool:
        """Say whether another plan may be made."""
        if self.demanded:
            return True
        policy = self.given.policy
        within = self.replans < policy.max_replans + self.on_demand
        return self.elected and within and not self.closed and policy.on_exhausted is not OnExhausted.FAIL

    def told(self) -> tuple[str, ...]:
        """Return what was tried, here and above, the latest last."""
        return (*self.given.tried, *self.tried)[-_MOST_TOLD:]

    def note(self, line: str) -> None:
        """Remember what was tried."""
        self.tried.append(shortened(line, _LONGEST_TOLD))

    async def attributed(self, election: ElectionRef, rule: Rule) -> Attribution:
        """Find out whose fault it is that no glue was won; agents are asked where nothing else tells."""
        policy = self.given.policy
        request = AttributeRequest(
            election=election,
            k=rule.k,
            cap=self.given.policy.rule.max_attempts,
            seed=policy.seed,
            max_reopenings=policy.max_reopenings,
        )
        found = await workflow.execute_activity_method(
            Attributing.attribute,
            request,
            task_queue=VERIFY_QUEUE,
            summary=f"whose fault: {election.path}",
            **policies.VERIFY,
        )
        if not found.suspects:
            return found
        stated = await asked(
            Consulting.ask_about_calls,
            request.model_copy(update={"suspects": found.suspects}),
            election.project,
            Purpose.EXAMPLES,
            f"specifier: what the parts of {election.path} give",
            self.at_cap,
        )
        return found if stated is None else stated  # agents may have nothing to say of it

    async def reopened(self, found: Attribution) -> bool:
        """Open the election of the child that is at fault again; False where that cannot be."""
        if found.culprit is not Culprit.CHILD or found.child is None:
            return False
        barred_by = LayerName.CONTRACTS if found.ground is Ground.BREACH else None
        reopened: Reopened = await workflow.execute_activity_method(
            Reworking.reopen,
            ReopenRequest(
                project=self.given.project,
                top=self.given.path,
                paths=(found.child,),
                max_reopenings=self.given.policy.max_reopenings,
                barred_by=barred_by,
                reason=found.reason[:_LONGEST_TOLD],
            ),
            summary=f"hold the election of {found.child} again",
            **policies.RECORD,
        )
        if reopened.paths:
            self.note(f"the election of {found.child} was held again: {found.reason}")
        return bool(reopened.paths)

    async def begin_replan(self, reason: str) -> Digest:
        """Note that another plan is made, and why; returns where the reason is kept."""
        self.replans += 1
        longest = len(reason) if self.demanded else _LONGEST_TOLD
        self.on_demand += self.demanded
        self.demanded = False
        most = self.given.policy.max_replans + self.on_demand
        self.note(f"{self.given.path} was planned anew ({self.replans} of {most}): {reason}")
        because: Digest = await workflow.execute_activity_method(
            Reworking.note_replan,
            ReplanRequest(
                project=self.given.project, path=self.given.path, number=self.replans, reason=reason[:longest]
            ),
            summary=f"plan {self.given.path} anew ({self.replans})",
            **policies.RECORD,
        )
        return because
