"""Calls that are interrupted, and endpoints that ask for long pauses: the books stay right, and replicas go on."""

import asyncio
from collections.abc import Sequence

import pytest

from activities.calling import Caller
from millwright.adapters.storage.memory import MemoryStore
from millwright.errors import EndpointLost, ModelOverloaded, ModelStalled
from millwright.ports import NO_CAPS
from schemas.breakers import Breaker
from schemas.evidence import CompletionRecord
from schemas.identity import NodePath
from schemas.models import (
    Budget,
    InstallationBudget,
    LedgerEntry,
    LedgerStatus,
    ModelAnswer,
    ModelRequest,
)
from schemas.presets import Preset
from tests.unit.activity_fakes import PROJECT, opened
from tests.unit.calling_fakes import NO_BUDGET, A, B, Endpoints, answer, call_of, preset_at


class SlowStore(MemoryStore):
    """A store whose writes take a moment, during which a call can be cancelled; ``begun`` tells of the one named."""

    def __init__(self, slow: str, *, breaks: bool = False) -> None:
        super().__init__()
        self.begun, self._slow, self._breaks = asyncio.Event(), slow, breaks

    async def _pause(self, name: str) -> None:
        if name == self._slow:
            self.begun.set()
            if self._breaks:
                raise ConnectionError("the store is away")
            for _ in range(20):
                await asyncio.sleep(0)

    async def reserve(
        self, entry: LedgerEntry, budget: Budget, installation: InstallationBudget = NO_CAPS
    ) -> LedgerEntry:
        """Commit, and answer late."""
        reserved = await super().reserve(entry, budget, installation)
        await self._pause("reserve")
        return reserved

    async def settle(self, entry: LedgerEntry, completions: Sequence[CompletionRecord]) -> None:
        """Commit late."""
        await self._pause("settle")
        await super().settle(entry, completions)

    async def replace_breaker(self, breaker: Breaker) -> bool:
        """Commit late, or not at all."""
        await self._pause("replace_breaker")
        return await super().replace_breaker(breaker)


async def _cancelled(store: SlowStore, caller: Caller, preset: Preset, times: int) -> None:
    paying = asyncio.create_task(caller.pay(call_of(preset), NO_BUDGET))
    await store.begun.wait()
    for _ in range(times):
        paying.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await paying


async def test_an_answer_that_has_come_is_settled_however_often_the_call_is_cancelled() -> None:
    """A round that ends breaks its calls off, and the activity's own cancellation comes on top of that."""
    store, preset = SlowStore("settle"), preset_at()
    await opened(store)
    await _cancelled(store, Caller(Endpoints(), store, store, preset), preset, times=3)
    (entry,) = await store.ledger(PROJECT)
    assert entry.status is LedgerStatus.SETTLED
    assert [item.text for item in await store.completions(PROJECT, NodePath("root.a"), "code", 0)] == ["big 7 0"]


async def test_what_was_reserved_and_never_sent_is_released() -> None:
    """Cancelled while the store reserves, nothing left: no cap is nearer."""
    store, preset, model = SlowStore("reserve"), preset_at(), Endpoints()
    await opened(store)
    await _cancelled(store, Caller(model, store, store, preset), preset, times=1)
    assert model.requests == []
    assert [entry.status for entry in await store.ledger(PROJECT)] == [LedgerStatus.RELEASED]


@pytest.mark.parametrize("breaks", [False, True])
async def test_a_failed_attempt_is_concluded_though_its_breaker_is_not_written(breaks: bool) -> None:
    """The books do not depend on the breakers: a store that fails there, or a cancellation, leaves no open row."""
    store, preset = SlowStore("replace_breaker", breaks=breaks), preset_at()
    await opened(store)
    caller = Caller(Endpoints(lambda _: EndpointLost("500", answered=True)), store, store, preset)
    if breaks:
        with pytest.raises(ConnectionError):
            await caller.pay(call_of(preset), NO_BUDGET)
    else:
        await _cancelled(store, caller, preset, times=1)
    assert [entry.status for entry in await store.ledger(PROJECT)] == [LedgerStatus.REFUSED]


async def test_a_replica_answers_while_another_asks_for_a_long_pause() -> None:
    """The pause is the endpoint's, not the call's."""
    store, preset = MemoryStore(), preset_at(A, B)
    await opened(store)
    turned_away: list[str] = []

    def behave(request: ModelRequest) -> ModelAnswer | ModelOverloaded:
        if not turned_away or request.endpoint in turned_away:
            turned_away.append(request.endpoint)
            return ModelOverloaded("busy", retry_after=3600.0)
        return answer(request)

    await asyncio.wait_for(Caller(Endpoints(behave), store, store, preset).pay(call_of(preset), NO_BUDGET), 5)
    assert len(turned_away) == 1


async def test_a_model_is_asked_itself_though_its_stand_in_answered_before() -> None:
    """What a fallback said in an outage is no answer of the model: only a replay takes it."""
    store, preset = MemoryStore(), preset_at(fallback=True, revision="sha-1")
    await opened(store)
    down = Endpoints(lambda request: EndpointLost("dead", dead=True) if request.model == "big" else answer(request))
    await Caller(down, store, MemoryStore(), preset).pay(call_of(preset), NO_BUDGET)
    await Caller(Endpoints(), store, MemoryStore(), preset).pay(call_of(preset, purpose="code-again-1"), NO_BUDGET)
    again = await store.completions(PROJECT, NodePath("root.a"), "code-again-1", 0)
    assert [item.model for item in again] == ["big"]


async def test_the_name_and_password_of_an_endpoint_are_in_no_record() -> None:
    """Ledger and breakers show where was asked without them."""
    url = "http://user:hunter2@host/v1"
    store, preset = MemoryStore(), preset_at(url)
    await opened(store)
    model = Endpoints(lambda request: ModelStalled("silence") if len(model.requests) == 1 else answer(request))
    await Caller(model, store, store, preset).pay(call_of(preset), NO_BUDGET)
    assert {request.endpoint for request in model.requests} == {url}
    shown = str(await store.ledger(PROJECT)) + str(store._breakers)
    assert "http://host/v1" in shown
    assert "hunter2" not in shown
