"""Compares what a project has spent and wants to spend with its caps.

It keeps no books: the ledger does, and reserves every call at its upper bound before it is made, so that a cap is
never passed, not even by calls whose answers never arrived.
"""

from dataclasses import dataclass

from schemas.models import Budget, Prompt, Spend

_TEMPLATE_BYTES = 32
"""Allowed per message for what an endpoint's chat template adds around it: role names and separators."""


@dataclass(frozen=True)
class Price:
    """What a model costs per million tokens, in the currency of the price list; 0 for a model of one's own."""

    prompt: float = 0.0
    completion: float = 0.0

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Return what so many tokens cost."""
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1_000_000


FREE = Price()


@dataclass(frozen=True)
class Remaining:
    """What is left under each cap, never below zero; None is no cap."""

    calls: int | None = None
    tokens: int | None = None
    cost: float | None = None


def remaining(spend: Spend, reserved: Spend, budget: Budget) -> Remaining:
    """Return what is left of a budget when every reservation is counted at its upper bound."""
    used = spend.plus(reserved)
    return Remaining(
        calls=None if budget.max_calls is None else max(0, budget.max_calls - used.calls),
        tokens=None if budget.max_tokens is None else max(0, budget.max_tokens - _tokens(used)),
        cost=None if budget.max_cost is None else max(0.0, budget.max_cost - used.cost),
    )


def cap_passed(spend: Spend, reserved: Spend, asking: Spend, budget: Budget) -> str | None:
    """Say which cap ``asking`` would pass on top of what is spent and reserved; None where it fits.

    Reaching a cap exactly is within it.
    """
    after = spend.plus(reserved).plus(asking)
    if budget.max_calls is not None and after.calls > budget.max_calls:
        return f"calls: {after.calls} would pass the cap of {budget.max_calls}"
    if budget.max_tokens is not None and _tokens(after) > budget.max_tokens:
        return f"tokens: {_tokens(after)} would pass the cap of {budget.max_tokens}"
    # Sums of floats in another order differ in their last bits; a cap is not passed by less than a billionth of it.
    if budget.max_cost is not None and after.cost > budget.max_cost * (1 + 1e-9):
        return f"cost: {after.cost:.4f} would pass the cap of {budget.max_cost:.4f}"
    return None


def time_passed(elapsed_seconds: float, budget: Budget) -> str | None:
    """Say that a project's wall-clock since its start has reached its cap; None where it has not."""
    if budget.max_time_seconds is not None and elapsed_seconds >= budget.max_time_seconds:
        return f"time: {elapsed_seconds:.0f} s have reached the cap of {budget.max_time_seconds:.0f} s"
    return None


def upper_bound(prompt_bytes: int, max_tokens: int, price: Price = FREE) -> Spend:
    """Return the most that one call can use: a token for every byte of the prompt, and the whole answer allowed.

    Byte-level tokenizers never write more tokens than bytes.
    """
    return Spend(
        calls=1,
        prompt_tokens=prompt_bytes,
        completion_tokens=max_tokens,
        cost=price.of(prompt_bytes, max_tokens),
    )


def prompt_bytes(prompt: Prompt) -> int:
    """Return a prompt's size in bytes of UTF-8, with room for what a chat template adds to each message."""
    return sum(len(message.content.encode("utf-8", "replace")) + _TEMPLATE_BYTES for message in prompt.messages)


def _tokens(spend: Spend) -> int:
    return spend.prompt_tokens + spend.completion_tokens
