"""What every store promises of model calls and their budget, run on memory and Postgres alike."""

import asyncio

import pytest

from millwright.errors import BudgetReached, NotFound
from schemas.election import Flag
from schemas.evidence import ProjectSpend
from schemas.models import Budget, FinishReason, LedgerEntry, LedgerStatus, Spend
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
    settled,
)


async def test_a_cap_on_calls_is_never_passed_however_many_ask_at_once(store: Store) -> None:
    """Of fifty concurrent reservations under a cap of twenty exactly twenty succeed."""
    outcomes = await asyncio.gather(
        *(store.reserve(entry(index), Budget(max_calls=20)) for index in range(50)), return_exceptions=True
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, BudgetReached)]
    assert sum(isinstance(outcome, LedgerEntry) for outcome in outcomes) == 20
    assert len(refused) == 30
    assert len(await store.ledger(SHOP)) == 20
    assert "the cap is 20 calls, 20 used or reserved" in str(refused[0])


async def test_the_cap_of_one_project_does_not_bind_another(store: Store) -> None:
    """Reservations are counted per project."""
    await store.reserve(entry(), Budget(max_calls=1))
    await store.reserve(entry(owner=BANK), Budget(max_calls=1))
    with pytest.raises(BudgetReached, match="'bank'"):
        await store.reserve(entry(1, owner=BANK), Budget(max_calls=1))


async def test_every_reservation_is_another_attempt_and_counts(store: Store) -> None:
    """Attempts at a call are numbered from 1, one that was settled included, and none replaces another."""
    cap = Budget(max_calls=7)
    made = await asyncio.gather(*(store.reserve(entry(), cap) for _ in range(5)))
    assert sorted(attempt.attempt for attempt in made) == [1, 2, 3, 4, 5]
    await store.settle(made[0], [completion(entry())])
    assert (await store.reserve(entry(tokens=(1, 2)), cap)).attempt == 6
    assert (await store.reserve(entry(1), cap)).attempt == 1
    with pytest.raises(BudgetReached, match="the cap is 7 calls, 7 used or reserved"):
        await store.reserve(entry(), cap)
    assert [(one.key.index, one.attempt) for one in await store.ledger(SHOP)] == [
        *((0, number) for number in range(1, 7)),
        (1, 1),
    ]


async def test_a_cap_on_tokens_counts_upper_bounds_and_then_what_was_measured(store: Store) -> None:
    """A reservation holds its upper bound; settling gives the difference back."""
    cap = Budget(max_tokens=100)
    attempt = await store.reserve(entry(0, tokens=(20, 60)), cap)
    with pytest.raises(BudgetReached, match=r"the cap is 100 tokens, 80 used or reserved, .* asks for 21"):
        await store.reserve(entry(1, tokens=(10, 11)), cap)
    await store.settle(attempt.model_copy(update={"completion_tokens": 10}), [completion(entry(0))])
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


def ended(attempt: LedgerEntry, status: LedgerStatus, **changes: object) -> LedgerEntry:
    """Say how an attempt ended."""
    return attempt.model_copy(update={"status": status, **changes})


async def test_a_released_attempt_counts_nowhere(store: Store) -> None:
    """Giving a reservation back makes room, and its number stays taken."""
    cap = Budget(max_calls=1)
    first = await store.reserve(entry(0), cap)
    await store.conclude(ended(first, LedgerStatus.RELEASED))
    await store.conclude(ended(first, LedgerStatus.RELEASED))
    assert await store.spend(SHOP) == ProjectSpend()
    second = await store.reserve(entry(0), cap)
    with pytest.raises(BudgetReached):
        await store.reserve(entry(1), cap)
    assert [(one.attempt, one.status) for one in await store.ledger(SHOP)] == [
        (1, LedgerStatus.RELEASED),
        (2, LedgerStatus.RESERVED),
    ]
    assert second.attempt == 2


async def test_a_refused_attempt_is_one_request_and_a_lost_one_counts_in_full(store: Store) -> None:
    """The endpoint's error is free of tokens; an answer that never came may have used all that was allowed."""
    refused, lost = [await store.reserve(entry(index, tokens=(10, 20), cost=0.5), NO_CAP) for index in (0, 1)]
    await store.conclude(
        ended(refused, LedgerStatus.REFUSED, failure="ModelOverloaded", endpoint="http://a/v1", latency_seconds=0.25)
    )
    await store.conclude(ended(lost, LedgerStatus.LOST, failure="EndpointLost", model="m", prompt_tokens=1, cost=0.0))
    spend = await store.spend(SHOP)
    assert spend == ProjectSpend(settled=Spend(calls=2, prompt_tokens=10, completion_tokens=20, cost=0.5))
    assert await store.ledger(SHOP) == (
        ended(
            refused,
            LedgerStatus.REFUSED,
            failure="ModelOverloaded",
            endpoint="http://a/v1",
            latency_seconds=0.25,
            prompt_tokens=0,
            completion_tokens=0,
            cost=0.0,
        ),
        ended(lost, LedgerStatus.LOST, failure="EndpointLost", model="m"),
    )


async def test_how_an_attempt_ended_is_said_once_unless_its_answer_comes_after_all(store: Store) -> None:
    """Only what is reserved is concluded; what is settled stays so, and an answer always counts."""
    attempt = await store.reserve(entry(), NO_CAP)
    await store.conclude(ended(attempt, LedgerStatus.LOST))
    await store.conclude(ended(attempt, LedgerStatus.RELEASED))
    assert [one.status for one in await store.ledger(SHOP)] == [LedgerStatus.LOST]
    measured = attempt.model_copy(update={"prompt_tokens": 7, "completion_tokens": 1})
    await store.settle(measured, [completion(entry())])
    for status in (LedgerStatus.REFUSED, LedgerStatus.LOST, LedgerStatus.RELEASED):
        await store.conclude(ended(attempt, status))
    assert (await store.spend(SHOP)).settled == Spend(calls=1, prompt_tokens=7, completion_tokens=1)


async def test_an_attempt_that_was_never_reserved_is_neither_settled_nor_concluded(store: Store) -> None:
    """It has no row to say it in: the caller is told, and nothing is stored."""
    await store.reserve(entry(), NO_CAP)
    for stray in (entry(), entry(3).model_copy(update={"attempt": 1}), entry().model_copy(update={"attempt": 2})):
        with pytest.raises(NotFound, match=f"attempt {stray.attempt} at shop/.* was never reserved"):
            await store.settle(stray, [completion(stray)])
        with pytest.raises(NotFound):
            await store.conclude(ended(stray, LedgerStatus.LOST))
    assert await store.all_completions(SHOP) == ()
    with pytest.raises(ValueError, match="cannot be concluded as settled"):
        await store.conclude(ended(entry(), LedgerStatus.SETTLED))


async def test_the_first_completion_under_a_key_stays_and_each_attempt_is_paid(store: Store) -> None:
    """A second answer to the same call changes no completion, and its own row says what it took."""
    first, second = [await store.reserve(entry(), NO_CAP) for _ in range(2)]
    await store.settle(first.model_copy(update={"completion_tokens": 5}), [completion(entry(), "first")])
    await store.settle(second.model_copy(update={"completion_tokens": 9}), [completion(entry(), "second")])
    await store.settle(second.model_copy(update={"completion_tokens": 99}), [completion(entry(), "third")])
    (stored,) = await store.completions(SHOP, LEAF, "code", 0)
    assert stored.text == "first"
    assert [one.completion_tokens for one in await store.ledger(SHOP)] == [5, 9]
    assert (await store.spend(SHOP)).settled == Spend(calls=2, prompt_tokens=20, completion_tokens=14)


async def test_concurrent_settlements_of_one_attempt_agree_on_one(store: Store) -> None:
    """The completion and the ledger row that are stored come from the same settlement."""
    attempt = await store.reserve(entry(), NO_CAP)
    await asyncio.gather(
        *(
            store.settle(attempt.model_copy(update={"completion_tokens": n}), [completion(entry(), str(n))])
            for n in range(1, 11)
        )
    )
    (stored,) = await store.completions(SHOP, LEAF, "code", 0)
    (call,) = await store.ledger(SHOP)
    assert int(stored.text) == call.completion_tokens == (await store.spend(SHOP)).settled.completion_tokens


async def test_the_choices_of_one_request_are_stored_together(store: Store) -> None:
    """Each has its own index; a key that was answered before keeps its answer, and the others are stored."""
    await settled(store, entry(2), "before")
    asked = entry(1).model_copy(update={"choices": 3, "call": digest("call")})
    attempt = await store.reserve(asked, NO_CAP)
    answers = [
        completion(entry(1 + choice), f"answer {choice}").model_copy(
            update={"call": digest("call"), "choice": choice, "model": "m"}
        )
        for choice in (2, 0, 1)
    ]
    await store.settle(attempt, answers)
    found = await store.completions(SHOP, LEAF, "code", 0)
    assert [(one.index, one.text, one.choice, one.call) for one in found] == [
        (1, "answer 0", 0, digest("call")),
        (2, "before", 0, None),
        (3, "answer 2", 2, digest("call")),
    ]
    assert found[0].model == "m"
    assert (await store.ledger(SHOP))[0].choices == 3
    with pytest.raises(ValueError, match="same index"):
        await store.settle(attempt, [answers[0], answers[0]])


async def test_a_settled_entry_keeps_every_field(store: Store) -> None:
    """All fields of a ledger entry come back, with the state that settling gives it."""
    attempt = await store.reserve(entry(cost=1 / 3), NO_CAP)
    measured = attempt.model_copy(
        update={
            "call": digest("call"),
            "choices": 4,
            "failure": "ReplyBroken \x00",
            "model": "m \ud800",
            "model_revision": "main@1",
            "endpoint": "http://127.0.0.1:8000/v1",
            "finish_reason": FinishReason.LENGTH,
            "latency_seconds": 1.25,
        }
    )
    await store.settle(measured, [completion(measured)])
    assert await store.ledger(SHOP) == (measured.model_copy(update={"status": LedgerStatus.SETTLED}),)


async def test_a_completion_cannot_settle_another_call(store: Store) -> None:
    """A completion of another round is a fault of the caller and stores nothing."""
    attempt = await store.reserve(entry(0), NO_CAP)
    with pytest.raises(ValueError, match="cannot settle"):
        await store.settle(attempt, [completion(entry(0)), completion(entry(1, round_=1))])
    assert await store.ledger(SHOP) == (attempt,)
    assert await store.all_completions(SHOP) == ()


async def test_spend_sums_what_is_settled_and_what_is_reserved(store: Store) -> None:
    """Each sum has its calls, tokens and cost; released calls are in neither."""
    made = [await store.reserve(entry(index, tokens=(100, 200), cost=0.5), NO_CAP) for index in range(4)]
    for attempt, tokens, cost in ((made[0], (90, 20), 0.25), (made[1], (2**40, 30), 0.125)):
        measured = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "cost": cost}
        await store.settle(attempt.model_copy(update=measured), [completion(attempt)])
    await store.conclude(ended(made[2], LedgerStatus.RELEASED))
    found = await store.spend(SHOP)
    assert found.settled == Spend(calls=2, prompt_tokens=90 + 2**40, completion_tokens=50, cost=0.375)
    assert found.reserved == Spend(calls=1, prompt_tokens=100, completion_tokens=200, cost=0.5)


async def test_completions_are_read_in_order_of_key_and_not_of_arrival(store: Store) -> None:
    """Rounds and indices sort as numbers."""
    for round_, index in ((1, 0), (0, 10), (10, 0), (0, 2)):
        await settled(store, entry(index, round_=round_))
    await settled(store, entry(owner=BANK))
    found = await store.all_completions(SHOP)
    assert [(one.round, one.index) for one in found] == [(0, 2), (0, 10), (1, 0), (10, 0)]
    assert [one.index for one in await store.completions(SHOP, LEAF, "code", 0)] == [2, 10]
    assert [(call.key.round, call.key.index) for call in await store.ledger(SHOP)] == [(0, 2), (0, 10), (1, 0), (10, 0)]


async def test_labelling_a_completion_leaves_its_text_alone(store: Store) -> None:
    """The label is replaced; the text stays what the model said."""
    await settled(store, entry(), "said")
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
        await settled(store, entry(index), text)
        await store.save_candidate(SHOP, LEAF, digest(f"candidate {index}"), text)
    assert tuple(one.text for one in await store.all_completions(SHOP)) == HOSTILE
    for index, text in enumerate(HOSTILE):
        assert await store.candidate(SHOP, LEAF, digest(f"candidate {index}")) == text
