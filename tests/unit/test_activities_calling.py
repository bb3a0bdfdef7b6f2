"""Calls to models: reserved for each attempt, tried again where that helps, moved to replicas, settled once."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from activities import calling
from activities.calling import MOST_TRIES, Call, Caller
from millwright.adapters.storage.memory import MemoryStore
from millwright.core.swarm import Agent
from millwright.errors import (
    BudgetReached,
    EndpointLost,
    ModelError,
    ModelOverloaded,
    ModelRefused,
    ModelStalled,
    ModelUnavailable,
    ReplyBroken,
    RoutesClosed,
)
from schemas.breakers import BreakerRule, BreakerState
from schemas.identity import Archetype, NodePath, ProjectId
from schemas.models import (
    Budget,
    CallKey,
    Choice,
    FinishReason,
    LedgerStatus,
    Message,
    ModelAnswer,
    ModelRequest,
    Prompt,
    Role,
    Usage,
)
from schemas.presets import ModelEntry, Preset, Prices, Route, Variant
from tests.unit.activity_fakes import PROJECT, opened

A, B, C = "http://a/v1", "http://b/v1", "http://c/v1"
PROMPT = Prompt(archetype=Archetype.CODER, version="v", messages=(Message(role=Role.USER, content="Task: a"),))
NO_BUDGET = Budget()

Behaviour = Callable[[ModelRequest], ModelAnswer | ModelError]


def _answer(request: ModelRequest, count: int | None = None) -> ModelAnswer:
    texts = [f"{request.model} {request.seed} {number}" for number in range(count or request.choices)]
    return ModelAnswer(
        choices=tuple(Choice(text=text, finish_reason=FinishReason.STOP) for text in texts),
        usage=Usage(prompt_tokens=10, completion_tokens=5 * len(texts)),
        model=request.model,
        endpoint=request.endpoint,
    )


@dataclass
class Endpoints:
    """Endpoints that behave as told, and remember every request."""

    behave: Behaviour = _answer
    requests: list[ModelRequest] = field(default_factory=list)

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """Answer, or fail."""
        self.requests.append(request)
        await asyncio.sleep(0)
        found = self.behave(request)
        if isinstance(found, ModelError):
            raise found
        return found


def _preset(*endpoints: str, fallback: bool = False, **changes: Any) -> Preset:
    big = ModelEntry(name="big", endpoints=endpoints or (A,), prices=Prices(prompt=1, completion=2), **changes)
    small = ModelEntry(name="small", endpoints=(C,), revision=changes.get("revision", ""))
    return Preset(
        name="test",
        models={"big": big, "small": small},
        default=Route(models=("big",), fallback=("small",) if fallback else ()),
        breaker=BreakerRule(failures=5, open_seconds=60, successes=2),
    )


def _call(preset: Preset, index: int = 0, count: int = 1, purpose: str = "code") -> Call:
    return Call(
        key=CallKey(project=PROJECT, path=NodePath("root.a"), purpose=purpose, round=0, index=index),
        indices=tuple(range(index, index + count)),
        archetype=Archetype.CODER,
        route=preset.default,
        agent=Agent(model="big", temperature=0.4, variant=Variant.CLARITY, seed=7 + index),
        prompt=PROMPT,
        max_tokens=100,
    )


def _failing(times: int, error: Callable[[], ModelError]) -> Behaviour:
    left = times

    def behave(request: ModelRequest) -> ModelAnswer | ModelError:
        nonlocal left
        left -= 1
        return error() if left >= 0 else _answer(request)

    return behave


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between attempts: how long is ``core.pace``'s to say, and tested there."""
    monkeypatch.setattr(calling, "pause", lambda *_: 0.0)


@pytest.fixture
async def store() -> MemoryStore:
    """A project without caps."""
    made = MemoryStore()
    await opened(made)
    return made


async def _texts(store: MemoryStore, purpose: str = "code") -> list[str]:
    return [item.text for item in await store.completions(PROJECT, NodePath("root.a"), purpose, 0)]


async def test_one_request_brings_several_votes(store: MemoryStore) -> None:
    """Three indices share a request and its row; each has its own completion."""
    preset = _preset()
    model = Endpoints()
    await Caller(model, store, store, preset).pay(_call(preset, count=3), NO_BUDGET)
    assert [request.choices for request in model.requests] == [3]
    assert await _texts(store) == ["big 7 0", "big 7 1", "big 7 2"]
    (entry,) = await store.ledger(PROJECT)
    assert (entry.status, entry.choices, entry.completion_tokens) == (LedgerStatus.SETTLED, 3, 15)
    assert entry.cost == pytest.approx((10 + 15 * 2) / 1_000_000)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (lambda: ModelOverloaded("busy", retry_after=1.0), LedgerStatus.REFUSED),
        (lambda: EndpointLost("500", answered=True), LedgerStatus.REFUSED),
        (lambda: EndpointLost("reset"), LedgerStatus.LOST),
        (lambda: ModelStalled("silence"), LedgerStatus.LOST),
        (lambda: ReplyBroken("half a body"), LedgerStatus.LOST),
    ],
)
async def test_a_failed_attempt_counts_and_the_same_call_is_made_again(
    store: MemoryStore, error: Callable[[], ModelError], status: LedgerStatus
) -> None:
    """Seed, index and idempotency key stay; what an endpoint may have worked on counts at its upper bound."""
    preset = _preset()
    model = Endpoints(_failing(2, error))
    await Caller(model, store, store, preset).pay(_call(preset), NO_BUDGET)
    assert len({(request.seed, request.idempotency_key) for request in model.requests}) == 1
    assert model.requests[0].idempotency_key
    entries = await store.ledger(PROJECT)
    assert [(entry.attempt, entry.status) for entry in entries] == [(1, status), (2, status), (3, LedgerStatus.SETTLED)]
    assert [bool(entry.failure) for entry in entries] == [True, True, False]
    lost = entries[0].completion_tokens
    assert lost == (100 if status is LedgerStatus.LOST else 0)


async def test_a_connection_that_was_never_made_counts_nowhere(store: MemoryStore) -> None:
    """Nothing was sent: the row is released, and no cap is nearer."""
    preset = _preset(A, B)
    down: list[str] = []

    def behave(request: ModelRequest) -> ModelAnswer | ModelError:
        if not down or request.endpoint == down[0]:
            down.append(request.endpoint)
            return EndpointLost("refused", sent=False, dead=True)
        return _answer(request)

    model = Endpoints(behave)
    await Caller(model, store, store, preset).pay(_call(preset), Budget(max_calls=1))
    assert [entry.status for entry in await store.ledger(PROJECT)] == [LedgerStatus.RELEASED, LedgerStatus.SETTLED]
    assert (await store.spend(PROJECT)).settled.calls == 1


async def test_a_dead_endpoint_is_left_for_its_replica_and_told_to_other_workers(store: MemoryStore) -> None:
    """One call finds it dead; after that no worker asks it, and every call is answered by the replica."""
    preset = _preset(A, B)
    model = Endpoints(lambda request: EndpointLost("dead", dead=True) if request.endpoint == A else _answer(request))
    one, other = Caller(model, store, store, preset), Caller(model, store, store, preset)
    for index in range(12):
        await (one if index < 6 else other).pay(_call(preset, index), NO_BUDGET)
        if (await store.breakers([A]))[A].state is BreakerState.OPEN:
            break
    before = len(model.requests)
    for index in range(12, 24):
        await other.pay(_call(preset, index), NO_BUDGET)
    assert {request.endpoint for request in model.requests[before:]} == {B}


async def test_a_model_that_cannot_be_asked_is_stood_in_for(store: MemoryStore) -> None:
    """The fallback answers when every endpoint of the model is given up, and the record says who answered."""
    preset = _preset(fallback=True)
    model = Endpoints(lambda request: EndpointLost("dead", dead=True) if request.model == "big" else _answer(request))
    await Caller(model, store, store, preset).pay(_call(preset), NO_BUDGET)
    assert await _texts(store) == ["small 7 0"]
    assert [request.model for request in model.requests] == ["big", "small"]


async def test_with_all_routes_closed_the_retry_is_asked_for_at_the_moment_of_recovery(store: MemoryStore) -> None:
    """Nothing is sent, and nothing waits here: the error says in how many seconds a call may try."""
    preset = _preset()
    model = Endpoints(lambda _: EndpointLost("dead", dead=True))
    caller = Caller(model, store, store, preset)
    with pytest.raises(RoutesClosed, match="big"):
        await caller.pay(_call(preset), NO_BUDGET)
    with pytest.raises(RoutesClosed, match="big") as closed:
        await caller.pay(_call(preset), NO_BUDGET)
    assert 50 < closed.value.retry_seconds <= 60
    assert len(model.requests) == 1


async def test_a_call_that_never_is_answered_is_given_back_to_temporal(store: MemoryStore) -> None:
    """So many attempts are made here; then the activity is to be tried again as a whole."""
    preset = _preset()
    model = Endpoints(lambda _: ModelOverloaded("busy"))
    with pytest.raises(ModelUnavailable):
        await Caller(model, store, store, preset).pay(_call(preset), NO_BUDGET)
    assert len(model.requests) == MOST_TRIES


async def test_a_refused_call_counts_as_a_request_and_is_not_repeated(store: MemoryStore) -> None:
    """The server saw it, and it cost nothing."""
    preset = _preset()
    model = Endpoints(lambda _: ModelRefused("no such model"))
    with pytest.raises(ModelRefused):
        await Caller(model, store, store, preset).pay(_call(preset), NO_BUDGET)
    (entry,) = await store.ledger(PROJECT)
    assert (entry.status, entry.prompt_tokens, entry.cost) == (LedgerStatus.REFUSED, 0, 0.0)
    assert len(model.requests) == 1


async def test_no_attempt_passes_a_cap(store: MemoryStore) -> None:
    """Attempts count as calls do: the third of a call that keeps failing finds a cap of two."""
    preset = _preset()
    model = Endpoints(lambda _: ModelStalled("silence"))
    with pytest.raises(BudgetReached, match="max-calls"):
        await Caller(model, store, store, preset).pay(_call(preset), Budget(max_calls=2))
    assert len(model.requests) == 2


async def test_money_is_reserved_at_the_most_that_all_choices_can_cost(store: MemoryStore) -> None:
    """Prompt bytes and n times the longest answer, at list price."""
    preset = _preset()
    seen: list[float] = []

    class Looking(Endpoints):
        async def complete(self, request: ModelRequest) -> ModelAnswer:
            seen.append((await store.spend(PROJECT)).reserved.cost)
            return await super().complete(request)

    await Caller(Looking(), store, store, preset).pay(_call(preset, count=3), NO_BUDGET)
    bytes_of_prompt = len(b"Task: a") + 32
    assert seen == [pytest.approx((bytes_of_prompt + 3 * 100 * 2) / 1_000_000)]


async def test_a_question_that_was_answered_before_is_free(store: MemoryStore) -> None:
    """With a stated revision, another call that asks the same makes no request; without one it does."""
    preset = _preset(revision="sha-1")
    model = Endpoints()
    caller = Caller(model, store, store, preset)
    await caller.pay(_call(preset, count=2), NO_BUDGET)
    await caller.pay(_call(preset, count=2, purpose="code-again-1"), NO_BUDGET)
    assert len(model.requests) == 1
    again = await store.completions(PROJECT, NodePath("root.a"), "code-again-1", 0)
    assert [(item.text, item.recalled) for item in again] == [("big 7 0", True), ("big 7 1", True)]
    assert (await store.spend(PROJECT)).settled.calls == 1
    unknown = _preset(revision="sha-2")
    await Caller(model, store, store, unknown).pay(_call(unknown, count=2, purpose="code-again-2"), NO_BUDGET)
    assert len(model.requests) == 2


async def test_without_a_revision_nothing_is_recalled_unless_all_is(store: MemoryStore) -> None:
    """What a model of unknown weights said may not be what it says now; a replay asks for it all the same."""
    preset = _preset()
    model = Endpoints()
    await Caller(model, store, store, preset).pay(_call(preset), NO_BUDGET)
    await Caller(model, store, store, preset).pay(_call(preset, purpose="code-again-1"), NO_BUDGET)
    assert len(model.requests) == 2
    replaying = Caller(model, store, store, preset, recalls_all=True)
    await replaying.pay(_call(preset, purpose="code-again-2"), NO_BUDGET)
    assert len(model.requests) == 2


async def test_fewer_choices_than_asked_for_are_kept_and_recalled_as_they_came(store: MemoryStore) -> None:
    """An endpoint without ``n`` gives one; the others are still missing, now as when the call is recalled."""
    preset = _preset(revision="sha-1")
    model = Endpoints(lambda request: _answer(request, 1))
    caller = Caller(model, store, store, preset)
    await caller.pay(_call(preset, count=3), NO_BUDGET)
    assert await _texts(store) == ["big 7 0"]
    await caller.pay(_call(preset, count=3, purpose="code-again-1"), NO_BUDGET)
    assert await _texts(store, "code-again-1") == ["big 7 0"]
    assert len(model.requests) == 1


async def test_no_more_calls_are_in_flight_than_an_endpoint_bears(store: MemoryStore) -> None:
    """Forty calls at once, and never more than its four at one of the two endpoints; all are answered."""
    preset = _preset(A, B, most_at_once=4)
    flying = {A: 0, B: 0}
    most = dict(flying)

    class Watching(Endpoints):
        async def complete(self, request: ModelRequest) -> ModelAnswer:
            flying[request.endpoint] += 1
            most[request.endpoint] = max(most[request.endpoint], flying[request.endpoint])
            try:
                return await super().complete(request)
            finally:
                flying[request.endpoint] -= 1

    model = Watching()
    caller = Caller(model, store, store, preset)
    await asyncio.gather(*(caller.pay(_call(preset, index), NO_BUDGET) for index in range(40)))
    assert len(await _texts(store)) == len(model.requests) == 40
    assert most == {A: 4, B: 4}


async def test_an_endpoint_that_turns_calls_away_is_given_fewer(store: MemoryStore) -> None:
    """It bears three at once and refuses the rest: after a while hardly any call is turned away."""
    preset = _preset(most_at_once=32)
    flying, turned_away = 0, []

    class Crowded(Endpoints):
        async def complete(self, request: ModelRequest) -> ModelAnswer:
            nonlocal flying
            flying += 1
            try:
                await asyncio.sleep(0.002)
                turned_away.append(flying > 3)
                if flying > 3:
                    raise ModelOverloaded("busy", retry_after=0.0)
                return await super().complete(request)
            finally:
                flying -= 1

    caller = Caller(Crowded(), store, store, preset)
    done = await asyncio.gather(
        *(caller.pay(_call(preset, index), NO_BUDGET) for index in range(200)), return_exceptions=True
    )
    # Of the first crowd some may be turned away as often as is borne; the rest come through.
    assert sum(isinstance(each, ModelOverloaded) for each in done) <= 32
    assert sum(turned_away[-100:]) < 40


async def test_one_call_at_a_time_tries_an_endpoint_that_may_have_recovered(store: MemoryStore) -> None:
    """Half-open, the crowd waits for the first answers; a second success lets it through."""
    preset = _preset().model_copy(update={"breaker": BreakerRule(failures=1, open_seconds=0.05, successes=2)})
    flying, most_while_trying, down = 0, 0, True

    class Recovering(Endpoints):
        async def complete(self, request: ModelRequest) -> ModelAnswer:
            nonlocal flying, most_while_trying
            flying += 1
            try:
                if (await store.breakers([A]))[A].state is BreakerState.HALF_OPEN:
                    most_while_trying = max(most_while_trying, flying)
                await asyncio.sleep(0.001)
                if down:
                    raise EndpointLost("reset")
                return await super().complete(request)
            finally:
                flying -= 1

    caller = Caller(Recovering(), store, store, preset)
    with pytest.raises(RoutesClosed):
        await caller.pay(_call(preset), NO_BUDGET)
    down = False
    await asyncio.sleep(0.06)
    await asyncio.gather(*(caller.pay(_call(preset, index), NO_BUDGET) for index in range(10)))
    assert most_while_trying == 1
    assert (await store.breakers([A]))[A].state is BreakerState.CLOSED


async def test_the_votes_of_a_task_share_a_replica(store: MemoryStore) -> None:
    """A few votes of one task meet at one endpoint, where their prompt is known already."""
    preset = _preset(A, B)
    model = Endpoints()
    caller = Caller(model, store, store, preset)
    await asyncio.gather(*(caller.pay(_call(preset, index), NO_BUDGET) for index in range(4)))
    assert len({request.endpoint for request in model.requests}) == 1


async def test_the_prompt_of_every_call_is_kept(store: MemoryStore) -> None:
    """By the ledger's digest the prompt is found again, word for word."""
    preset = _preset()
    await Caller(Endpoints(), store, store, preset).pay(_call(preset), NO_BUDGET)
    (entry,) = await store.ledger(PROJECT)
    assert await store.prompt(entry.prompt_digest) == PROMPT
    assert entry.key.project == ProjectId("shop")
