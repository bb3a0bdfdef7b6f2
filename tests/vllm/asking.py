"""Requests to the tiny model, and waits for what the server's metrics say; it starts no server."""

import asyncio
from collections.abc import Callable
from typing import Any

from schemas.identity import Archetype
from schemas.models import Message, ModelRequest, Prompt, Role
from tests.vllm.server import Server
from tests.vllm.tiny_model import NAME

PROMPT = Prompt(
    archetype=Archetype.CODER,
    version="coder-1",
    messages=(
        Message(role=Role.SYSTEM, content="Role: coder"),
        Message(role=Role.USER, content="Task: tax\nRound half up: 2.5 € are 3 €."),
    ),
)

_WAIT_SECONDS = 60.0
_LOOK_SECONDS = 0.02


def request(server: Server, **changes: Any) -> ModelRequest:
    """Make a request of 48 tokens at temperature 1."""
    usual = {"prompt": PROMPT, "model": NAME, "endpoint": server.url, "temperature": 1.0, "seed": 5, "max_tokens": 48}
    return ModelRequest(**{**usual, "timeout_seconds": 120.0, **changes})


async def until(server: Server, condition: Callable[[dict[str, float]], bool]) -> dict[str, float]:
    """Wait until the server's metrics meet a condition; return them.

    Raises:
        TimeoutError: they did not within a minute; the message has what they were.
    """
    clock = asyncio.get_running_loop()
    end = clock.time() + _WAIT_SECONDS
    while True:
        figures = await asyncio.to_thread(server.figures)
        if condition(figures):
            return figures
        if clock.time() > end:
            raise TimeoutError(f"the metrics of vLLM stay at {figures}")
        await asyncio.sleep(_LOOK_SECONDS)


def running(figures: dict[str, float]) -> float:
    """Return how many answers the server works on."""
    return figures["num_requests_running"]


def waiting(figures: dict[str, float]) -> float:
    """Return how many wait in the server's queue."""
    return figures["num_requests_waiting"]
