"""Prices, the most that one call can use, and the cap on time.

It keeps no books: the ledger does, and refuses a reservation at its upper bound that would pass a cap.
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
