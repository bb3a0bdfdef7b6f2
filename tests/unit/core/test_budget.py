"""Caps hold to the last call, token and cent, reservations included."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.budget import FREE, Price, cap_passed, prompt_bytes, remaining, time_passed, upper_bound
from schemas.identity import Archetype
from schemas.models import Budget, Message, Prompt, Role, Spend
from tests import strategies

NOTHING = Spend()


@pytest.mark.parametrize(
    ("budget", "word"),
    [
        (Budget(max_calls=2), "calls: 3 would pass the cap of 2"),
        (Budget(max_tokens=299), "tokens: 300 would pass the cap of 299"),
        (Budget(max_cost=2.5), "cost: 3.0000 would pass the cap of 2.5000"),
        (Budget(max_calls=3, max_tokens=300, max_cost=3.0), None),
        (Budget(), None),
    ],
)
def test_names_the_cap_that_would_be_passed(budget: Budget, word: str | None) -> None:
    """What is spent, reserved and asked for counts together, and reaching a cap exactly is within it."""
    each = Spend(calls=1, prompt_tokens=60, completion_tokens=40, cost=1.0)
    assert cap_passed(each, each, each, budget) == word


def test_says_what_is_left() -> None:
    """A cap that is not set leaves no figure, and one that is passed leaves zero."""
    left = remaining(Spend(calls=3, cost=0.5), Spend(calls=1, prompt_tokens=9), Budget(max_calls=10, max_tokens=5))
    assert (left.calls, left.tokens, left.cost) == (6, 0, None)
    assert remaining(NOTHING, NOTHING, Budget(max_cost=2.0)).cost == 2.0


def test_a_cost_is_not_passed_by_rounding() -> None:
    """Ten tenths are one, in whatever order floats are added."""
    spend = NOTHING
    for _ in range(9):
        spend = spend.plus(Spend(cost=0.1))
    assert cap_passed(spend, NOTHING, Spend(cost=0.1), Budget(max_cost=1.0)) is None
    assert cap_passed(spend, NOTHING, Spend(cost=0.101), Budget(max_cost=1.0)) is not None


def test_time_is_up_when_its_cap_is_reached() -> None:
    """Wall-clock is compared in seconds."""
    assert time_passed(59.0, Budget(max_time_seconds=60)) is None
    assert time_passed(60.0, Budget(max_time_seconds=60)) == "time: 60 s have reached the cap of 60 s"
    assert time_passed(1e9, Budget()) is None


def test_prices_tokens_per_million() -> None:
    """Prompt and completion have prices of their own, and the default is free."""
    assert Price(prompt=2.0, completion=8.0).of(500_000, 250_000) == pytest.approx(3.0)
    assert upper_bound(1000, 500) == Spend(calls=1, prompt_tokens=1000, completion_tokens=500)
    assert FREE.of(10**9, 10**9) == 0


def test_counts_a_prompt_in_bytes() -> None:
    """Letters outside ASCII take several bytes, and every message has room for its template."""
    message = Message(role=Role.USER, content="é" * 10)
    prompt = Prompt(archetype=Archetype.CODER, version="1", messages=(message, message))
    assert prompt_bytes(prompt) == 2 * (20 + 32)


@given(strategies.spends(), strategies.spends(), strategies.spends(), strategies.budgets())
def test_what_fits_leaves_nothing_below_zero(spend: Spend, reserved: Spend, asking: Spend, budget: Budget) -> None:
    """Asking for no more than is left passes no cap, and asking for more passes one."""
    left = remaining(spend, reserved, budget)
    tokens = asking.prompt_tokens + asking.completion_tokens
    fits = (
        (left.calls is None or asking.calls <= left.calls)
        and (left.tokens is None or tokens <= left.tokens)
        and (left.cost is None or asking.cost <= left.cost)
    )
    over_already = cap_passed(spend, reserved, NOTHING, budget) is not None
    if fits and not over_already:
        assert cap_passed(spend, reserved, asking, budget) is None
    if (left.calls is not None and asking.calls > left.calls) or (left.tokens is not None and tokens > left.tokens):
        assert cap_passed(spend, reserved, asking, budget) is not None


@given(strategies.spends(), strategies.budgets(), st.lists(strategies.spends(), max_size=5))
def test_reservations_that_were_let_in_never_pass_a_cap(spend: Spend, budget: Budget, asked: list[Spend]) -> None:
    """Admitting one call after another keeps the sum within every cap that held at the start."""
    reserved = NOTHING
    for asking in asked:
        if cap_passed(spend, reserved, asking, budget) is None:
            reserved = reserved.plus(asking)
    if reserved != NOTHING:
        assert cap_passed(spend, reserved, NOTHING, budget) is None


@given(strategies.prompts(), st.integers(1, 4096), strategies.prices())
def test_the_bound_covers_any_answer_within_the_limit(prompt: Prompt, limit: int, price: Price) -> None:
    """No tokenizer over bytes and no answer within the limit costs more than was reserved."""
    bound = upper_bound(prompt_bytes(prompt), limit, price)
    assert bound.prompt_tokens >= sum(len(message.content) for message in prompt.messages)
    assert bound.cost >= price.of(bound.prompt_tokens // 4, limit // 2)
