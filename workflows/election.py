"""The rounds of one election: draw as many as could decide, verify, count, again until won or exhausted.

The rules are ``millwright.core.voting``'s; here they are only fed with what activities bring.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from temporalio import workflow

from activities.decomposition import Decomposition
from activities.generation import Generation
from activities.specification import Specification
from activities.verification import Verification
from millwright.core import voting
from schemas.election import Attempt, Ballot, Draw, Election, ElectionState, Flag, Rule, Slot
from schemas.identity import Digest, LayerName
from schemas.project import LadderMode, Policy
from schemas.requests import (
    ARCHETYPE_OF,
    BatchObservations,
    BatchRequest,
    DrawRequest,
    ElectionRef,
    ObservedCandidate,
    Purpose,
)
from schemas.verification import VerdictStatus
from workflows import policies
from workflows.identifiers import MODEL_QUEUE, VERIFY_QUEUE


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
    """One election under way: everything that was attempted so far, in no particular order."""

    ref: ElectionRef
    policy: Policy
    rule: Rule
    attempts: list[Attempt] = field(default_factory=list)
    round: int = 0
    _known: dict[Digest, Attempt] = field(default_factory=dict)

    async def hold(self) -> Outcome:
        """Hold rounds until the election is won, exhausted or out of budget."""
        while True:
            election = voting.decide(self.attempts, self.rule)
            if election.state is not ElectionState.OPEN:
                return Outcome(election)
            reached = await self._round(voting.draws_needed(election.tally, self.rule))
            if reached is not None:
                return Outcome(voting.decide(self.attempts, self.rule), budget_reached=reached)

    async def _round(self, count: int) -> str | None:
        archetype = ARCHETYPE_OF[self.ref.purpose].value
        result = await workflow.execute_activity_method(
            Generation.draw,
            DrawRequest(election=self.ref, round=self.round, count=count, seed=self.policy.seed),
            task_queue=MODEL_QUEUE,
            summary=f"{archetype}: round {self.round}, {count} answers",
            **policies.GENERATE,
        )
        self.round += 1
        fresh = _fresh(result.draws, self._known)
        if fresh:
            await self._examine(fresh)
        self.attempts.extend(_attempt(draw, self._known) for draw in result.draws)
        return result.budget_reached

    async def _examine(self, fresh: dict[Digest, Slot]) -> None:
        """Find out what becomes of candidates that were not seen before in this election."""
        if self.ref.purpose in (Purpose.CODE, Purpose.INTEGRATE):
            examined = await self._climb(fresh)
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
        rejected = await self._ladder(fresh)
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
            attempts += [_observed(item, fresh[item.candidate]) for item in seen.observations]
        return attempts

    async def _ladder(self, fresh: dict[Digest, Slot]) -> dict[Digest, LayerName]:
        """Take candidates up the ladder; returns which layer rejected which."""
        rejected: dict[Digest, LayerName] = {}
        if self.policy.ladder is LadderMode.FUSED:
            result = await workflow.execute_activity_method(
                Verification.climb,
                self._batch(list(fresh), fresh),
                task_queue=VERIFY_QUEUE,
                summary=f"ladder: {len(fresh)} candidates",
                **policies.VERIFY,
            )
            return {item.candidate: item.layer for item in result.verdicts if item.status is VerdictStatus.REJECTED}
        for layer in LayerName:
            alive = [candidate for candidate in fresh if candidate not in rejected]
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
                    rejected[item.candidate] = layer
        return rejected

    def _batch(
        self, candidates: Sequence[Digest], fresh: dict[Digest, Slot], layer: LayerName | None = None
    ) -> BatchRequest:
        slots = tuple(fresh[candidate] for candidate in candidates)
        return BatchRequest(election=self.ref, slots=slots, candidates=tuple(candidates), layer=layer)


def _fresh(draws: Iterable[Draw], known: dict[Digest, Attempt]) -> dict[Digest, Slot]:
    """Return the candidates that were not examined yet, each with its first slot."""
    fresh: dict[Digest, Slot] = {}
    for draw in draws:
        if draw.candidate is not None and draw.candidate not in known:
            fresh.setdefault(draw.candidate, draw.slot)
    return fresh


def _attempt(draw: Draw, known: dict[Digest, Attempt]) -> Attempt:
    """Say what became of a draw: equal text fares as it fared before, but votes for itself."""
    if draw.candidate is None:
        return Attempt(slot=draw.slot, flag=draw.flag or Flag.NOTHING_EXTRACTABLE)
    found = known[draw.candidate]
    ballot = found.ballot.model_copy(update={"slot": draw.slot}) if found.ballot else None
    return found.model_copy(update={"slot": draw.slot, "ballot": ballot})


def _observed(item: ObservedCandidate, slot: Slot) -> Attempt:
    if item.flag is not None or item.signature is None:
        return Attempt(slot=slot, candidate=item.candidate, flag=item.flag or Flag.USELESS)
    ballot = Ballot(slot=slot, candidate=item.candidate, signature=item.signature, merit=item.merit)
    return Attempt(slot=slot, candidate=item.candidate, ballot=ballot)
