"""The OpenAI-compatible adapter against a real HTTP server on the loopback that answers as it is told."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from millwright.adapters.llm import PROVIDERS, open_model
from millwright.adapters.llm.openai_compatible import OpenAICompatibleModel
from millwright.adapters.llm.scripted import ScriptedModel
from millwright.errors import BadInput, ModelRefused, ModelUnavailable
from millwright.settings import ModelSettings
from schemas.identity import Archetype
from schemas.models import Choice, FinishReason, Message, ModelAnswer, ModelRequest, Prompt, Role, Usage

KEY = "sk-secret-0123456789"
Reply = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


def request(**changes: Any) -> ModelRequest:
    """Make a request."""
    messages = (Message(role=Role.SYSTEM, content="Role: coder"), Message(role=Role.USER, content="Task: tax\n²"))
    prompt = Prompt(archetype=Archetype.CODER, version="coder-1", messages=messages)
    return ModelRequest(**{"prompt": prompt, "temperature": 0.7, "seed": 5, "timeout_seconds": 10.0, **changes})


def completion(**changes: Any) -> dict[str, Any]:
    """Make the body of a good reply."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "pass"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    return {"id": "x", "model": "tiny", "choices": [choice], "usage": usage, **changes}


def http(status: int, body: bytes | dict[str, Any], length: int | None = None) -> bytes:
    """Write a response; ``length`` lies about the body's."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    size = len(content) if length is None else length
    return f"HTTP/1.1 {status} X\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n".encode() + content


class Endpoint:
    """A server that gives its replies one after the other, and keeps what it was sent."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.heads: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.url = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one request and send the next reply."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next(int(line[15:]) for line in head.lower().splitlines() if line.startswith("content-length:"))
            self.heads.append(head)
            self.bodies.append(json.loads(await reader.readexactly(length)))
            reply = self.replies.pop(0)
            if isinstance(reply, bytes):
                writer.write(reply)
                await writer.drain()
            else:
                await reply(writer)
        finally:
            writer.close()


@asynccontextmanager
async def serving(*replies: Reply, key: str = "") -> AsyncIterator[tuple[Endpoint, OpenAICompatibleModel]]:
    """Serve replies and hold a model that asks for them."""
    endpoint = Endpoint(*replies)
    server = await asyncio.start_server(endpoint.handle, "127.0.0.1", 0)
    endpoint.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        async with OpenAICompatibleModel(endpoint.url, "tiny", key) as model:
            yield endpoint, model
    finally:
        server.close()
        await server.wait_closed()


async def test_answer_and_usage_are_read() -> None:
    """A good reply becomes an answer with its text, finish reason, usage, model and endpoint."""
    async with serving(http(200, completion())) as (endpoint, model):
        answer = await model.complete(request())
    assert (answer.choices[0].text, answer.choices[0].finish_reason, answer.model) == (
        "pass",
        FinishReason.STOP,
        "tiny",
    )
    assert answer.usage == Usage(prompt_tokens=7, completion_tokens=2)
    assert answer.endpoint == endpoint.url
    assert answer.latency_seconds > 0


async def test_request_carries_model_messages_sampling_and_key() -> None:
    """The request goes to /v1/chat/completions with everything that the call asks for, and the key as Bearer."""
    async with serving(http(200, completion()), key=KEY) as (endpoint, model):
        await model.complete(request(max_tokens=99))
    body = endpoint.bodies[0]
    assert endpoint.heads[0].startswith("POST /v1/chat/completions HTTP/1.1")
    assert f"authorization: bearer {KEY}" in endpoint.heads[0].lower()
    assert body["messages"][1] == {"role": "user", "content": "Task: tax\n²"}
    sampling = {name: body[name] for name in ("model", "temperature", "seed", "max_tokens", "n")}
    assert sampling == {"model": "tiny", "temperature": 0.7, "seed": 5, "max_tokens": 99, "n": 1}
    assert "response_format" not in body


async def test_no_authorization_is_sent_without_a_key() -> None:
    """An endpoint that needs no key gets no header for one."""
    async with serving(http(200, completion())) as (endpoint, model):
        await model.complete(request())
    assert "authorization" not in endpoint.heads[0].lower()


async def test_schema_is_asked_for() -> None:
    """A request with a schema asks for an answer by it."""
    async with serving(http(200, completion())) as (endpoint, model):
        await model.complete(request(json_schema={"type": "object"}))
    assert endpoint.bodies[0]["response_format"]["json_schema"]["schema"] == {"type": "object"}


async def test_schema_is_left_out_for_good_where_the_endpoint_does_not_know_it() -> None:
    """An endpoint that refuses response_format is asked again without one, and never with one again."""
    refusal = http(400, {"error": {"message": "response_format is not supported"}})
    good = http(200, completion())
    async with serving(refusal, good, good) as (endpoint, model):
        await model.complete(request(json_schema={"type": "object"}))
        await model.complete(request(json_schema={"type": "object"}))
    assert ["response_format" in body for body in endpoint.bodies] == [True, False, False]


async def test_missing_usage_is_estimated_from_bytes() -> None:
    """Endpoints that count no tokens get an estimate of four bytes a token, rounded up."""
    async with serving(http(200, completion(usage=None))) as (_, model):
        answer = await model.complete(request())
    assert answer.usage == Usage(prompt_tokens=6, completion_tokens=1)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("length", "length"), ("content_filter", "content_filter"), ("tool_calls", "other"), ("eos", "other")],
)
async def test_finish_reasons_are_mapped(given: str, wanted: str) -> None:
    """Known finish reasons are kept; others become ``other``."""
    choice = {"message": {"content": ""}, "finish_reason": given}
    async with serving(http(200, completion(choices=[choice]))) as (_, model):
        answer = await model.complete(request())
    assert answer.choices[0].finish_reason == wanted


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504])
async def test_passing_faults_are_unavailability(status: int) -> None:
    """Overload and faults of the server may pass: the call can be retried."""
    async with serving(http(status, b"<html>overloaded</html>")) as (endpoint, model):
        with pytest.raises(ModelUnavailable, match=f"{status}.*overloaded"):
            await model.complete(request())
    assert len(endpoint.bodies) == 1  # no retries here


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (400, "MILLWRIGHT_MODEL_NAME"),
        (401, "MILLWRIGHT_MODEL_KEY"),
        (403, "MILLWRIGHT_MODEL_KEY"),
        (404, "MILLWRIGHT_MODEL_URL"),
        (422, "MILLWRIGHT_MODEL_NAME"),
        (307, "MILLWRIGHT_MODEL_URL"),
    ],
)
async def test_refusals_name_the_remedy(status: int, remedy: str) -> None:
    """Faults of the request are refused for good, with the server's reason and what to set."""
    async with serving(http(status, {"error": {"message": "no such thing"}})) as (_, model):
        with pytest.raises(ModelRefused, match=remedy) as caught:
            await model.complete(request())
    assert status == 307 or "no such thing" in str(caught.value)


@pytest.mark.parametrize(
    "body", [{"error": "why"}, {"detail": "why"}, {"message": "why"}, {"error": {"detail": "why"}}]
)
async def test_reasons_are_found_in_the_forms_of_other_servers(body: dict[str, Any]) -> None:
    """Servers that are only nearly compatible still get their reason through."""
    async with serving(http(400, body)) as (_, model):
        with pytest.raises(ModelRefused, match="400: why;"):
            await model.complete(request())


async def test_key_never_shows() -> None:
    """Neither the repr nor a message that quotes the server holds the key, and long reasons are cut."""
    said = {"error": {"message": f"Incorrect API key provided: {KEY}. " + "x" * 5000}}
    async with serving(http(401, said), key=KEY) as (_, model):
        with pytest.raises(ModelRefused) as caught:
            await model.complete(request())
        assert KEY not in repr(model)
    assert KEY not in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"choices": [',
        b"\xff\xfe",
        b"[" * 100_000,
        json.dumps(completion(choices=[])).encode(),
        json.dumps(completion(choices=[{"finish_reason": "stop"}])).encode(),
        json.dumps(completion(choices=[{"message": {"content": None}, "finish_reason": "stop"}])).encode(),
        json.dumps(completion(choices=[{"message": {"content": "x"}, "finish_reason": None}])).encode(),
        json.dumps(completion(choices=completion()["choices"] * 2)).encode(),
        json.dumps(completion(model=None)).encode(),
        json.dumps(completion(usage={"prompt_tokens": -1})).encode(),
        json.dumps(completion(usage={"prompt_tokens": True})).encode(),
        json.dumps(completion(usage=[])).encode(),
    ],
)
async def test_garbled_replies_are_no_answer(body: bytes) -> None:
    """A reply that is not JSON or lacks a part is never taken for an answer."""
    async with serving(http(200, body)) as (_, model):
        with pytest.raises(ModelUnavailable, match="garbled"):
            await model.complete(request())


async def test_cut_body_is_unavailability() -> None:
    """A body that ends before its length is no answer, even if what came parses."""
    whole = json.dumps(completion()).encode()
    async with serving(http(200, whole, length=len(whole) + 10)) as (_, model):
        with pytest.raises(ModelUnavailable, match="no complete reply"):
            await model.complete(request())


async def test_reset_connection_is_unavailability() -> None:
    """A connection that is reset in the middle of a call brings no answer."""

    async def reset(writer: asyncio.StreamWriter) -> None:
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        writer.transport.abort()

    async with serving(reset) as (_, model):
        with pytest.raises(ModelUnavailable):
            await model.complete(request())


async def test_slow_endpoint_is_given_up_after_the_timeout() -> None:
    """The timeout bounds the whole call, also where bytes keep trickling in."""

    async def trickle(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(40):
            writer.write(b" ")
            await asyncio.sleep(0.05)

    async with serving(trickle) as (_, model):
        with pytest.raises(ModelUnavailable, match=r"0\.2 s"):
            await model.complete(request(timeout_seconds=0.2))


async def test_a_cancelled_call_closes_its_connection() -> None:
    """The endpoint notices that nobody waits any more, and can stop its work."""
    asked, closed = asyncio.Event(), asyncio.Event()

    async def until_closed(writer: asyncio.StreamWriter) -> None:
        asked.set()
        while not writer.is_closing():
            await asyncio.sleep(0.01)
            try:
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                await writer.drain()
            except ConnectionError:
                break
        closed.set()

    async with serving(until_closed) as (_, model):
        call = asyncio.create_task(model.complete(request()))
        await asyncio.wait_for(asked.wait(), 5)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(closed.wait(), 5)


async def test_nobody_listening_is_unavailability() -> None:
    """An endpoint that is not there may come back."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    async with OpenAICompatibleModel(f"http://127.0.0.1:{port}/v1", "tiny") as model:
        with pytest.raises(ModelUnavailable, match=str(port)):
            await model.complete(request())


async def test_settings_open_a_model() -> None:
    """The settings' endpoint is opened; without one the remedy is named."""
    async with open_model(ModelSettings(url="http://127.0.0.1:1/v1", name="tiny", key=KEY)) as model:
        assert "127.0.0.1:1" in repr(model)
    with pytest.raises(BadInput, match="MILLWRIGHT_MODEL_URL"):
        async with open_model(None):
            raise AssertionError("unreachable")


@pytest.mark.parametrize(
    ("url", "key"), [("http://[::1/v1", ""), ("http://h/v1", "schlüssel"), ("http://h/v1", "a\nb")]
)
async def test_unusable_settings_are_bad_input(url: str, key: str) -> None:
    """A URL or a key that cannot be used is said at once."""
    with pytest.raises(BadInput):
        OpenAICompatibleModel(url, "tiny", key)


async def test_scripted_model_answers_or_refuses() -> None:
    """The scripted model gives what its script gives, and refuses where it has nothing."""
    answer = ModelAnswer(
        choices=(Choice(text="x", finish_reason=FinishReason.STOP),), usage=Usage(), model="m", endpoint="e"
    )
    assert await ScriptedModel(lambda _: answer).complete(request()) == answer
    with pytest.raises(ModelRefused, match="coder"):
        await ScriptedModel(lambda _: None).complete(request())


def test_providers_have_distinct_names() -> None:
    """Each kind of model stands in the list once."""
    assert len({name for name, _ in PROVIDERS}) == len(PROVIDERS) == 2
