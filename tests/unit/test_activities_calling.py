"""Calls to models: reserved for each attempt, tried again where that helps, moved to replicas, settled once."""

import asyncio
from collections.abc import Callable

import pytest

from activities import calling
from activities.calling import MOST_TRIES, Caller
from millwright.adapters.storage.memory import MemoryStore
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
from schemas.identity import NodePath, ProjectId
from schemas.models import (
    Budget,
    LedgerStatus,
    ModelAnswer,
    ModelRequest,
)
from tests.unit.activity_fakes import PROJECT, opened
from tests.unit.calling_fakes import NO_BUDGET, PROMPT, A, B, Behaviour, Endpoints, answer, call_of, preset_at


def _failing(times: int, error: Callable[[], ModelError]) -> Behaviour:
    left = times

    def behave(request: ModelRequest) -> ModelAnswer | ModelError:
        nonlocal left
        left -= 1
        return error() if left >= 0 else answer(request)

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
    preset = preset_at()
    model = Endpoints()
    await Caller(model, store, store, preset).pay(call_of(preset, count=3), NO_BUDGET)
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
    preset = preset_at()
    model = Endpoints(_failing(2, error))
    await Caller(model, store, store, preset).pay(call_of(preset), NO_BUDGET)
    assert len({(request.seed, request.idempotency_key) for request in model.requests}) == 1
    assert model.requests[0].idempotency_key
    entries = await store.ledger(PROJECT)
    assert [(entry.attempt, entry.status) for entry in entries] == [(1, status), (2, status), (3, LedgerStatus.SETTLED)]
    assert [bool(entry.failure) for entry in entries] == [True, True, False]
    lost = entries[0].completion_tokens
    assert lost == (100 if status is LedgerStatus.LOST else 0)


async def test_a_connection_that_was_never_made_counts_nowhere(store: MemoryStore) -> None:
    """Nothing was sent: the row is released, and no cap is nearer."""
    preset = preset_at(A, B)
    down: list[str] = []

    def behave(request: ModelRequest) -> ModelAnswer | ModelError:
        if not down or request.endpoint == down[0]:
            down.append(request.endpoint)
            return EndpointLost("refused", sent=False, dead=True)
        return answer(request)

    model = Endpoints(behave)
    await Caller(model, store, store, preset).pay(call_of(preset), Budget(max_calls=1))
    assert [entry.status for entry in await store.ledger(PROJECT)] == [LedgerStatus.RELEASED, LedgerStatus.SETTLED]
    assert (await store.spend(PROJECT)).settled.calls == 1


async def test_a_dead_endpoint_is_left_for_its_replica_and_told_to_other_workers(store: MemoryStore) -> None:
    """One call of one worker finds it dead; after that no worker asks it, and the replica answers every call."""
    preset = preset_at(A, B)
    model = Endpoints()
    # Whichever of the two is asked first, so that the test does not depend on how tasks are spread.
    model.behave = lambda request: (
        EndpointLost("dead", dead=True) if request.endpoint == model.requests[0].endpoint else answer(request)
    )
    one, other = Caller(model, store, store, preset), Caller(model, store, store, preset)
    await one.pay(call_of(preset), NO_BUDGET)
    dead, replica = [request.endpoint for request in model.requests]
    assert dead != replica
    assert (await store.breakers([dead]))[dead].state is BreakerState.OPEN
    for index in range(1, 13):
        await (one if index < 6 else other).pay(call_of(preset, index), NO_BUDGET)
    assert [request.endpoint for request in model.requests[2:]] == [replica] * 12


async def test_a_model_that_cannot_be_asked_is_stood_in_for(store: MemoryStore) -> None:
    """The fallback answers when every endpoint of the model is given up, and the record says who answered."""
    preset = preset_at(fallback=True)
    model = Endpoints(lambda request: EndpointLost("dead", dead=True) if request.model == "big" else answer(request))
    await Caller(model, store, store, preset).pay(call_of(preset), NO_BUDGET)
    assert await _texts(store) == ["small 7 0"]
    assert [request.model for request in model.requests] == ["big", "small"]


async def test_with_all_routes_closed_the_retry_is_asked_for_at_the_moment_of_recovery(store: MemoryStore) -> None:
    """Nothing is sent, and nothing waits here: the error says in how many seconds a call may try."""
    preset = preset_at()
    model = Endpoints(lambda _: EndpointLost("dead", dead=True))
    caller = Caller(model, store, store, preset)
    with pytest.raises(RoutesClosed, match="big"):
        await caller.pay(call_of(preset), NO_BUDGET)
    with pytest.raises(RoutesClosed, match="big") as closed:
        await caller.pay(call_of(preset), NO_BUDGET)
    assert 50 < closed.value.retry_seconds <= 60
    assert len(model.requests) == 1


async def test_a_call_that_never_is_answered_is_given_back_to_temporal(store: MemoryStore) -> None:
    """So many attempts are made here; then the activity is to be tried again as a whole."""
    preset = preset_at()
    model = Endpoints(lambda _: ModelOverloaded("busy"))
    with pytest.raises(ModelUnavailable):
        await Caller(model, store, store, preset).pay(call_of(preset), NO_BUDGET)
    assert len(model.requests) == MOST_TRIES


async def test_a_refused_call_counts_as_a_request_and_is_not_repeated(store: MemoryStore) -> None:
    """The server saw it, and it cost nothing."""
    preset = preset_at()
    model = Endpoints(lambda _: ModelRefused("no such model"))
    with pytest.raises(ModelRefused):
        await Caller(model, store, store, preset).pay(call_of(preset), NO_BUDGET)
    (entry,) = await store.ledger(PROJECT)
    assert (entry.status, entry.prompt_tokens, entry.cost) == (LedgerStatus.REFUSED, 0, 0.0)
    assert len(model.requests) == 1


async def test_no_attempt_passes_a_cap(store: MemoryStore) -> None:
    """Attempts count as calls do: the third of a call that keeps failing finds a cap of two."""
    preset = preset_at()
    model = Endpoints(lambda _: ModelStalled("silence"))
    with pytest.raises(BudgetReached, match="max-calls"):
        await Caller(model, store, store, preset).pay(call_of(preset), Budget(max_calls=2))
    assert len(model.requests) == 2


async def test_money_is_reserved_at_the_most_that_all_choices_can_cost(store: MemoryStore) -> None:
    """Prompt bytes and n times the longest answer, at list price."""
    preset = preset_at()
    seen: list[float] = []

    class Looking(Endpoints):
        async def complete(self, request: ModelRequest) -> ModelAnswer:
            seen.append((await store.spend(PROJECT)).reserved.cost)
            return await super().complete(request)

    await Caller(Looking(), store, store, preset).pay(call_of(preset, count=3), NO_BUDGET)
    bytes_of_prompt = len(b"Task: a") + 32
    assert seen == [pytest.approx((bytes_of_prompt + 3 * 100 * 2) / 1_000_000)]


async def test_a_question_that_was_answered_before_is_free(store: MemoryStore) -> None:
    """With a stated revision, another call that asks the same makes no request; without one it does."""
    preset = preset_at(revision="sha-1")
    model = Endpoints()
    caller = Caller(model, store, store, preset)
    await caller.pay(call_of(preset, count=2), NO_BUDGET)
    await caller.pay(call_of(preset, count=2, purpose="code-again-1"), NO_BUDGET)
    assert len(model.requests) == 1
    again = await store.completions(PROJECT, NodePath("root.a"), "code-again-1", 0)
    assert [(item.text, item.recalled) for item in again] == [("big 7 0", True), ("big 7 1", True)]
    assert (await store.spend(PROJECT)).settled.calls == 1
    unknown = preset_at(revision="sha-2")
    await Caller(model, store, store, unknown).pay(call_of(unknown, count=2, purpose="code-again-2"), NO_BUDGET)
    assert len(model.requests) == 2


async def test_without_a_revision_nothing_is_recalled_unless_all_is(store: MemoryStore) -> None:
    """What a model of unknown weights said may not be what it says now; a replay asks for it all the same."""
    preset = preset_at()
    model = Endpoints()
    await Caller(model, store, store, preset).pay(call_of(preset), NO_BUDGET)
    await Caller(model, store, store, preset).pay(call_of(preset, purpose="code-again-1"), NO_BUDGET)
    assert len(model.requests) == 2
    replaying = Caller(model, store, store, preset, recalls_all=True)
    await replaying.pay(call_of(preset, purpose="code-again-2"), NO_BUDGET)
    assert len(model.requests) == 2


async def test_fewer_choices_than_asked_for_are_kept_and_recalled_as_they_came(store: MemoryStore) -> None:
    """An endpoint without ``n`` gives one; the others are still missing, now as when the call is recalled."""
    preset = preset_at(revision="sha-1")
    model = Endpoints(lambda request: answer(request, 1))
    caller = Caller(model, store, store, preset)
    await caller.pay(call_of(preset, count=3), NO_BUDGET)
    assert await _texts(store) == ["big 7 0"]
    await caller.pay(call_of(preset, count=3, purpose="code-again-1"), NO_BUDGET)
    assert await _texts(store, "code-again-1") == ["big 7 0"]
    assert len(model.requests) == 1


async def test_no_more_calls_are_in_flight_than_an_endpoint_bears(store: MemoryStore) -> None:
    """Forty calls at once, and never more than its four at one of the two endpoints; all are answered."""
    preset = preset_at(A, B, most_at_once=4)
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
    await asyncio.gather(*(caller.pay(call_of(preset, index), NO_BUDGET) for index in range(40)))
    assert len(await _texts(store)) == len(model.requests) == 40
    assert most == {A: 4, B: 4}


async def test_an_endpoint_that_turns_calls_away_is_given_fewer(store: MemoryStore) -> None:
    """It bears three at once and refuses the rest: after a while hardly any call is turned away."""
    preset = preset_at(most_at_once=32)
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
        *(caller.pay(call_of(preset, index), NO_BUDGET) for index in range(200)), return_exceptions=True
    )
    # Of the first crowd some may be turned away as often as is borne; the rest come through.
    assert sum(isinstance(each, ModelOverloaded) for each in done) <= 32
    assert sum(turned_away[-100:]) < 40


async def test_one_call_at_a_time_tries_an_endpoint_that_may_have_recovered(store: MemoryStore) -> None:
    """Half-open, the crowd waits for the first answers; a second success lets it through."""
    preset = preset_at().model_copy(update={"breaker": BreakerRule(failures=1, open_seconds=0.05, successes=2)})
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
        await caller.pay(call_of(preset), NO_BUDGET)
    down = False
    await asyncio.sleep(0.06)
    await asyncio.gather(*(caller.pay(call_of(preset, index), NO_BUDGET) for index in range(10)))
    assert most_while_trying == 1
    assert (await store.breakers([A]))[A].state is BreakerState.CLOSED


async def test_the_votes_of_a_task_share_a_replica(store: MemoryStore) -> None:
    """A few votes of one task meet at one endpoint, where their prompt is known already."""
    preset = preset_at(A, B)
    model = Endpoints()
    caller = Caller(model, store, store, preset)
    await asyncio.gather(*(caller.pay(call_of(preset, index), NO_BUDGET) for index in range(4)))
    assert len({request.endpoint for request in model.requests}) == 1


async def test_the_prompt_of_every_call_is_kept(store: MemoryStore) -> None:
    """By the ledger's digest the prompt is found again, word for word."""
    preset = preset_at()
    await Caller(Endpoints(), store, store, preset).pay(call_of(preset), NO_BUDGET)
    (entry,) = await store.ledger(PROJECT)
    assert await store.prompt(entry.prompt_digest) == PROMPT
    assert entry.key.project == ProjectId("shop")
