"""Drawing answers: reserved, stored as they arrive, paid once, stopped by caps, extracted and flagged."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities import calling
from activities.calling import MOST_TRIES
from millwright.adapters.storage.memory import MemoryStore
from millwright.errors import ModelOverloaded, ModelRefused
from schemas.election import Flag
from schemas.evidence import CompletionRecord
from schemas.models import Budget, LedgerEntry, LedgerStatus, ModelAnswer, ModelRequest, Spend
from schemas.presets import Prices
from schemas.requests import DrawRequest, DrawResult
from tests.unit.activity_fakes import CODE, DOUBLE, PROJECT, FakeModel, flat, generation_of, opened, task


async def _draw(store: MemoryStore, model: FakeModel, count: int = 3, round_: int = 0) -> DrawResult:
    request = DrawRequest(election=CODE, round=round_, count=count, seed=7)
    return await ActivityEnvironment().run(generation_of(store, model).draw, request)


@pytest.fixture
async def store() -> MemoryStore:
    """A project with one task and no caps."""
    made = MemoryStore()
    await opened(made)
    await flat(made, task("double"))
    return made


async def test_a_round_is_drawn_stored_and_labelled(store: MemoryStore) -> None:
    """Each answer has its slot, its candidate and a settled row in the ledger; seeds differ, the first is coldest."""
    model = FakeModel()
    result = await _draw(store, model)
    assert [draw.slot.index for draw in result.draws] == [0, 1, 2]
    assert len({draw.candidate for draw in result.draws}) == 1
    assert {entry.status for entry in await store.ledger(PROJECT)} == {LedgerStatus.SETTLED}
    assert len({request.seed for request in model.requests}) == 3
    assert min(request.temperature for request in model.requests) == 0.0
    stored = await store.completions(PROJECT, CODE.path, CODE.key, 0)
    assert all(item.text == DOUBLE and item.candidate for item in stored)


async def test_a_second_attempt_pays_for_nothing(store: MemoryStore) -> None:
    """The same request again makes no model call and returns the same draws."""
    first = await _draw(store, FakeModel())
    again = FakeModel()
    assert await _draw(store, again) == first
    assert again.requests == []


async def test_a_retry_pays_only_for_what_is_missing(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers that arrived before the failure are kept, and only the lost one is asked for again."""
    monkeypatch.setattr(calling, "pause", lambda *_: 0.0)
    lost: set[int] = set()

    def flaky(request: ModelRequest) -> str:
        if request.temperature > 0:
            lost.add(request.seed)
        if request.seed == min(lost, default=-1):
            raise ModelOverloaded("the line is cut")
        return DOUBLE

    with pytest.raises(ApplicationError, match="cut") as failure:
        await _draw(store, FakeModel(flaky))
    assert not failure.value.non_retryable
    failed = (await store.spend(PROJECT)).settled.calls - 2
    assert failed >= MOST_TRIES
    again = FakeModel()
    result = await _draw(store, again)
    assert len(again.requests) == 1
    assert len(result.draws) == 3
    assert (await store.spend(PROJECT)).settled.calls == failed + 3
    assert (await store.spend(PROJECT)).reserved.calls == 0


async def test_one_refused_call_ends_the_others(store: MemoryStore) -> None:
    """What can no longer be decided is not waited for: calls in flight are broken off."""
    broken_off = 0

    class Refusing(FakeModel):
        async def complete(self, request: ModelRequest) -> ModelAnswer:
            nonlocal broken_off
            if request.temperature == 0:
                await asyncio.sleep(0)
                raise ModelRefused("no such model")
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                broken_off += 1
                raise
            raise AssertionError("nobody was to set the event")

    with pytest.raises(ApplicationError, match="no such model"):
        await _draw(store, Refusing(), count=4)
    assert broken_off == 3


async def test_the_swarm_of_a_round_is_diverse_and_goes_on_where_the_last_one_ended(store: MemoryStore) -> None:
    """Temperatures and variants differ from draw to draw; a later round does not begin with the coldest again."""
    model = FakeModel()
    await _draw(store, model, count=6)
    assert len({request.temperature for request in model.requests}) == 4
    last = {request.prompt.messages[-1].content.rpartition("## ")[2] for request in model.requests}
    assert len(last) == 5
    later = FakeModel()
    request = DrawRequest(election=CODE, round=1, count=3, seed=7, before=6)
    await ActivityEnvironment().run(generation_of(store, later).draw, request)
    assert min(each.temperature for each in later.requests) > 0


async def test_votes_that_differ_in_nothing_share_a_request_and_a_missing_one_is_asked_for_alone() -> None:
    """Seventeen draws of a swarm of sixteen: two are alike; an endpoint without ``n`` is asked once more."""
    store = MemoryStore()
    await opened(store)
    await flat(store, task("double"))
    model = FakeModel()
    result = await _draw(store, model, count=17)
    assert len(result.draws) == 17
    assert sorted(request.choices for request in model.requests) == [*[1] * 16, 2]
    assert model.requests[-1].choices == 1


@pytest.mark.parametrize("settling", [False, True])
async def test_a_cancelled_round_breaks_its_calls_off_and_stays_counted(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch, *, settling: bool
) -> None:
    """A call without an answer counts at its upper bound; an answer that came is settled before the round ends."""
    environment, broken_off = ActivityEnvironment(), 0
    settle = store.settle

    class Cancelled(FakeModel):
        async def complete(self, request: ModelRequest) -> ModelAnswer:
            nonlocal broken_off
            answer = await super().complete(request)
            if len(self.requests) == 4 and not settling:
                environment.cancel()
            if settling and len(self.requests) == 1:
                return answer
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                broken_off += 1
                raise
            return answer

    async def slowly(entry: LedgerEntry, completions: Sequence[CompletionRecord]) -> None:
        environment.cancel()
        await asyncio.sleep(0)
        await settle(entry, completions)

    monkeypatch.setattr(store, "settle", slowly)
    model = Cancelled()
    with pytest.raises(asyncio.CancelledError):
        await environment.run(generation_of(store, model).draw, DrawRequest(election=CODE, round=0, count=6, seed=7))
    spend = await store.spend(PROJECT)
    answered = 1 if settling else 0
    assert broken_off == len(model.requests) - answered
    assert (spend.settled.calls, spend.reserved.calls) == (answered, len(model.requests) - answered)
    assert spend.reserved.completion_tokens == spend.reserved.calls * 2048
    monkeypatch.setattr(store, "settle", settle)
    assert len((await _draw(store, FakeModel(), count=6)).draws) == 6
    after = await store.spend(PROJECT)
    assert (after.settled.calls, after.reserved) == (6, spend.reserved)


async def test_no_more_answers_are_counted_than_asked_for(store: MemoryStore) -> None:
    """What an earlier, larger round left behind changes nothing of this one."""
    await _draw(store, FakeModel(), count=5)
    assert len((await _draw(store, FakeModel(), count=2)).draws) == 2


async def test_a_cap_on_calls_is_a_result_and_the_rest_is_kept() -> None:
    """A budget of two gives two answers and the name of the cap; nothing is lost and nothing is raised."""
    store = MemoryStore()
    await opened(store, Budget(max_calls=2))
    await flat(store, task("double"))
    model = FakeModel()
    result = await _draw(store, model, count=5)
    assert len(model.requests) == len(result.draws) == 2
    assert "--max-calls" in str(result.budget_reached)


async def test_a_cap_on_time_stops_before_any_call() -> None:
    """After the project's time has passed nothing more is asked."""
    store = MemoryStore()
    await opened(store, Budget(max_time_seconds=60), started_at=datetime.now(UTC) - timedelta(seconds=61))
    await flat(store, task("double"))
    model = FakeModel()
    result = await _draw(store, model)
    assert (model.requests, result.draws) == ([], ())
    assert "time" in str(result.budget_reached)


async def test_a_refused_call_is_one_request_and_costs_nothing(store: MemoryStore) -> None:
    """What the endpoint refuses for good is not retried, and no token of it counts."""

    def refuse(_: ModelRequest) -> str:
        raise ModelRefused("no such model")

    with pytest.raises(ApplicationError, match="no such model") as failure:
        await _draw(store, FakeModel(refuse), count=1)
    assert (failure.value.type, failure.value.non_retryable) == ("ModelRefused", True)
    (entry,) = await store.ledger(PROJECT)
    assert (entry.status, entry.failure) == (LedgerStatus.REFUSED, "ModelRefused")
    assert (await store.spend(PROJECT)).settled == Spend(calls=1)


async def test_answers_that_hold_no_code_are_flagged(store: MemoryStore) -> None:
    """A flagged answer is stored with its flag and has no candidate."""
    result = await _draw(store, FakeModel(lambda _: "I would rather not say."), count=1)
    assert result.draws[0].candidate is None
    assert result.draws[0].flag is Flag.NOTHING_EXTRACTABLE
    assert (await store.completions(PROJECT, CODE.path, CODE.key, 0))[0].flag is Flag.NOTHING_EXTRACTABLE


async def test_the_price_of_an_answer_is_that_of_its_tokens(store: MemoryStore) -> None:
    """A settled call costs what it used, not what was reserved."""
    generation = generation_of(store, FakeModel(), prices=Prices(prompt=1.0, completion=2.0))
    await ActivityEnvironment().run(generation.draw, DrawRequest(election=CODE, round=0, count=1, seed=0))
    assert (await store.spend(PROJECT)).settled.cost == pytest.approx(20e-6)
