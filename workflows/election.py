"""The rounds of one election: draw as many as could decide, verify, count, again until won or exhausted.

The rules are ``millwright.core.voting``'s; here they are only fed with what activities bring.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.decomposition import Decomposition
from activities.specification import Specification
from activities.verification import Verification
from millwright.core import voting
from millwright.core.attempts import as_known, attempt_of, chosen, first_slots, fresh_among, observed, without_vote
from schemas.election import Attempt, Election, ElectionState, Rule, Slot
from schemas.identity import Digest, LayerName
from schemas.project import LadderMode, OnExhausted, Policy, Rejections
from schemas.requests import (
    BatchObservations,
    BatchRequest,
    BatchVerdicts,
    DrawRequest,
    ElectionRef,
    Purpose,
    Stance,
)
from schemas.verification import VerdictStatus
from workflows import policies
from workflows.caps import AtCap, ended
from workflows.drawing import drawn
from workflows.identifiers import VERIFY_QUEUE
from workflows.presentation import model_refused
from workflows.reviewing import REVIEW, new_inputs

WRITES_CODE = (Purpose.CODE, Purpose.INTEGRATE)
"""Elections over code; the others are over structures, which no layer runs."""

PROPOSES = (Purpose.SPECIFY, Purpose.DECOMPOSE)
"""Elections over structures that agents make; a choice among them is another election."""

CONFIRM = "confirm-winners"
"""The mark in histories since which winners are looked at further; those without it replay as they were."""


COMPARE = "compare-candidates"
"""The mark in histories since which all candidates that may vote are compared together after each round."""


CHOOSE = "choose-best"
"""The mark in histories since which the best of an election that nobody won is chosen by what all agree on."""


DISCRIMINATE = "choose-among-structures"
"""The mark in histories since which agents choose among structures where none of them won its vote."""

MOST_PROPOSALS = 4
"""Structures that one choice is among, the leading ones first."""


@dataclass(frozen=True)
class Outcome:
    """How an election ended; ``budget_reached`` names the cap that stopped it."""

    election: Election
    budget_reached: str | None = None

    @property
    def won(self) -> bool:
        """Whether the margin was reached."""
        return self.election.state is ElectionState.WON


@dataclass
class Booth:
    """One election under way: everything that was attempted so far, in no particular order.

    ``among`` are the proposals that a choice is among. Candidates that are ``barred`` have no vote, whatever the ladder
    says: something that it cannot see is held against them. Where a cap is reached, ``at_cap`` waits for consent to go
    on with the same round. ``decided_by_people``: a person said what is right, and winners are not reviewed any more.
    """

    ref: ElectionRef
    policy: Policy
    rule: Rule
    among: tuple[Digest, ...] = ()
    barred: Mapping[Digest, LayerName] = field(default_factory=dict)
    at_cap: AtCap = ended
    attempts: list[Attempt] = field(default_factory=list)
    round: int = 0
    _known: dict[Digest, Attempt] = field(default_factory=dict)
    _looked_at: set[Digest] = field(default_factory=set)
    _reviewed: set[Digest] = field(default_factory=set)
    decided_by_people: bool = False

    async def hold(self) -> Outcome:
        """Hold rounds until the election is won, exhausted or out of budget.

        Code that wins is looked at further; what a further look rejects has no vote, and the election goes on. What
        stands is reviewed, once: the votes are counted again where all are compared on inputs that reviewers propose.
        """
        while True:
            election = voting.decide(self.attempts, self.rule)
            if election.state is not ElectionState.OPEN:
                election, reached = await self._discriminated(await self._with_best(election))
                if await self._confirmed(election) and await self._stands(election):
                    return Outcome(election, budget_reached=reached)
                continue
            reached = await self._round(voting.draws_needed(election.tally, self.rule))
            if reached is not None:
                return Outcome(voting.decide(self.attempts, self.rule), budget_reached=reached)

    async def recounted(self) -> Election:
        """Judge all that was drawn by the specification as it is now, and count again; nothing is drawn.

        From now on winners are not reviewed: people have said what is right where the answers divide.
        """
        self.decided_by_people = True
        slots = first_slots(self.attempts)
        self._known.clear()
        self._looked_at.clear()
        if slots:
            await self._examine(slots)
            self.attempts = [as_known(item, self._known) for item in self.attempts]
            await self._compare()
        return voting.decide(self.attempts, self.rule)

    async def judged(self, candidate: Digest) -> bool:
        """Take a candidate that a person gave up the ladder, and look further at it; says whether it may be accepted.

        It has no vote.
        """
        slot = Slot(round=self.round, index=0)
        (found,) = await self._climb({candidate: slot})
        if found.ballot is None:
            return False
        return not (await self._looked_further(candidate, slot, "a person's code")).verdicts

    def leading(self, most: int) -> tuple[Stance, ...]:
        """Return the leading groups, each by its first candidate."""
        first: dict[Digest, Digest] = {}
        for item in sorted(self.attempts, key=lambda item: item.slot):
            if item.ballot is not None:
                first.setdefault(item.ballot.signature, item.ballot.candidate)
        groups = voting.tally(self.attempts).groups[:most]
        return tuple(Stance(candidate=first[group.signature], votes=group.votes) for group in groups)

    async def _discriminated(self, election: Election) -> tuple[Election, str | None]:
        """Let agents choose among the sound structures, where they could not agree on one by making their own.

        Returns the election, and the cap that stopped the choice, if one did.
        """
        leading = tuple(stance.candidate for stance in self.leading(MOST_PROPOSALS))
        if (
            election.state is ElectionState.WON
            or self.ref.purpose not in PROPOSES
            or len(leading) < 2
            or not workflow.patched(DISCRIMINATE)
        ):
            return election, None
        ref = self.ref.model_copy(update={"purpose": Purpose.CHOOSE})
        try:
            outcome = await Booth(ref, self.policy, self.rule, among=leading, at_cap=self.at_cap).hold()
        except ActivityError as error:
            if not model_refused(error):
                raise
            return election, None
        if not outcome.won:
            return election, outcome.budget_reached
        counted, winner = outcome.election.tally, outcome.election.winner
        reason = f"chosen among {len(leading)} proposals with a margin of {counted.margin} in {counted.ballots} votes"
        won = {"state": ElectionState.WON, "winner": winner, "best": winner, "reason": reason}
        return election.model_copy(update=won), None

    async def _with_best(self, election: Election) -> Election:
        """Have the best of several groups chosen where nobody won, for whoever accepts it all the same."""
        if election.state is ElectionState.WON or self.policy.on_exhausted is OnExhausted.FAIL:
            return election
        slots = self._voting()
        if len(slots) < 2 or self.ref.purpose not in WRITES_CODE or not workflow.patched(CHOOSE):
            return election
        best: Digest = await workflow.execute_activity_method(
            Verification.choose,
            self._batch(list(slots), slots),
            task_queue=VERIFY_QUEUE,
            summary=f"choose among {len(slots)} candidates",
            **policies.VERIFY,
        )
        return election.model_copy(update={"best": best})

    def _voting(self) -> dict[Digest, Slot]:
        """Return the candidates that vote, each with its first slot, in that order."""
        return first_slots(item for item in self.attempts if item.ballot is not None)

    async def _confirmed(self, election: Election) -> bool:
        """Look further at what is going to be accepted; False when that cost it its votes."""
        candidate = election.winner if self.policy.on_exhausted is OnExhausted.FAIL else election.best
        if candidate is None or candidate in self._looked_at or self.ref.purpose not in WRITES_CODE:
            return True
        if not workflow.patched(CONFIRM):
            return True
        slot = next(item.slot for item in self.attempts if item.candidate == candidate)
        found = await self._looked_further(candidate, slot, "the winner")
        self._looked_at.add(candidate)
        for verdict in found.verdicts:
            self.attempts = [without_vote(item, candidate, verdict.layer) for item in self.attempts]
            self._known[candidate] = without_vote(self._known[candidate], candidate, verdict.layer)
        return not found.verdicts

    async def _looked_further(self, candidate: Digest, slot: Slot, what: str) -> BatchVerdicts:
        """Look at a candidate in ways that are too dear for all; returns what rejects it."""
        return await workflow.execute_activity_method(
            Verification.confirm,
            self._batch([candidate], {candidate: slot}),
            task_queue=VERIFY_QUEUE,
            summary=f"a further look at {what}",
            **policies.CONFIRM,
        )

    async def _stands(self, election: Election) -> bool:
        """Have a winner reviewed; False when inputs were proposed, on which all that vote were compared again."""
        winner = election.winner
        if winner is None or winner in self._reviewed or self.ref.purpose not in WRITES_CODE:
            return True
        if self.decided_by_people or not self.policy.reviews or len(self._voting()) < 2 or not workflow.patched(REVIEW):
            return True
        self._reviewed.add(winner)
        if not await new_inputs(self.ref, self.policy, winner, self.at_cap):
            return True
        await self._compare()
        return False

    async def _round(self, count: int) -> str | None:
        request = DrawRequest(
            election=self.ref,
            round=self.round,
            count=count,
            seed=self.policy.seed,
            before=len(self.attempts),
            among=self.among,
        )
        result = await drawn(request, self.at_cap)
        self.round += 1
        fresh = fresh_among(result.draws, self._known)
        if fresh:
            await self._examine(fresh)
        self.attempts.extend(attempt_of(draw, self._known) for draw in result.draws)
        if any(self._known[candidate].ballot is not None for candidate in fresh):
            await self._compare()
        return result.budget_reached

    async def _compare(self) -> None:
        """Have all that may vote looked at together; what tells some of them apart counts for all, and for ever."""
        slots = self._voting()
        if len(slots) < 2 or self.ref.purpose not in WRITES_CODE or not workflow.patched(COMPARE):
            return
        seen: BatchObservations = await workflow.execute_activity_method(
            Verification.compare,
            self._batch(list(slots), slots),
            task_queue=VERIFY_QUEUE,
            summary=f"compare {len(slots)} candidates",
            **policies.VERIFY,
        )
        for item in seen.observations:
            self._known[item.candidate] = observed(item, self._known[item.candidate].slot)
        self.attempts = [as_known(item, self._known) for item in self.attempts]

    async def _examine(self, fresh: dict[Digest, Slot]) -> None:
        """Find out what becomes of candidates that were not seen before in this election."""
        if self.ref.purpose in WRITES_CODE:
            examined = await self._climb(fresh)
        elif self.ref.purpose is Purpose.CHOOSE:
            examined = [chosen(candidate, slot) for candidate, slot in fresh.items()]
        else:
            batch = BatchRequest(election=self.ref, slots=tuple(fresh.values()), candidates=tuple(fresh))
            method = (
                Specification.examine_roots if self.ref.purpose is Purpose.SPECIFY else Decomposition.examine_proposals
            )
            found = await workflow.execute_activity_method(
                method,
                batch,
                task_queue=VERIFY_QUEUE,
                summary=f"examine {len(fresh)} proposals",
                **policies.VERIFY,
            )
            examined = list(found.attempts)
        for attempt in examined:
            if attempt.candidate is not None:
                self._known[attempt.candidate] = attempt

    async def _climb(self, fresh: dict[Digest, Slot]) -> list[Attempt]:
        rejected = {candidate: self.barred[candidate] for candidate in fresh if candidate in self.barred}
        climbing = {candidate: slot for candidate, slot in fresh.items() if candidate not in rejected}
        rejected |= await self._ladder(climbing) if climbing else {}
        alive = [candidate for candidate in fresh if candidate not in rejected]
        attempts = [
            Attempt(slot=fresh[candidate], candidate=candidate, rejected_by=layer)
            for candidate, layer in rejected.items()
        ]
        if alive:
            seen: BatchObservations = await workflow.execute_activity_method(
                Verification.observe,
                self._batch(alive, fresh),
                task_queue=VERIFY_QUEUE,
                summary=f"behaviour of {len(alive)} candidates",
                **policies.VERIFY,
            )
            attempts += [observed(item, fresh[item.candidate]) for item in seen.observations]
        return attempts

    async def _ladder(self, fresh: dict[Digest, Slot]) -> dict[Digest, LayerName]:
        """Take candidates up the ladder; returns which layer rejected which."""
        rejected: dict[Digest, LayerName] = {}
        whole = self.policy.rejections is Rejections.ALL
        if self.policy.ladder is LadderMode.FUSED:
            result = await workflow.execute_activity_method(
                Verification.climb,
                self._batch(list(fresh), fresh),
                task_queue=VERIFY_QUEUE,
                summary=f"ladder: {len(fresh)} candidates",
                **policies.VERIFY,
            )
            for item in result.verdicts:
                if item.status is VerdictStatus.REJECTED:
                    rejected.setdefault(item.candidate, item.layer)
            return rejected
        for layer in LayerName:
            alive = [candidate for candidate in fresh if whole or candidate not in rejected]
            if not alive:
                break
            result = await workflow.execute_activity_method(
                Verification.climb_layer,
                self._batch(alive, fresh, layer),
                task_queue=VERIFY_QUEUE,
                summary=f"{layer.value}: {len(alive)} candidates",
                **policies.VERIFY,
            )
            for item in result.verdicts:
                if item.status is VerdictStatus.REJECTED:
                    rejected.setdefault(item.candidate, layer)
        return rejected

    def _batch(
        self, candidates: Sequence[Digest], fresh: dict[Digest, Slot], layer: LayerName | None = None
    ) -> BatchRequest:
        slots = tuple(fresh[candidate] for candidate in candidates)
        return BatchRequest(
            election=self.ref,
            slots=slots,
            candidates=tuple(candidates),
            layer=layer,
            all_layers=self.policy.rejections is Rejections.ALL,
        )
