"""Draws the answers of elections: who is asked for what, in which requests, and what is read from each answer.

It makes no call itself (``calling`` does), verifies nothing and counts no votes. A retry pays only for what is missing.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from temporalio import activity

from activities.boundary import heartbeating, translated
from activities.calling import Call, Caller
from activities.prompting import Prompting
from millwright.core.budget import time_passed
from millwright.core.prompts.variants import varied
from millwright.core.red_flags.rule_set import RuleSet
from millwright.core.routing import route_of
from millwright.core.swarm import Agent, agent, requests, seed_of
from millwright.errors import BudgetReached, ModelUnavailable, ReplyBroken, RoutesClosed
from millwright.ports import ArtifactStore, ProjectStore
from schemas.election import Draw, Slot
from schemas.evidence import CompletionRecord, ProjectRecord
from schemas.identity import Archetype
from schemas.models import Budget, CallKey, Prompt
from schemas.presets import Route
from schemas.requests import ARCHETYPE_OF, DrawRequest, DrawResult, Purpose

MAX_TOKENS = {
    Purpose.SPECIFY: 8192,
    Purpose.DECOMPOSE: 16384,
    Purpose.CODE: 2048,
    Purpose.INTEGRATE: 2048,
    Purpose.INPUTS: 2048,
    Purpose.EXAMPLES: 2048,
    Purpose.CHOOSE: 1024,
    Purpose.REVIEW: 2048,
    Purpose.COORDINATE: 512,
}
"""The longest answer asked for, in tokens, by purpose, where the route does not say."""

VARIED = frozenset({Purpose.CODE, Purpose.INTEGRATE})
"""What is asked for in all the variants of the route; of structures and choices there is one way to ask."""


class Generation:
    """Activities that wait on models."""

    def __init__(
        self,
        caller: Caller,
        projects: ProjectStore,
        artifacts: ArtifactStore,
        *,
        rules: Mapping[Archetype, RuleSet] | None = None,
    ) -> None:
        self._caller = caller
        self._projects = projects
        self._prompting = Prompting(projects, artifacts, rules)

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
        """Make the calls that are missing; return the cap that stopped some of them, if one did.

        Where an endpoint gave fewer answers than one request asked for, each of the others is asked for by itself.
        """
        for together in (True, False):
            missing = await self._missing(request)
            if not missing:
                return None
            project = await self._projects.project(request.election.project)
            budget = Budget.model_validate(project.options.get("budget", {}))
            late = time_passed(_elapsed_seconds(project), budget)
            if late is not None:
                return late
            reached = await self._pay(await self._calls(request, missing, together=together), budget)
            if reached is not None:
                return reached
        if await self._missing(request):
            raise ReplyBroken(f"{request.election.path}: an endpoint gave fewer answers than it was asked for")
        return None

    async def _missing(self, request: DrawRequest) -> frozenset[int]:
        present = {completion.index for completion in await self._stored(request)}
        return frozenset(range(request.count)) - present

    async def _pay(self, calls: Sequence[Call], budget: Budget) -> str | None:
        """Make calls at the same time; return the cap that stopped some of them, if one did.

        One that cannot be answered now lets the others come to their end, since what they bring is kept. One that is
        refused for good ends the election: the others are broken off.
        """
        tasks = [asyncio.ensure_future(self._caller.pay(call, budget)) for call in calls]
        try:
            pending = set(tasks)
            while pending and not any(map(_hopeless, tasks)):
                _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        failures = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        for error in sorted(failures, key=_weight):
            if not isinstance(error, BudgetReached):
                raise error
        return str(failures[0]) if failures else None

    async def _calls(self, request: DrawRequest, missing: frozenset[int], *, together: bool) -> list[Call]:
        """Put the round's agents into calls: those that differ in nothing but their seeds share one.

        How they share does not depend on what an earlier attempt has stored.
        """
        route = route_of(self._caller.preset, ARCHETYPE_OF[request.election.purpose])
        if request.election.purpose not in VARIED:
            route = route.model_copy(update={"variants": route.variants[:1]})
        agents = [_agent(request, route, index) for index in range(request.count)]
        alone = not together or request.election.purpose is Purpose.CHOOSE
        groups = [tuple(index for index in group if index in missing) for group in requests(agents, together=not alone)]
        prompts = Prompts(self._prompting, request)
        return [
            self._call(request, route, group, agents[group[0]], *await prompts.of(agents[group[0]]))
            for group in groups
            if group
        ]

    def _call(
        self,
        request: DrawRequest,
        route: Route,
        indices: tuple[int, ...],
        drawn: Agent,
        prompt: Prompt,
        schema: dict[str, object] | None,
    ) -> Call:
        election = request.election
        return Call(
            key=CallKey(
                project=election.project,
                path=election.path,
                purpose=request.key,
                round=request.round,
                index=indices[0],
                revision=election.revision,
            ),
            indices=indices,
            archetype=ARCHETYPE_OF[election.purpose],
            route=route,
            agent=drawn,
            prompt=prompt,
            max_tokens=route.max_tokens or MAX_TOKENS[election.purpose],
            json_schema=schema,
        )

    async def _label(self, request: DrawRequest, completion: CompletionRecord) -> Draw:
        """Extract the candidate of a completion, or find its red flag, and record which."""
        election = request.election
        slot = Slot(round=completion.round, index=completion.index)
        seed = seed_of(request.seed, election.path, slot)
        labelled, source = await self._prompting.extract(election, completion, among=request.among, seed=seed)
        if source is not None and labelled.candidate is not None:
            await self._projects.save_candidate(election.project, election.path, labelled.candidate, source)
        if (labelled.candidate, labelled.flag) != (completion.candidate, completion.flag):
            await self._projects.label_completion(election.project, labelled)
        return Draw(slot=slot, candidate=labelled.candidate, flag=labelled.flag)


class Prompts:
    """The prompts of one round: the same for all its agents but for their variants, or one for each seed."""

    def __init__(self, prompting: Prompting, request: DrawRequest) -> None:
        self._prompting = prompting
        self._request = request
        self._written: tuple[Prompt, dict[str, object] | None] | None = None

    async def of(self, drawn: Agent) -> tuple[Prompt, dict[str, object] | None]:
        """Write the prompt of an agent, and the JSON Schema of its answer where that is JSON."""
        election, among = self._request.election, self._request.among
        if election.purpose is Purpose.CHOOSE:  # each agent sees the proposals in an order of its own
            return await self._prompting.prompt(election, among=among, seed=drawn.seed)
        if self._written is None:
            self._written = await self._prompting.prompt(election, among=among)
        prompt, schema = self._written
        return (varied(prompt, drawn.variant) if election.purpose in VARIED else prompt), schema


def _agent(request: DrawRequest, route: Route, index: int) -> Agent:
    slot = Slot(round=request.round, index=index)
    return agent(route, request.seed, request.election.path, slot, request.before + index)


def _hopeless(task: "asyncio.Task[None]") -> bool:
    """Say whether a call failed for good."""
    error = task.exception() if task.done() and not task.cancelled() else None
    return error is not None and _weight(error) == 0


def _weight(error: BaseException) -> int:
    """Order failures: those that no retry mends, then closed routes, then calls without an answer, then caps."""
    kinds = ((RoutesClosed, 1), (ModelUnavailable, 2), (BudgetReached, 3))
    return next((weight for kind, weight in kinds if isinstance(error, kind)), 0)


def _elapsed_seconds(project: ProjectRecord) -> float:
    """Return the wall-clock since the project was first opened."""
    return (datetime.now(UTC) - project.started_at).total_seconds() if project.started_at else 0.0
