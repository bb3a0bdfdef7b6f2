"""What every store promises of model calls and their budget, run on memory and Postgres alike."""

import asyncio

import pytest

from millwright.errors import BudgetReached
from schemas.election import Flag
from schemas.models import Budget, FinishReason, LedgerStatus, Spend
from tests.contract.stores_fixtures import (
    BANK,
    HOSTILE,
    LEAF,
    NO_CAP,
    SHOP,
    Store,
    completion,
    digest,
    entry,
)


async def test_a_cap_on_calls_is_never_passed_however_many_ask_at_once(store: Store) -> None:
    """Of fifty concurrent reservations under a cap of twenty exactly twenty succeed."""
    outcomes = await asyncio.gather(
        *(store.reserve(entry(index), Budget(max_calls=20)) for index in range(50)), return_exceptions=True
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, BudgetReached)]
    assert outcomes.count(None) == 20
    assert len(refused) == 30
    assert len(await store.ledger(SHOP)) == 20
    assert "the cap is 20 calls, 20 used or reserved" in str(refused[0])


async def test_the_cap_of_one_project_does_not_bind_another(store: Store) -> None:
    """Reservations are counted per project."""
    await store.reserve(entry(), Budget(max_calls=1))
    await store.reserve(entry(owner=BANK), Budget(max_calls=1))
    with pytest.raises(BudgetReached, match="'bank'"):
        await store.reserve(entry(1, owner=BANK), Budget(max_calls=1))


async def test_reserving_a_key_again_changes_nothing(store: Store) -> None:
    """Neither a reserved nor a settled call is counted, refused or turned back a second time."""
    cap = Budget(max_calls=1)
    await asyncio.gather(*(store.reserve(entry(tokens=(1, 1)), cap) for _ in range(5)))
    await store.reserve(entry(tokens=(99, 99)), cap)
    assert await store.ledger(SHOP) == (entry(tokens=(1, 1)),)
    await store.settle(entry(tokens=(1, 2)), completion(entry()))
    await store.reserve(entry(tokens=(99, 99)), cap)
    await store.reserve(entry(tokens=(99, 99)), NO_CAP)
    (found,) = await store.ledger(SHOP)
    assert found.status is LedgerStatus.SETTLED
    assert found.completion_tokens == 2


async def test_a_cap_on_tokens_counts_upper_bounds_and_then_what_was_measured(store: Store) -> None:
    """A reservation holds its upper bound; settling gives the difference back."""
    cap = Budget(max_tokens=100)
    await store.reserve(entry(0, tokens=(20, 60)), cap)
    with pytest.raises(BudgetReached, match=r"the cap is 100 tokens, 80 used or reserved, .* asks for 21"):
        await store.reserve(entry(1, tokens=(10, 11)), cap)
    await store.settle(entry(0, tokens=(20, 10)), completion(entry(0)))
    await store.reserve(entry(1, tokens=(10, 60)), cap)
    with pytest.raises(BudgetReached, match="--max-tokens"):
        await store.reserve(entry(2, tokens=(0, 1)), cap)


async def test_a_cap_on_cost_can_be_used_up_exactly(store: Store) -> None:
    """Three tenths fit under a cap of 0.3, though as doubles they add up to more; the least on top does not."""
    cap = Budget(max_cost=0.3)
    for index in range(3):
        await store.reserve(entry(index, cost=0.1), cap)
    with pytest.raises(BudgetReached, match=r"a cost of 0\.3, 0\.3 used or reserved"):
        await store.reserve(entry(3, cost=0.001), cap)
    await store.reserve(entry(4, cost=0.0), cap)


async def test_a_released_call_is_not_counted_and_may_be_reserved_again(store: Store) -> None:
    """Giving a reservation back makes room; reserving it again takes the room."""
    cap = Budget(max_calls=1)
    await store.reserve(entry(0), cap)
    await store.release(entry(0).key)
    await store.release(entry(0).key)
    await store.release(entry(7).key)
    (released,) = await store.ledger(SHOP)
    assert released.status is LedgerStatus.RELEASED
    await store.reserve(entry(1), cap)
    with pytest.raises(BudgetReached):
        await store.reserve(entry(0), cap)
    await store.release(entry(1).key)
    await store.reserve(entry(0, tokens=(3, 4)), cap)
    found = {call.key.index: call for call in await store.ledger(SHOP)}
    assert found[0] == entry(0, tokens=(3, 4))
    assert found[1].status is LedgerStatus.RELEASED


async def test_a_settled_call_cannot_be_released(store: Store) -> None:
    """What was paid stays paid."""
    await store.settle(entry(), completion(entry()))
    await store.release(entry().key)
    assert (await store.spend(SHOP)).settled.calls == 1


async def test_the_first_to_settle_a_key_wins(store: Store) -> None:
    """A second answer to the same call changes neither the completion nor the ledger."""
    await store.reserve(entry(), NO_CAP)
    await store.settle(entry(tokens=(10, 5)), completion(entry(), "first"))
    await store.settle(entry(tokens=(10, 9)), completion(entry(), "second"))
    (stored,) = await store.completions(SHOP, LEAF, "code", 0)
    assert stored.text == "first"
    assert (await store.spend(SHOP)).settled.completion_tokens == 5


async def test_concurrent_settlements_agree_on_one(store: Store) -> None:
    """The completion and the ledger row that are stored come from the same settlement."""
    await asyncio.gather(*(store.settle(entry(tokens=(0, n)), completion(entry(), str(n))) for n in range(1, 11)))
    (stored,) = await store.completions(SHOP, LEAF, "code", 0)
    (call,) = await store.ledger(SHOP)
    assert int(stored.text) == call.completion_tokens


async def test_a_settled_entry_keeps_every_field(store: Store) -> None:
    """All fields of a ledger entry come back, with the state that settling gives it."""
    measured = entry(cost=1 / 3).model_copy(
        update={
            "model": "m \ud800",
            "endpoint": "http://127.0.0.1:8000/v1",
            "finish_reason": FinishReason.LENGTH,
            "latency_seconds": 1.25,
        }
    )
    await store.settle(measured, completion(measured))
    assert await store.ledger(SHOP) == (measured.model_copy(update={"status": LedgerStatus.SETTLED}),)


async def test_a_completion_cannot_settle_another_call(store: Store) -> None:
    """A completion under the wrong key is a fault of the caller and stores nothing."""
    with pytest.raises(ValueError, match="cannot settle"):
        await store.settle(entry(0), completion(entry(1)))
    assert await store.ledger(SHOP) == ()


async def test_spend_sums_what_is_settled_and_what_is_reserved(store: Store) -> None:
    """Each sum has its calls, tokens and cost; released calls are in neither."""
    for index in range(4):
        await store.reserve(entry(index, tokens=(100, 200), cost=0.5), NO_CAP)
    await store.settle(entry(0, tokens=(90, 20), cost=0.25), completion(entry(0)))
    await store.settle(entry(1, tokens=(2**40, 30), cost=0.125), completion(entry(1)))
    await store.release(entry(2).key)
    found = await store.spend(SHOP)
    assert found.settled == Spend(calls=2, prompt_tokens=90 + 2**40, completion_tokens=50, cost=0.375)
    assert found.reserved == Spend(calls=1, prompt_tokens=100, completion_tokens=200, cost=0.5)


async def test_completions_are_read_in_order_of_key_and_not_of_arrival(store: Store) -> None:
    """Rounds and indices sort as numbers."""
    for round_, index in ((1, 0), (0, 10), (10, 0), (0, 2)):
        await store.settle(entry(index, round_=round_), completion(entry(index, round_=round_)))
    await store.settle(entry(owner=BANK), completion(entry(owner=BANK)))
    found = await store.all_completions(SHOP)
    assert [(one.round, one.index) for one in found] == [(0, 2), (0, 10), (1, 0), (10, 0)]
    assert [one.index for one in await store.completions(SHOP, LEAF, "code", 0)] == [2, 10]
    assert [(call.key.round, call.key.index) for call in await store.ledger(SHOP)] == [(0, 2), (0, 10), (1, 0), (10, 0)]


async def test_labelling_a_completion_leaves_its_text_alone(store: Store) -> None:
    """The label is replaced; the text stays what the model said."""
    await store.settle(entry(), completion(entry(), "said"))
    flagged = completion(entry(), "other").model_copy(update={"flag": Flag.MALFORMED, "detail": "line \x00\ud800"})
    await store.label_completion(SHOP, flagged)
    assert await store.completions(SHOP, LEAF, "code", 0) == (flagged.model_copy(update={"text": "said"}),)
    accepted = completion(entry()).model_copy(update={"candidate": digest("c")})
    await store.label_completion(SHOP, accepted)
    await store.label_completion(SHOP, accepted)
    assert await store.all_completions(SHOP) == (accepted.model_copy(update={"text": "said"}),)


async def test_any_text_of_a_model_comes_back_unchanged(store: Store) -> None:
    """Completions and candidates keep NUL, lone surrogates and whatever else a model emits."""
    for index, text in enumerate(HOSTILE):
        await store.settle(entry(index), completion(entry(index), text))
        await store.save_candidate(SHOP, LEAF, digest(f"candidate {index}"), text)
    assert tuple(one.text for one in await store.all_completions(SHOP)) == HOSTILE
    for index, text in enumerate(HOSTILE):
        assert await store.candidate(SHOP, LEAF, digest(f"candidate {index}")) == text
