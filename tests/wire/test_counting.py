"""The client and the server count the same requests, whatever goes wrong between them."""

import asyncio
import random

import pytest

from millwright.adapters.llm.openai_compatible import OpenAICompatibleModels
from millwright.errors import ModelError, was_sent
from tests.wire.endpoint import GOOD, Endpoint, http, listening, request, reset

CALLS = 300
GOOD_SEED = CALLS * 12 + 7


async def misbehave(endpoint: Endpoint, writer: asyncio.StreamWriter) -> None:
    """Answer two calls of three well, and the others in one of many bad ways, by the call's seed."""
    await asyncio.sleep(random.Random(endpoint.bodies[-1]["seed"]).random() / 50)
    match endpoint.bodies[-1]["seed"] % 12:
        case 0:
            reset(writer)
        case 1:
            writer.write(GOOD[: len(GOOD) // 2])
        case 2:
            writer.write(http(503, b"wait"))
        case 3:
            writer.write(b"garbage\r\n\r\n")
        case _:
            writer.write(GOOD)


@pytest.mark.parametrize("cancelling", [False, True])
async def test_both_sides_count_the_same_requests(cancelling: bool) -> None:
    """A request counts here if it arrived there, also where calls are cancelled at any moment, some of them twice."""
    counted: set[int] = set()

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        await misbehave(endpoint, writer)

    async with listening(act) as endpoint, OpenAICompatibleModels() as models:
        slots = asyncio.Semaphore(30)

        async def call(seed: int) -> None:
            async with slots:
                try:
                    await models.complete(request(endpoint=endpoint.url, seed=seed, timeout_seconds=60))
                except (ModelError, asyncio.CancelledError) as error:
                    if not was_sent(error):
                        return
                counted.add(seed)

        tasks = [asyncio.create_task(call(seed)) for seed in range(CALLS)]
        dice = random.Random(1)
        while cancelling and (running := [task for task in tasks if not task.done()]):
            for task in dice.choices(running[:30], k=2):
                task.cancel()
            await asyncio.sleep(dice.random() / 100)
        await asyncio.gather(*tasks, return_exceptions=True)
        await call(GOOD_SEED)  # connections are accepted in order: all earlier ones are there by then
        await models.close()
        await asyncio.wait(endpoint.serving, timeout=30)
        arrived = [body["seed"] for body in endpoint.bodies]
    assert len(arrived) == len(set(arrived))
    assert counted == set(arrived)
    assert cancelling or len(arrived) == CALLS + 1
