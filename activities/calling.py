"""Makes calls to models: reserved before each attempt, tried again where that can help, settled with their completions.

It writes no prompt and reads no answer. An attempt that brought nothing is the call's failure, never the model's: the
same call is made again, with the same seed, until an answer is complete.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from activities.breaking import Breakers
from activities.places import Place, Places
from millwright.core.basis import price_of
from millwright.core.budget import prompt_bytes, upper_bound
from millwright.core.calls import call_digest, idempotency_key
from millwright.core.pace import pause
from millwright.core.prompts.system_role import without_system
from millwright.core.routing import asked_in_turn, served_in
from millwright.core.swarm import Agent
from millwright.errors import EndpointLost, FieldRefused, ModelOverloaded, ModelRefused, ModelUnavailable, was_sent
from millwright.ports import NO_CAPS, BreakerStore, Model, ProjectStore
from schemas.addresses import public_url
from schemas.evidence import CompletionRecord
from schemas.identity import Archetype, Digest
from schemas.models import (
    Budget,
    CallKey,
    InstallationBudget,
    LedgerEntry,
    LedgerStatus,
    ModelAnswer,
    ModelRequest,
    Prompt,
)
from schemas.presets import ModelEntry, Preset, Route

T = TypeVar("T")

MOST_TRIES = 8
"""Attempts at one call before the activity is tried again as a whole, with the pauses that Temporal makes."""


@dataclass(frozen=True)
class Call:
    """One call to make for the answers at ``indices`` of a round; ``key`` has the first of them."""

    key: CallKey
    indices: tuple[int, ...]
    archetype: Archetype
    route: Route
    agent: Agent
    prompt: Prompt
    max_tokens: int
    json_schema: dict[str, object] | None = None


class Caller:
    """Makes calls over the endpoints of a preset."""

    def __init__(
        self,
        model: Model,
        projects: ProjectStore,
        breakers: BreakerStore,
        preset: Preset,
        *,
        installation: InstallationBudget = NO_CAPS,
        recalls_all: bool = False,
    ) -> None:
        """Take the ports, the preset and the installation's caps.

        What was answered before is used again where the model's revision is stated; with ``recalls_all`` always.
        """
        self.preset = preset
        self._model = model
        self._projects = projects
        self._places = Places(preset, Breakers(breakers, preset.breaker))
        self._installation = installation
        self._recalls_all = recalls_all

    async def pay(self, call: Call, budget: Budget) -> None:
        """Have a call answered and stored: from what was answered before, or by as many attempts as it takes.

        Cancelled while it waits for an answer, the attempt is broken off and counts at the most that it can have used:
        the endpoint may have done its work. Cancelled once the answer has come, it is settled first.

        Raises:
            BudgetReached: an attempt would pass a cap.
            ModelRefused: the endpoint refuses the call for good.
            RoutesClosed: no endpoint can be asked now.
            ModelUnavailable: ``MOST_TRIES`` attempts brought no answer.
        """
        models = asked_in_turn(call.route, call.agent.model)
        if await self._recalled(call, models):
            return
        affinity = f"{call.key.project}/{call.key.path}/{call.key.purpose}"
        tries = 0
        while True:
            place = await self._places.take(models, affinity)
            tries += 1
            error = await self._attempt(call, place, budget)
            if error is None:
                return
            if tries >= MOST_TRIES:
                raise error
            await asyncio.sleep(_pause(error, tries, str(call.key)))

    async def _recalled(self, call: Call, models: Sequence[str]) -> bool:
        """Take what was answered before: by the model itself, or in a replay by the first of the models that was.

        What a fallback said while the model could not be asked is no answer of the model. Where the endpoint gave fewer
        choices than it was asked for, so many are taken, and the others are asked for as they were then.
        """
        for key in models if self._recalls_all else models[:1]:
            entry = self.preset.models[key]
            if not entry.revision and not self._recalls_all:
                continue
            digest = call_digest(_request(call, entry, ""), entry.revision)
            known = await self._projects.answers_to(digest)
            if known:
                texts = [(earlier.text, earlier.finish_reason) for earlier in known]
                await self._projects.recall(call.key.project, _completions(call, digest, known[0].model, texts))
                return True
        return False

    async def _attempt(self, call: Call, place: Place, budget: Budget) -> ModelUnavailable | None:
        """Make one attempt; return why it brought no answer, None where it did."""
        request = _request(call, place.model, place.endpoint)
        digest = call_digest(request, place.model.revision)
        request = request.model_copy(update={"idempotency_key": idempotency_key(call.key, digest)})
        reserving = asyncio.ensure_future(self._reserved(call, place, request, digest, budget))
        try:
            entry = await _to_its_end(reserving)
        except BaseException:
            self._places.leave(place)
            if reserving.exception() is None:  # cancelled, with the row in the books and nothing sent
                await _to_its_end(self._projects.conclude(_ended(reserving.result(), LedgerStatus.RELEASED, "")))
            raise
        try:
            answer = await self._model.complete(request)
        except ModelRefused as error:
            self._places.leave(place)
            status = LedgerStatus.REFUSED if error.sent else LedgerStatus.RELEASED
            await _to_its_end(self._projects.conclude(_ended(entry, status, "ModelRefused")))
            raise
        except ModelUnavailable as error:
            asked = error.retry_after if isinstance(error, ModelOverloaded) else None
            try:
                await self._places.failed(place, error, asked or 0.0)
            finally:  # the books do not depend on whether the breaker could be written
                await _to_its_end(self._projects.conclude(_ended(entry, _status(error), type(error).__name__)))
            return error
        except BaseException as error:
            self._places.leave(place)
            if not was_sent(error):
                await _to_its_end(self._projects.conclude(_ended(entry, LedgerStatus.RELEASED, "")))
            raise
        await _to_its_end(self._settle(call, place, entry, answer))
        return None

    async def _reserved(
        self, call: Call, place: Place, request: ModelRequest, digest: Digest, budget: Budget
    ) -> LedgerEntry:
        price = price_of(place.model)
        bound = upper_bound(prompt_bytes(call.prompt), call.max_tokens * request.choices, price)
        entry = LedgerEntry(
            key=call.key,
            call=digest,
            choices=request.choices,
            archetype=call.archetype,
            prompt_version=call.prompt.version,
            prompt_digest=await self._projects.save_prompt(call.prompt),
            temperature=request.temperature,
            seed=request.seed,
            max_tokens=call.max_tokens,
            model=place.model.name,
            model_revision=place.model.revision,
            endpoint=public_url(place.endpoint),
            prompt_tokens=bound.prompt_tokens,
            completion_tokens=bound.completion_tokens,
            cost=bound.cost,
        )
        return await self._projects.reserve(entry, budget, self._installation)

    async def _settle(self, call: Call, place: Place, entry: LedgerEntry, answer: ModelAnswer) -> None:
        used = answer.usage
        settled = entry.model_copy(
            update={
                "status": LedgerStatus.SETTLED,
                "model": answer.model,
                "finish_reason": answer.choices[0].finish_reason,
                "prompt_tokens": used.prompt_tokens,
                "completion_tokens": used.completion_tokens,
                "cost": price_of(place.model).of(used.prompt_tokens, used.completion_tokens),
                "latency_seconds": answer.latency_seconds,
            }
        )
        texts = [(choice.text, choice.finish_reason.value) for choice in answer.choices]
        completions = _completions(call, entry.call, answer.model, texts)
        try:
            await self._places.answered(place)  # before the books are kept: the endpoint can take another call already
        finally:
            await self._projects.settle(settled, completions)


def _request(call: Call, entry: ModelEntry, endpoint: str) -> ModelRequest:
    return ModelRequest(
        prompt=call.prompt if entry.system_role else without_system(call.prompt),
        model=entry.name,
        endpoint=endpoint,
        temperature=call.agent.temperature,
        seed=call.agent.seed,
        choices=len(call.indices),
        max_tokens=call.max_tokens,
        timeout_seconds=call.route.timeout_seconds,
        json_schema=call.json_schema,
        priority=served_in(call.route, call.key.round) if entry.takes_priority else None,
    )


def _completions(
    call: Call, digest: Digest | None, model: str, texts: Sequence[tuple[str, str]]
) -> list[CompletionRecord]:
    """Make the records of a call's answers, each a text and its finish reason; there may be fewer than indices."""
    return [
        CompletionRecord(
            path=call.key.path,
            purpose=call.key.purpose,
            round=call.key.round,
            index=index,
            revision=call.key.revision,
            archetype=call.archetype,
            text=text,
            finish_reason=finish_reason,
            call=digest,
            choice=choice,
            model=model,
        )
        for choice, (index, (text, finish_reason)) in enumerate(zip(call.indices, texts, strict=False))
    ]


def _status(error: ModelUnavailable) -> LedgerStatus:
    """Say what an attempt without an answer counts as: nothing, a request, or the most that it can have used."""
    if not error.sent:
        return LedgerStatus.RELEASED
    answered = isinstance(error, EndpointLost) and error.answered
    if answered or isinstance(error, ModelOverloaded | FieldRefused):
        return LedgerStatus.REFUSED
    return LedgerStatus.LOST


def _ended(entry: LedgerEntry, status: LedgerStatus, failure: str) -> LedgerEntry:
    return entry.model_copy(update={"status": status, "failure": failure})


def _pause(error: ModelUnavailable, tries: int, key: str) -> float:
    """Return the seconds to wait; none where another attempt is another, or only the endpoint asks to be left alone.

    What it asks for is kept by its place, and a replica may answer meanwhile.
    """
    if isinstance(error, ModelOverloaded):
        return 0.0 if error.retry_after is not None else pause(tries, key)
    return 0.0 if not error.sent or isinstance(error, FieldRefused) else pause(tries, key)


async def _to_its_end(work: Coroutine[Any, Any, T] | asyncio.Future[T]) -> T:
    """Finish a piece of work even when cancelled meanwhile, however often; the cancellation follows it."""
    task, cancelled = asyncio.ensure_future(work), None
    while not task.done():
        try:
            await asyncio.wait((task,))  # which leaves the task alone when it is cancelled itself
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled from task.exception()
    return task.result()
