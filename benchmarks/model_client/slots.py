"""A local endpoint with a known latency and a known number of slots, which logs when each request was in service.

As in vLLM, a request that finds no free slot waits, in order of arrival, and is not refused. It answers as the demo
model does, or always the same; it is no language model.
"""

import argparse
import asyncio
import hashlib
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"
LONGEST_HEAD = 64 * 1024
CANNED_CHARACTERS = 1200
"""The length of the answer that is always the same: about 300 tokens."""

Answer = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Latency:
    """Seconds in service, spread evenly between two bounds by a hash of the call."""

    least: float
    most: float

    def of(self, call: str) -> float:
        """Return a call's seconds in service."""
        point = int.from_bytes(hashlib.sha256(call.encode()).digest()[:6], "big") / 2**48
        return self.least + (self.most - self.least) * point


@dataclass(frozen=True)
class Service:
    """One request in service: which call, and from when to when, in seconds of the wall clock."""

    call: str
    arrived: float
    started: float
    ended: float


class SlotServer:
    """The endpoint. ``log`` has the requests that were answered, in order of their end."""

    def __init__(self, answer: Answer, slots: int, latency: Latency) -> None:
        self._answer = answer
        self._free = asyncio.Semaphore(slots)
        self._latency = latency
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self.log: list[Service] = []

    @property
    def url(self) -> str:
        """The base URL."""
        assert self._server is not None, "listen comes first"
        return f"http://{LOOPBACK}:{self._server.sockets[0].getsockname()[1]}/v1"

    async def listen(self) -> None:
        """Begin to listen on any free port."""
        self._server = await asyncio.start_server(self._connected, LOOPBACK, 0, limit=LONGEST_HEAD, backlog=4096)

    async def close(self) -> None:
        """Stop, and end what is open."""
        if self._server is not None:
            self._server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a connection is served by a task"
        self._open.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while True:
                    await self._serve(reader, writer)
        finally:
            self._open.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head.split("\r\n"))
        }
        body = await reader.readexactly(int(headers["content-length"]))
        arrived = time.time()
        call = headers.get("idempotency-key") or hashlib.sha256(body).hexdigest()
        async with self._free:
            started = time.time()
            await asyncio.sleep(self._latency.of(call))
            content = self._answer(body)
            ended = time.time()
        self.log.append(Service(call, arrived, started, ended))
        first = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        writer.write(f"{first}Content-Length: {len(content)}\r\n\r\n".encode("ascii") + content)
        await writer.drain()


@asynccontextmanager
async def serving(answer: Answer, slots: int, latency: Latency) -> AsyncIterator[SlotServer]:
    """Keep an endpoint listening while the block runs."""
    server = SlotServer(answer, slots, latency)
    await server.listen()
    try:
        yield server
    finally:
        await server.close()


def canned(body: bytes) -> bytes:
    """Answer anything with the same text."""
    message = {"role": "assistant", "content": "x" * CANNED_CHARACTERS}
    reply = {
        "id": "canned",
        "object": "chat.completion",
        "created": 0,
        "model": "canned",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": len(body) // 4, "completion_tokens": 300, "total_tokens": len(body) // 4 + 300},
    }
    return json.dumps(reply).encode("ascii")


async def _serve_until_told(slots: int, latency: Latency) -> None:
    """Serve until standard input ends, after one line with the base URL."""
    async with serving(canned, slots, latency) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve canned answers as a program of its own, so that its work is in no client's figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.model_client.slots", description=__doc__)
    parser.add_argument("--slots", type=int, default=4096)
    parser.add_argument("--seconds", type=float, default=0.05)
    given = parser.parse_args(arguments)
    asyncio.run(_serve_until_told(given.slots, Latency(given.seconds, given.seconds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
