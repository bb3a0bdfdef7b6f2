"""The faulty endpoint itself: it answers as the demo model does, shows each fault on the wire, counts what it read."""

import asyncio
import json
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.models import ROLE_LINE, TASK_LINE
from tests.faults.plans import TRANSPORT, Fault, FaultPlan, mixed, one
from tests.faults.sample import answers
from tests.faults.server import FaultyEndpoint, Outage, listening

ASKED = {
    "model": "demo",
    "messages": [
        {"role": "system", "content": f"{ROLE_LINE}coder"},
        {"role": "user", "content": f"{TASK_LINE}tax_rate"},
    ],
    "temperature": 0.7,
    "seed": 5,
    "n": 2,
}


async def _ask(endpoint: FaultyEndpoint, key: str = "call") -> bytes:
    """Send one request and read all that comes back until the end of the connection, a second at most."""
    port = int(endpoint.url.removesuffix("/v1").rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps(ASKED).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nIdempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    received = bytearray()
    try:
        writer.write(head.encode() + body)
        async with asyncio.timeout(1):
            while piece := await reader.read(65536):
                received += piece
                if _whole(received):
                    break
    except TimeoutError:
        received += b"(silence)"
    finally:
        writer.close()
    return bytes(received)


def _whole(received: bytearray) -> bool:
    head, found, body = received.partition(b"\r\n\r\n")
    length = [line for line in head.split(b"\r\n") if line.startswith(b"Content-Length: ")]
    return bool(found and length) and len(body) >= int(length[0].split()[1])


def _body(received: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(received.partition(b"\r\n\r\n")[2])
    return found


async def test_without_faults_it_answers_as_the_demo_model() -> None:
    """Choices, finish reasons and usage come as the demo model gives them, the same for the same request."""
    endpoint = FaultyEndpoint(answers(), latency_seconds=0)
    async with listening(endpoint):
        first, second = _body(await _ask(endpoint)), _body(await _ask(endpoint))
    assert first == second
    assert [choice["index"] for choice in first["choices"]] == [0, 1]
    assert "tax_rate" in first["choices"][0]["message"]["content"]
    assert endpoint.calls == Counter(call=2)


@pytest.mark.parametrize(
    ("fault", "shown"),
    [
        (Fault.RATE_LIMITED, b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nRetry-After: 1\r\n"),
        (Fault.INTERNAL_ERROR, b"HTTP/1.1 500 "),
        (Fault.UNAVAILABLE, b"HTTP/1.1 503 "),
        (Fault.REFUSED, b"HTTP/1.1 401 "),
    ],
)
async def test_errors_have_their_status_and_a_body(fault: Fault, shown: bytes) -> None:
    """An error is answered as a whole, and the connection lives on."""
    endpoint = FaultyEndpoint(answers(), one(fault, 1.0), latency_seconds=0)
    async with listening(endpoint):
        received = await _ask(endpoint)
    assert received.startswith(shown)
    assert "planned" in _body(received)["error"]["message"]
    assert endpoint.injected == Counter({fault.value: 1})


async def test_a_reset_is_no_orderly_end() -> None:
    """The client sees ECONNRESET, and the request counts, since it was read."""
    endpoint = FaultyEndpoint(answers(), one(Fault.RESET, 1.0), latency_seconds=0)
    async with listening(endpoint):
        with pytest.raises(ConnectionResetError):
            await _ask(endpoint)
    assert endpoint.requests == 1


async def test_stalls_are_silence_before_or_within_an_answer() -> None:
    """Both ways occur, and neither brings a whole answer."""
    endpoint = FaultyEndpoint(answers(), one(Fault.STALLED, 1.0), latency_seconds=0)
    async with listening(endpoint):
        received = await asyncio.gather(*(_ask(endpoint, f"call {number}") for number in range(8)))
    assert all(each.endswith(b"(silence)") for each in received)
    assert {each.startswith(b"HTTP/1.1 200 ") for each in received} == {True, False}


async def test_cut_and_garbled_bodies_are_no_answers() -> None:
    """A truncated body ends before its length; garbage is no HTTP, no JSON, or JSON without an answer."""
    cut = FaultyEndpoint(answers(), one(Fault.TRUNCATED, 1.0), latency_seconds=0)
    garbled = FaultyEndpoint(answers(), one(Fault.GARBAGE, 1.0), latency_seconds=0)
    async with listening(cut, garbled):
        half = await _ask(cut)
        noise = await asyncio.gather(*(_ask(garbled, f"call {number}") for number in range(12)))
    assert half.startswith(b"HTTP/1.1 200 ")
    assert not _whole(bytearray(half))
    assert {each[:8] for each in noise} == {b"HTTP/1.1", b"\x15\x03\x01\x00\x02\x02\x28"}
    assert any(b"<html>" in each for each in noise)
    assert any(b'"choices": []' in each for each in noise)


async def test_content_faults_are_whole_answers_of_another_kind() -> None:
    """One is cut off by its length, the other declines; both say so in their finish reason."""
    short = FaultyEndpoint(answers(), one(Fault.LENGTH, 1.0), latency_seconds=0)
    declining = FaultyEndpoint(answers(), one(Fault.DECLINED, 1.0), latency_seconds=0)
    async with listening(short, declining):
        cut, declined = _body(await _ask(short)), _body(await _ask(declining))
    assert {choice["finish_reason"] for choice in cut["choices"]} == {"length"}
    assert {choice["message"]["content"] for choice in declined["choices"]} == {None}


async def test_an_outage_refuses_connections_and_ends() -> None:
    """The request that begins it is cut off and counts; while it lasts nobody listens; then the same port answers."""
    endpoint = FaultyEndpoint(answers(), outage=Outage(after=2, seconds=0.3), latency_seconds=0)
    async with listening(endpoint):
        assert _body(await _ask(endpoint))
        with pytest.raises(ConnectionResetError):
            await _ask(endpoint)
        with pytest.raises(ConnectionRefusedError):
            await _ask(endpoint)
        assert _body(await _asked_until_it_answers(endpoint))
    assert endpoint.calls == Counter(call=3)


async def _asked_until_it_answers(endpoint: FaultyEndpoint) -> bytes:
    async with asyncio.timeout(10):
        while True:
            with suppress(ConnectionRefusedError):
                return await _ask(endpoint)
            await asyncio.sleep(0.05)


@given(st.text(min_size=1), st.integers(0, 20))
def test_the_same_attempt_always_meets_the_same_fault(call: str, seen: int) -> None:
    """What befalls an attempt depends on the seed, the call and how often it was seen, and on nothing else."""
    assert mixed(0.3, seed=4).fault(call, seen) is mixed(0.3, seed=4).fault(call, seen)
    assert FaultPlan({}).fault(call, seen) is None
    assert one(Fault.RESET, 1.0).fault(call, seen) is Fault.RESET


def test_seeds_and_attempts_meet_other_faults() -> None:
    """Of a hundred calls some fail only under one of two seeds, and some only when they are tried again."""
    first, again, other = (
        [mixed(0.3, seed).fault(str(number), seen) for number in range(100)] for seed, seen in ((1, 0), (1, 1), (2, 0))
    )
    assert first != again
    assert first != other


def test_shares_are_kept_over_many_calls() -> None:
    """Of 10,000 calls 30 % fail, each fault about as often as any other."""
    plan = mixed(0.3)
    met = Counter(plan.fault(str(number), 0) for number in range(10_000))
    assert 2800 < 10_000 - met[None] < 3200
    assert all(330 < met[fault] < 530 for fault in TRANSPORT)
