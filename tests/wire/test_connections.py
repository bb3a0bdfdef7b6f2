"""How the model client keeps its connections: used again while they are fresh, and never once their server left."""

import asyncio

import pytest

from millwright.adapters.llm.connections import KEEP_ALIVE_SECONDS, Connections
from millwright.adapters.llm.openai_compatible import OpenAICompatibleModels
from millwright.errors import EndpointLost
from tests.wire.endpoint import GOOD, accepting, http, listening, request


async def test_a_connection_is_used_again() -> None:
    """Calls that follow each other share a connection, also after an error."""
    async with listening(GOOD, http(429, b"wait"), GOOD) as endpoint, OpenAICompatibleModels() as models:
        for _ in range(3):
            await asyncio.gather(models.complete(request(endpoint=endpoint.url)), return_exceptions=True)
    assert len(endpoint.bodies) == 3
    assert endpoint.connections == 1


async def test_hundreds_of_calls_at_once_do_not_wait_for_each_other() -> None:
    """Each call in flight has a connection of its own: a server that answers only when all have come answers all."""
    count = 300
    at_once, all_there = 0, asyncio.Event()

    async def together(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal at_once
        at_once += 1
        if at_once == count:
            all_there.set()
        await all_there.wait()
        writer.write(GOOD)
        await writer.drain()
        await reader.read()

    async with listening(together) as endpoint, OpenAICompatibleModels() as models:
        calls = [
            models.complete(request(endpoint=endpoint.url, seed=seed, timeout_seconds=120)) for seed in range(count)
        ]
        answers = await asyncio.gather(*calls)
    assert len(answers) == len(endpoint.bodies) == endpoint.connections == count
    assert {body["seed"] for body in endpoint.bodies} == set(range(count))


async def test_calls_in_waves_use_the_connections_of_the_wave_before() -> None:
    """As many connections are opened as calls were in flight at once, and no more."""
    async with listening(GOOD) as endpoint, OpenAICompatibleModels() as models:
        for _ in range(4):
            await asyncio.gather(*(models.complete(request(endpoint=endpoint.url)) for _ in range(20)))
    assert len(endpoint.bodies) == 80
    assert endpoint.connections <= 20


async def test_a_connection_that_its_server_closed_is_not_written_into() -> None:
    """The end of an idle connection is noticed before the next request, which is then seen by the server."""
    closed = asyncio.Event()

    async def answer_and_close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GOOD)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        closed.set()

    async with listening(answer_and_close) as endpoint, OpenAICompatibleModels() as models:
        for _ in range(5):
            closed.clear()
            await models.complete(request(endpoint=endpoint.url))
            await closed.wait()
    assert (len(endpoint.bodies), endpoint.connections) == (5, 5)


async def test_a_stale_connection_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that was idle for longer than the limit is closed, and another one opened."""
    monkeypatch.setattr(
        "millwright.adapters.llm.openai_compatible.Connections", lambda: Connections(keep_alive_seconds=0.0)
    )
    async with listening(GOOD) as endpoint, OpenAICompatibleModels() as models:
        for _ in range(3):
            await models.complete(request(endpoint=endpoint.url))
    assert (len(endpoint.bodies), endpoint.connections) == (3, 3)


def test_connections_are_kept_for_less_time_than_servers_keep_them() -> None:
    """The shortest limit of a common server is gunicorn's 2 s."""
    assert KEEP_ALIVE_SECONDS < 2


async def test_proxies_are_asked_except_towards_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment carries what goes elsewhere, where the environment does not except it."""
    async with listening(GOOD) as proxy, listening(GOOD) as here:
        monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/v1"))
        monkeypatch.setenv("no_proxy", "")
        monkeypatch.delenv("all_proxy", raising=False)
        async with OpenAICompatibleModels() as models:
            await models.complete(request(endpoint=here.url))
            await models.complete(request(endpoint="http://models.invalid/v1"))
    assert len(here.bodies) == 1
    assert len(proxy.bodies) == 1
    assert proxy.heads[0].startswith("POST http://models.invalid/v1/chat/completions ")


async def test_the_request_for_a_tunnel_is_not_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that opens no tunnel got no byte of the request."""

    async def no_tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with accepting(no_tunnel) as proxy:
        monkeypatch.setenv("https_proxy", f"http://{proxy}")
        monkeypatch.setenv("no_proxy", "")
        async with OpenAICompatibleModels() as models:
            with pytest.raises(EndpointLost) as caught:
                await models.complete(request(endpoint="https://models.invalid/v1"))
    assert not caught.value.sent
