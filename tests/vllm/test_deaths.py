"""What becomes of calls when a real vLLM dies in the middle of them: they fail as they should, and are made again."""

import asyncio
from collections import Counter

import pytest

from activities.calling import Call, Caller
from millwright.adapters.llm.openai_compatible import OpenAICompatibleModels
from millwright.adapters.storage.memory import MemoryStore
from millwright.core.swarm import Agent
from millwright.errors import EndpointLost, ModelUnavailable, RoutesClosed
from schemas.breakers import BreakerRule, BreakerState
from schemas.identity import NodePath
from schemas.models import Budget, CallKey, LedgerStatus
from schemas.presets import ModelEntry, Preset, Route, Variant
from tests.unit.activity_fakes import PROJECT, opened
from tests.vllm.asking import PROMPT, request, running, until, waiting
from tests.vllm.server import SEATS, START_SECONDS, Server
from tests.vllm.tiny_model import NAME

CALLS = SEATS + 8
LONG = 600
"""Tokens of an answer that is under way for seconds."""

PATH = NodePath("root.a")


def _preset(server: Server) -> Preset:
    return Preset(
        name="tiny",
        models={NAME: ModelEntry(name=NAME, endpoints=(server.url,), takes_priority=True)},
        default=Route(models=(NAME,)),
        breaker=BreakerRule(failures=3, open_seconds=2, successes=2),
    )


def _call(preset: Preset, index: int) -> Call:
    return Call(
        key=CallKey(project=PROJECT, path=PATH, purpose="code", round=0, index=index),
        indices=(index,),
        archetype=PROMPT.archetype,
        route=preset.default,
        agent=Agent(model=NAME, temperature=1.0, variant=Variant.CLARITY, seed=index),
        prompt=PROMPT,
        max_tokens=LONG,
    )


async def test_a_killed_server_loses_no_call(server: Server, model: OpenAICompatibleModels) -> None:
    """kill -9 with every seat taken and calls queued: each attempt is lost, the breaker opens, and once the server is
    back every call is answered, paid once, with the text that its seed brings."""
    store = MemoryStore()
    await opened(store)
    preset = _preset(server)
    caller = Caller(model, store, store, preset)
    turned_away = 0

    async def paid(index: int) -> None:
        """Make a call as Temporal does: again, after the wait that the failure asks for."""
        nonlocal turned_away
        while True:
            try:
                await caller.pay(_call(preset, index), Budget())
            except RoutesClosed as closed:
                turned_away += 1
                await asyncio.sleep(closed.retry_seconds)
            except ModelUnavailable:
                await asyncio.sleep(preset.breaker.open_seconds)
            else:
                return

    async with asyncio.timeout(2 * START_SECONDS), asyncio.TaskGroup() as group:
        for index in range(CALLS):
            group.create_task(paid(index))
        await until(server, lambda figures: running(figures) == SEATS and waiting(figures) == CALLS - SEATS)
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)

    assert turned_away > 0
    assert (await store.breakers([server.url]))[server.url].state is BreakerState.CLOSED
    entries = await store.ledger(PROJECT)
    assert Counter(entry.key.index for entry in entries if entry.status is LedgerStatus.SETTLED) == Counter(
        range(CALLS)
    )
    failed = [entry for entry in entries if entry.status is not LedgerStatus.SETTLED]
    assert {entry.failure for entry in failed} == {"EndpointLost"}
    assert {entry.status for entry in failed} <= {LedgerStatus.LOST, LedgerStatus.RELEASED}
    lost = [entry for entry in failed if entry.status is LedgerStatus.LOST]
    assert sorted(entry.key.index for entry in lost) == list(range(CALLS))
    completions = {one.index: one.text for one in await store.completions(PROJECT, PATH, "code", 0)}
    assert completions.keys() == set(range(CALLS))
    for index in (0, CALLS - 1):
        answer = await model.complete(request(server, seed=index, max_tokens=LONG))
        assert answer.choices[0].text == completions[index]


async def test_a_dead_engine_is_told_from_a_busy_server(server: Server, model: OpenAICompatibleModels) -> None:
    """When the engine alone is killed, the server says so to all in flight, and ends; then nobody listens."""
    calls = [asyncio.create_task(model.complete(request(server, seed=seed, max_tokens=4000))) for seed in range(CALLS)]
    await until(server, lambda figures: running(figures) == SEATS)
    await asyncio.to_thread(server.kill_engine)
    failures = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(failure, EndpointLost) and failure.sent for failure in failures)
    assert any(isinstance(failure, EndpointLost) and failure.dead for failure in failures)
    await asyncio.to_thread(server.wait_for_end)
    with pytest.raises(EndpointLost) as nobody:
        await model.complete(request(server))
    assert nobody.value.dead
    assert not nobody.value.sent
