"""Prices add up, a call's bound covers it, and time is up when its cap is reached."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millwright.core.budget import FREE, Price, prompt_bytes, time_passed, upper_bound
from schemas.identity import Archetype
from schemas.models import Budget, Message, Prompt, Role, Spend
from tests import strategies


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


@given(strategies.prompts(), st.integers(1, 4096), strategies.prices())
def test_the_bound_covers_any_answer_within_the_limit(prompt: Prompt, limit: int, price: Price) -> None:
    """No tokenizer over bytes and no answer within the limit costs more than was reserved."""
    bound = upper_bound(prompt_bytes(prompt), limit, price)
    assert bound.prompt_tokens >= sum(len(message.content) for message in prompt.messages)
    assert bound.cost >= price.of(bound.prompt_tokens // 4, limit // 2)
