"""What the model client makes of endpoints that fail, against servers that do, and whether it had sent anything."""

import asyncio
import contextlib
import json
from datetime import UTC, datetime

import pytest

from millwright.adapters.llm.failures import LONGEST_WAIT_SECONDS, retry_after
from millwright.adapters.llm.openai_compatible import OpenAICompatibleModels
from millwright.errors import (
    NOT_SENT,
    EndpointLost,
    ModelError,
    ModelOverloaded,
    ModelRefused,
    ModelStalled,
    ReplyBroken,
    was_sent,
)
from tests.wire.endpoint import Conduct, Reply, accepting, completion, http, listening, request, reset, unused_url

WHOLE = json.dumps(completion()).encode()
HEAD = b"HTTP/1.1 200 OK\r\n"


async def failure(reply: Reply, *, seconds: float = 10.0, silence: float = 5.0, largest: int = 100_000) -> ModelError:
    """Return how a call to an endpoint ends that replies so; it is made exactly once."""
    async with (
        listening(reply) as endpoint,
        OpenAICompatibleModels(silence_seconds=silence, largest_reply=largest) as models,
    ):
        with pytest.raises(ModelError) as caught:
            await models.complete(request(endpoint=endpoint.url, timeout_seconds=seconds))
    assert len(endpoint.bodies) == 1
    assert endpoint.url.removesuffix("/v1") in str(caught.value)
    return caught.value


@pytest.mark.parametrize("status", [408, 409, 425, 429, 503])
async def test_a_call_for_patience_is_overload(status: int) -> None:
    """The statuses that ask to come again later are overload, with the pause that is asked for."""
    error = await failure(http(status, b"<html>overloaded</html>", Retry_After="7"))
    assert isinstance(error, ModelOverloaded)
    assert (error.retry_after, error.sent, error.retryable) == (7.0, True, True)
    assert "overloaded" in str(error)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "1e9"}, LONGEST_WAIT_SECONDS),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9.0),
        ({"retry-after": "Mon, 30 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Mon, 30 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "Mon, 30 Nov 2026 12:00:30 -0000"}, 30.0),
        ({"retry-after": "Mon, 30 Nov 2026 09:00:30 GMT", "date": "Mon, 30 Nov 2026 09:00:10 GMT"}, 20.0),
        ({"retry-after": "Mon, 99 Nov 2026 09:00:30 GMT"}, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds, milliseconds and dates are read and bounded; what is none of them says nothing."""
    assert retry_after(headers, now=datetime(2026, 11, 30, 12, tzinfo=UTC)) == seconds


@pytest.mark.parametrize("status", [500, 501, 502, 504, 529])
async def test_other_faults_of_a_server_lose_the_endpoint(status: int) -> None:
    """A server that fails is lost for now, without being known dead."""
    error = await failure(http(status, b"Bad gateway"))
    assert isinstance(error, EndpointLost)
    assert (error.dead, error.sent) == (False, True)


@pytest.mark.parametrize(
    "said",
    [
        "EngineDeadError: EngineCore encountered an issue. See stack trace above for the root cause.",
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "NCCL error: unhandled system error",
    ],
)
@pytest.mark.parametrize("status", [500, 503])
async def test_an_engine_that_is_said_to_be_dead_is_dead(said: str, status: int) -> None:
    """A server that speaks of a dead engine or of exhausted GPU memory will not recover by itself."""
    error = await failure(http(status, {"error": {"message": said}}))
    assert isinstance(error, EndpointLost)
    assert error.dead


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (400, "MILLWRIGHT_MODEL_NAME"),
        (401, "MILLWRIGHT_MODEL_KEY"),
        (402, "MILLWRIGHT_MODEL_NAME"),
        (403, "MILLWRIGHT_MODEL_KEY"),
        (404, "MILLWRIGHT_MODEL_URL"),
        (413, "MILLWRIGHT_MODEL_NAME"),
        (422, "MILLWRIGHT_MODEL_NAME"),
        (307, "MILLWRIGHT_MODEL_URL"),
    ],
)
async def test_refusals_name_the_remedy(status: int, remedy: str) -> None:
    """Faults of the request are refused for good, with the server's reason and what to set."""
    error = await failure(http(status, {"error": {"message": "no such thing"}}))
    assert isinstance(error, ModelRefused)
    assert remedy in str(error)
    assert status == 307 or "no such thing" in str(error)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"error": "why"}, "why"),
        ({"detail": "why"}, "why"),
        ({"message": "why"}, "why"),
        ({"error": {"detail": "why"}}, "why"),
        ({"detail": [{"loc": ["body", "messages"], "msg": "why", "input": "secret"}, "x"]}, "body.messages: why; x"),
    ],
)
async def test_reasons_are_found_in_the_forms_of_other_servers(body: dict[str, object], reason: str) -> None:
    """Servers that are only nearly compatible still get their reason through, without what they quote."""
    error = await failure(http(400, body))
    assert isinstance(error, ModelRefused)
    assert f"400: {reason};" in str(error)


def conduct(*steps: bytes | float, end: str = "close") -> Conduct:
    """Write bytes and pause by turns, then close, reset, or wait until the client goes."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for step in steps:
            if isinstance(step, bytes):
                writer.write(step)
                with contextlib.suppress(ConnectionError):
                    await writer.drain()
            else:
                await asyncio.sleep(step)
        if end == "reset":
            reset(writer)
        elif end == "wait":
            await reader.read()

    return act


@pytest.mark.parametrize(
    "act",
    [
        conduct(),
        conduct(end="reset"),
        conduct(HEAD + b"Content-Le"),
        conduct(HEAD + b"Content-Le", 0.05, end="reset"),
        conduct(b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["closed", "reset", "closed in the head", "reset in the head", "closed after 100"],
)
async def test_a_connection_lost_before_an_answer_loses_the_endpoint(act: Conduct) -> None:
    """A connection that ends before the head of an answer brought none, and the request had been sent."""
    error = await failure(act)
    assert isinstance(error, EndpointLost)
    assert (error.dead, error.sent) == (False, True)


@pytest.mark.parametrize(
    "act",
    [
        conduct(http(200, WHOLE, length=len(WHOLE) + 10)),
        conduct(http(200, WHOLE[: len(WHOLE) // 3], length=len(WHOLE))),
        conduct(http(200, WHOLE[:40], length=len(WHOLE)), 0.05, end="reset"),
        conduct(http(200, WHOLE, length=len(WHOLE) - 10)),
        conduct(HEAD + b"Content-Length: some\r\n\r\n" + WHOLE),
        conduct(HEAD + b"Transfer-Encoding: chunked\r\n\r\n40\r\n" + WHOLE[:32]),
        conduct(HEAD + b"Transfer-Encoding: chunked\r\n\r\n20\r\n" + WHOLE[:32] + b"\r\n"),
        conduct(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + WHOLE[:32]),
        conduct(HEAD + b"\r\n" + WHOLE[:50]),
        conduct(b"\x00\x01garbage\r\n\r\n"),
        conduct(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
        conduct(b"HTTP/1.1 200 OK\r\n" + b"x" * 200_000),
        conduct(http(204, b"")),
    ],
    ids=[
        "longer than it is",
        "a third",
        "reset in the body",
        "shorter than it is",
        "no number",
        "cut in a chunk",
        "cut between chunks",
        "bad chunk",
        "cut without a length",
        "garbage",
        "another protocol",
        "endless head",
        "no content",
    ],
)
async def test_a_cut_or_garbled_answer_is_broken(act: Conduct) -> None:
    """An answer that began and is not whole, or is no HTTP at all, is none, even if a part of it parses."""
    error = await failure(act)
    assert isinstance(error, ReplyBroken)
    assert error.sent


async def test_an_answer_that_is_too_long_is_broken() -> None:
    """An answer without end is given up at the limit, before it fills the memory."""

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b" " * 10_000)
                await writer.drain()

    error = await failure(flood)
    assert isinstance(error, ReplyBroken)
    assert "more than 100000 bytes" in str(error)


async def test_the_status_counts_where_the_reason_is_cut() -> None:
    """An error's body that is cut, or never comes, changes nothing about what its status says."""
    for act in (
        conduct(http(503, b"too mu", length=1000)),
        conduct(http(503, b"", length=1000), end="reset"),
        conduct(http(503, b"too mu", length=1000), end="wait"),
    ):
        assert isinstance(await failure(act, silence=0.2), ModelOverloaded)


async def test_no_answer_in_time_is_a_stall() -> None:
    """An endpoint that took the request and says nothing is given up at the request's timeout."""
    error = await failure(conduct(end="wait"), seconds=0.3)
    assert isinstance(error, ModelStalled)
    assert error.sent
    assert "0.3 s" in str(error)


async def test_silence_in_the_middle_of_an_answer_is_a_stall() -> None:
    """Between two pieces of an answer no long pause is waited out."""
    error = await failure(conduct(http(200, WHOLE[:40], length=len(WHOLE)), end="wait"), silence=0.2)
    assert isinstance(error, ModelStalled)
    assert "fell silent" in str(error)


async def test_a_slow_drip_is_bounded_by_the_timeout() -> None:
    """The timeout bounds the whole call, also where bytes keep trickling in."""
    steps: list[bytes | float] = [http(200, b"", length=1000)]
    for _ in range(60):
        steps += [b" ", 0.05]
    error = await failure(conduct(*steps), seconds=0.5)
    assert isinstance(error, ModelStalled)
    assert "0.5 s" in str(error)


async def test_a_slow_but_steady_answer_is_an_answer() -> None:
    """Pauses that are each shorter than the longest silence add up to no failure."""
    steps: list[bytes | float] = [http(200, b"", length=len(WHOLE))]
    for at in range(0, len(WHOLE), 40):
        steps += [0.05, WHOLE[at : at + 40]]
    async with (
        listening(conduct(*steps, end="wait")) as endpoint,
        OpenAICompatibleModels(silence_seconds=5) as models,
    ):
        answer = await models.complete(request(endpoint=endpoint.url))
    assert answer.choices[0].text == "pass"


async def test_nobody_listening_is_a_dead_endpoint_and_nothing_was_sent() -> None:
    """Where a connection is refused nobody listens, and no byte left."""
    url = unused_url()
    async with OpenAICompatibleModels() as models:
        with pytest.raises(EndpointLost, match="nobody listens") as caught:
            await models.complete(request(endpoint=url))
    assert (caught.value.sent, caught.value.dead) == (False, True)


async def test_an_unknown_host_is_not_reachable_and_nothing_was_sent() -> None:
    """A name that resolves to nothing may resolve later; the top-level domain `invalid` never does (RFC 2606)."""
    async with OpenAICompatibleModels() as models:
        with pytest.raises(EndpointLost, match="not reachable") as caught:
            await models.complete(request(endpoint="http://millwright.invalid/v1"))
    assert (caught.value.sent, caught.value.dead) == (False, False)


async def test_no_connection_in_time_sent_nothing() -> None:
    """A handshake that never ends is no stall of a model: no byte of the request left."""
    async with listening(conduct(end="wait")) as endpoint, OpenAICompatibleModels() as models:
        url = endpoint.url.replace("http://", "https://")
        with pytest.raises(EndpointLost, match="no connection") as caught:
            await models.complete(request(endpoint=url, timeout_seconds=0.3))
    assert not caught.value.sent


async def test_a_server_without_tls_is_lost_and_nothing_was_sent() -> None:
    """An endpoint that does not speak TLS where its URL says so got no byte of the request."""

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with accepting(plain) as address, OpenAICompatibleModels() as models:
        with pytest.raises(EndpointLost) as caught:
            await models.complete(request(endpoint=f"https://{address}/v1"))
    assert not caught.value.sent


async def test_a_request_that_could_not_be_written_whole_was_not_sent() -> None:
    """A connection that is reset while the request is written carried too little for any work on it to begin."""

    async def swallow_a_little(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        reset(writer)

    async with accepting(swallow_a_little) as address, OpenAICompatibleModels() as models:
        with pytest.raises(EndpointLost) as caught:
            await models.complete(request(endpoint=f"http://{address}/v1", stop=("x" * 20_000_000,)))
    assert not caught.value.sent


async def test_a_cancelled_call_closes_its_connection_at_once() -> None:
    """The endpoint notices that nobody waits any more, and can stop its work; the call counts as sent."""
    asked, gone = asyncio.Event(), asyncio.Event()

    async def until_gone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        assert await reader.read() == b""
        gone.set()

    async with listening(until_gone) as endpoint, OpenAICompatibleModels() as models:
        call = asyncio.create_task(models.complete(request(endpoint=endpoint.url)))
        await asyncio.wait_for(asked.wait(), 10)
        call.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await call
        await asyncio.wait_for(gone.wait(), 10)
    assert was_sent(caught.value)


async def test_a_call_that_is_cancelled_while_it_connects_was_not_sent() -> None:
    """A cancellation before any byte left says so, to the caller that holds its reservation."""
    noted, connected, gone = [], asyncio.Event(), asyncio.Event()

    async def no_handshake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read()  # the client's part of the handshake, and its end
        gone.set()
        writer.close()

    async with accepting(no_handshake) as address, OpenAICompatibleModels() as models:

        async def call() -> None:
            try:
                await models.complete(request(endpoint=f"https://{address}/v1"))
            except asyncio.CancelledError as error:
                noted.append(was_sent(error))
                raise

        task = asyncio.create_task(call())
        await asyncio.wait_for(connected.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(gone.wait(), 10)
    assert noted == [False]


def test_sent_is_told_of_every_kind_of_end() -> None:
    """Errors of the client say themselves whether bytes left; anything else counts as sent unless it is noted."""
    cancelled = asyncio.CancelledError()
    assert was_sent(cancelled)
    cancelled.add_note(NOT_SENT)
    assert not was_sent(cancelled)
    assert was_sent(ModelStalled("x"))
    assert not was_sent(EndpointLost("x", sent=False))
