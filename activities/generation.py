"""Draws answers from a model: reserved before each call, stored as each arrives, extracted and flagged.

It verifies nothing and counts no votes. A retry pays only for the answers that are missing.
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from temporalio import activity

from activities.boundary import heartbeating, translated
from activities.prompting import Prompting
from millwright.core.budget import Price, prompt_bytes, time_passed, upper_bound
from millwright.core.red_flags.rule_set import RuleSet
from millwright.core.swarm import Agent, agent
from millwright.errors import BudgetReached, ModelError, ModelRefused
from millwright.ports import ArtifactStore, Model, ProjectStore
from schemas.digests import digest_of_bytes
from schemas.election import Draw, Slot
from schemas.evidence import CompletionRecord, ProjectRecord
from schemas.identity import Archetype
from schemas.models import Budget, CallKey, LedgerEntry, LedgerStatus, ModelAnswer, ModelRequest, Prompt
from schemas.requests import ARCHETYPE_OF, DrawRequest, DrawResult, Purpose

MAX_TOKENS = {
    Purpose.SPECIFY: 8192,
    Purpose.DECOMPOSE: 16384,
    Purpose.CODE: 2048,
    Purpose.INTEGRATE: 2048,
    Purpose.INPUTS: 2048,
    Purpose.EXAMPLES: 2048,
    Purpose.CHOOSE: 1024,
}
"""The longest answer asked for, in tokens, by purpose."""


@dataclass(frozen=True)
class _Call:
    """One call to make: its key, its request and its bound for the ledger."""

    key: CallKey
    request: ModelRequest
    reservation: LedgerEntry


class Generation:
    """Activities that wait on models."""

    def __init__(
        self,
        model: Model,
        projects: ProjectStore,
        artifacts: ArtifactStore,
        *,
        price: Price,
        concurrency: int,
        timeout_seconds: float,
        rules: Mapping[Archetype, RuleSet] | None = None,
    ) -> None:
        self._model = model
        self._projects = projects
        self._prompting = Prompting(projects, artifacts, rules)
        self._price = price
        self._slots = asyncio.Semaphore(concurrency)
        self._timeout_seconds = timeout_seconds

    @activity.defn
    @translated
    async def draw(self, request: DrawRequest) -> DrawResult:
        """Draw the answers of one round; what an earlier attempt has stored is not asked for again."""
        async with heartbeating():
            return await self.answers(request)

    async def answers(self, request: DrawRequest) -> DrawResult:
        """Draw as the activity does, for another one that has its own heartbeat."""
        reached = await self._fill(request)
        stored = await self._stored(request)
        draws = tuple([await self._label(request, completion) for completion in stored])
        return DrawResult(draws=draws, budget_reached=reached)

    async def _stored(self, request: DrawRequest) -> tuple[CompletionRecord, ...]:
        election = request.election
        stored = await self._projects.completions(
            election.project, election.path, request.key, request.round, election.revision
        )
        return tuple(completion for completion in stored if completion.index < request.count)

    async def _fill(self, request: DrawRequest) -> str | None:
        """Make the calls that are missing; return the cap that stopped some of them, if one did."""
        present = {completion.index for completion in await self._stored(request)}
        missing = [index for index in range(request.count) if index not in present]
        if not missing:
            return None
        prompts = await self._prompts(request, missing)
        project = await self._projects.project(request.election.project)
        budget = Budget.model_validate(project.options.get("budget", {}))
        late = time_passed(_elapsed_seconds(project), budget)
        if late is not None:
            return late
        calls = [self._call(request, index, *prompts[index]) for index in missing]
        outcomes = await asyncio.gather(*(self._pay(call, budget) for call in calls), return_exceptions=True)
        reached: str | None = None
        for outcome in outcomes:
            if isinstance(outcome, BudgetReached):
                reached = str(outcome)
            elif isinstance(outcome, BaseException):
                raise outcome
        return reached

    async def _prompts(
        self, request: DrawRequest, indices: Sequence[int]
    ) -> dict[int, tuple[Prompt, dict[str, object] | None]]:
        """Write each draw's prompt; it is the same for all, unless each sees proposals in an order of its own."""
        if request.election.purpose is Purpose.CHOOSE:
            return {
                index: await self._prompting.prompt(
                    request.election, among=request.among, seed=_agent(request, request.round, index).seed
                )
                for index in indices
            }
        return dict.fromkeys(indices, await self._prompting.prompt(request.election, among=request.among))

    def _call(self, request: DrawRequest, index: int, prompt: Prompt, schema: dict[str, object] | None) -> _Call:
        election = request.election
        drawn = _agent(request, request.round, index)
        key = CallKey(
            project=election.project,
            path=election.path,
            purpose=request.key,
            round=request.round,
            index=index,
            revision=election.revision,
        )
        text = prompt.model_dump_json().encode()
        bound = upper_bound(prompt_bytes(prompt), MAX_TOKENS[election.purpose], self._price)
        asked = ModelRequest(
            prompt=prompt,
            temperature=drawn.temperature,
            seed=drawn.seed,
            max_tokens=MAX_TOKENS[election.purpose],
            timeout_seconds=self._timeout_seconds,
            json_schema=schema,
        )
        reservation = LedgerEntry(
            key=key,
            archetype=ARCHETYPE_OF[election.purpose],
            prompt_version=prompt.version,
            prompt_digest=digest_of_bytes(text),
            temperature=drawn.temperature,
            seed=drawn.seed,
            max_tokens=asked.max_tokens,
            prompt_tokens=bound.prompt_tokens,
            completion_tokens=bound.completion_tokens,
            cost=bound.cost,
        )
        return _Call(key=key, request=asked, reservation=reservation)

    async def _pay(self, call: _Call, budget: Budget) -> None:
        """Reserve, call and settle; a call that was refused for good has used nothing.

        Cancelled while it waits for the answer, the call is broken off and its reservation stays, at the most that it
        can have used: the endpoint may have done its work. Cancelled once the answer has come, it is settled first.
        """
        async with self._slots:
            reserved = await self._projects.reserve(call.reservation, budget)
            try:
                answer = await self._model.complete(call.request)
            except ModelError as error:
                unanswered = {"status": _ended(error), "failure": type(error).__name__}
                await self._projects.conclude(reserved.model_copy(update=unanswered))
                raise
            await _to_its_end(self._settle(reserved, answer))

    async def _settle(self, reserved: LedgerEntry, answer: ModelAnswer) -> None:
        settled = reserved.model_copy(
            update={
                "status": LedgerStatus.SETTLED,
                "model": answer.model,
                "endpoint": answer.endpoint,
                "finish_reason": answer.choices[0].finish_reason,
                "prompt_tokens": answer.usage.prompt_tokens,
                "completion_tokens": answer.usage.completion_tokens,
                "cost": self._price.of(answer.usage.prompt_tokens, answer.usage.completion_tokens),
                "latency_seconds": answer.latency_seconds,
            }
        )
        completion = CompletionRecord(
            path=reserved.key.path,
            purpose=reserved.key.purpose,
            round=reserved.key.round,
            index=reserved.key.index,
            revision=reserved.key.revision,
            archetype=reserved.archetype,
            text=answer.choices[0].text,
            finish_reason=answer.choices[0].finish_reason.value,
        )
        await self._projects.settle(settled, [completion])

    async def _label(self, request: DrawRequest, completion: CompletionRecord) -> Draw:
        """Extract the candidate of a completion, or find its red flag, and record which."""
        election = request.election
        seed = _agent(request, completion.round, completion.index).seed
        labelled, source = await self._prompting.extract(election, completion, among=request.among, seed=seed)
        if source is not None and labelled.candidate is not None:
            await self._projects.save_candidate(election.project, election.path, labelled.candidate, source)
        if (labelled.candidate, labelled.flag) != (completion.candidate, completion.flag):
            await self._projects.label_completion(election.project, labelled)
        slot = Slot(round=completion.round, index=completion.index)
        return Draw(slot=slot, candidate=labelled.candidate, flag=labelled.flag)


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Finish a piece of work even when cancelled meanwhile; the cancellation follows it."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def _agent(request: DrawRequest, round_: int, index: int) -> Agent:
    return agent(request.seed, request.election.path, Slot(round=round_, index=index))


def _ended(error: ModelError) -> LedgerStatus:
    """Say what an attempt counts as that brought no answer."""
    if isinstance(error, ModelRefused):
        return LedgerStatus.REFUSED
    return LedgerStatus.LOST if error.sent else LedgerStatus.RELEASED


def _elapsed_seconds(project: ProjectRecord) -> float:
    """Return the wall-clock since the project was first opened."""
    return (datetime.now(UTC) - project.started_at).total_seconds() if project.started_at else 0.0
