"""Prints what an endpoint gives at 1, 2, 4 … 256 calls at once: calls and tokens a second, and how long a call takes.

It judges no answer and chooses no limit; where the curve goes flat, ``most_at_once`` of a preset is large enough.
Run: ``python -m benchmarks.model_client.throughput --endpoint http://127.0.0.1:8000/v1 --model NAME``. The key, where
one is needed, is read from ``MILLWRIGHT_MODEL_KEY``.
"""

import argparse
import asyncio
import os
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.humaneval.measuring import percentile
from millwright.adapters.llm.openai_compatible import OpenAICompatibleModels
from millwright.errors import ModelError, ModelUnavailable
from schemas.identity import Archetype
from schemas.models import MOST_CHOICES, Message, ModelRequest, Prompt, Role

_FEWEST_CALLS = 8
_PROMPT = Prompt(
    archetype=Archetype.CODER,
    version="throughput-1",
    messages=(
        Message(role=Role.SYSTEM, content="Role: coder\nWrite one Python function, and nothing else."),
        Message(role=Role.USER, content="Task: total\nAdd the prices of a basket, and round half up to whole cents."),
    ),
)


@dataclass
class _Figures:
    """What one level of concurrency brought; latencies in seconds, of answered calls."""

    seconds: float = 0.0
    tokens: int = 0
    latencies: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)

    def line(self, at_once: int) -> str:
        """Describe them in a line."""
        failed = ", ".join(f"{count} {kind}" for kind, count in sorted(self.failures.items()))
        if not self.latencies:
            return f"{at_once:>8}  no answer: {failed}"
        answered, late = len(self.latencies), percentile(self.latencies, 0.95)
        return (
            f"{at_once:>8}{answered:>8}{answered / self.seconds:>10.2f}{self.tokens / self.seconds:>11.0f}"
            f"{statistics.median(self.latencies):>11.2f}{late:>9.2f}  {failed}"
        ).rstrip()


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint", default="", help="base URL ending in /v1")
    parser.add_argument("--model", default="", help="the name that the endpoint knows")
    parser.add_argument("--tokens", type=int, default=128, help="the most tokens of an answer")
    parser.add_argument("--choices", type=int, default=1, choices=range(1, MOST_CHOICES + 1), metavar="N")
    parser.add_argument("--most", type=int, default=256, help="the most calls at once")
    parser.add_argument("--rounds", type=int, default=2, help="calls of each place, one after the other")
    options = parser.parse_args()
    if not (options.endpoint and options.model):
        print("skipped: throughput (give --endpoint URL --model NAME)")
        return
    request = ModelRequest(
        prompt=_PROMPT,
        model=options.model,
        endpoint=options.endpoint,
        temperature=0.8,
        seed=0,
        choices=options.choices,
        max_tokens=options.tokens,
        timeout_seconds=600,
    )
    key = os.environ.get("MILLWRIGHT_MODEL_KEY", "")
    async with OpenAICompatibleModels({options.endpoint: key}) as model:
        try:
            await model.complete(request)
        except ModelError as error:
            raise SystemExit(f"no figures: {error}") from error
        print(f"{options.tokens} tokens at most, {options.choices} choices a call, on {os.cpu_count()} cores here")
        print(f"{'at once':>8}{'calls':>8}{'calls/s':>10}{'tokens/s':>11}{'median s':>11}{'p95 s':>9}")
        seeds = iter(range(1, 2**31))
        at_once = 1
        while at_once <= options.most:
            calls = max(_FEWEST_CALLS, options.rounds * at_once)
            print((await _measured(model, request, at_once, calls, seeds)).line(at_once), flush=True)
            at_once *= 2


async def _measured(
    model: OpenAICompatibleModels, request: ModelRequest, at_once: int, calls: int, seeds: Iterator[int]
) -> _Figures:
    """Make ``calls`` calls with ``at_once`` of them under way, each with a seed of its own."""
    figures, left = _Figures(), calls

    async def place() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            try:
                answer = await model.complete(request.model_copy(update={"seed": next(seeds)}))
            except ModelUnavailable as error:
                figures.failures[type(error).__name__] += 1
            else:
                figures.latencies.append(answer.latency_seconds)
                figures.tokens += answer.usage.completion_tokens

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(place())
    figures.seconds = time.perf_counter() - began
    return figures


if __name__ == "__main__":
    asyncio.run(main())
