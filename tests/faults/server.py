"""An OpenAI-compatible endpoint on the loopback that answers as the demo model does, and fails as it is told.

It counts what it read, and nothing else: its own count is what a ledger is held against. It keeps no prompt.
"""

import asyncio
import hashlib
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus

from millwright.adapters.embedded.demo_protocol import Refusal, answer
from millwright.adapters.embedded.demo_sampling import CompletionBook
from tests.faults.plans import NOTHING, Fault, FaultPlan, way
from tests.wire.endpoint import reset

LOOPBACK = "127.0.0.1"
PATH = "/v1/chat/completions"
LONGEST_HEAD = 64 * 1024
LONGEST_BODY = 16 * 1024 * 1024
LONGEST_STALL_SECONDS = 60.0
"""When a stalled call is given up by the server, should its client never leave."""

RETRY_AFTER_SECONDS = 1
BACKLOG = 512


@dataclass(frozen=True)
class Outage:
    """The endpoint goes away when it has read ``after`` requests, for ``seconds``; None: for good.

    The request that makes it go is cut off, and counts.
    """

    after: int
    seconds: float | None


@dataclass(frozen=True)
class _Request:
    """A request as it was read; ``call`` is the same whenever the same call is tried again."""

    call: str
    body: bytes
    seen: int


class FaultyEndpoint:
    """One endpoint. A request counts in ``calls``, by call, as soon as its head and body were read completely."""

    def __init__(
        self,
        book: CompletionBook,
        plan: FaultPlan = NOTHING,
        *,
        outage: Outage | None = None,
        latency_seconds: float = 0.05,
        on_request: Callable[[int], None] | None = None,
    ) -> None:
        """Take the answers and the plan; ``on_request`` is told how many requests were read, after each."""
        self._book = book
        self._plan = plan
        self._outage = outage
        self._latency_seconds = latency_seconds
        self._on_request = on_request
        self._server: asyncio.Server | None = None
        self._listener: socket.socket | None = None
        self._port = 0
        self._down = False
        self._open: set[asyncio.Task[None]] = set()
        self.calls: Counter[str] = Counter()
        self.injected: Counter[str] = Counter()

    @property
    def requests(self) -> int:
        """How many requests were read."""
        return self.calls.total()

    @property
    def url(self) -> str:
        """The base URL; it stays the same through an outage."""
        return f"http://{LOOPBACK}:{self._port}/v1"

    async def listen(self) -> None:
        """Begin to listen, on the port of before where there was one."""
        listener = socket.create_server((LOOPBACK, self._port), backlog=BACKLOG)
        listener.setblocking(False)
        self._port = listener.getsockname()[1]
        self._listener = listener
        self._server = await asyncio.start_server(self._connected, sock=listener, limit=LONGEST_HEAD, backlog=BACKLOG)
        self._down = False

    async def close(self) -> None:
        """Stop listening, and end what is still open."""
        await self._refuse_connections()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _refuse_connections(self) -> None:
        """Close the listening socket. What comes over connections that are open is read, counted and cut off."""
        self._down = True
        server, listener = self._server, self._listener
        self._server = self._listener = None
        if server is None or listener is None:
            return
        # The kernel has accepted connections that the server has not: closing would cut off requests that nobody read.
        waiting = list(_accepted(listener))
        server.close()
        for connection in waiting:
            reader, writer = await asyncio.open_connection(sock=connection, limit=LONGEST_HEAD)
            self._keep(asyncio.create_task(self._connected(reader, writer)))

    def _keep(self, task: "asyncio.Task[None]") -> None:
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a connection is served by a task"
        self._keep(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                while await self._served(reader, writer):
                    pass
        finally:
            writer.close()

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one request; return whether the connection may bring another."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, headers = _head(head)
        body = await reader.readexactly(min(int(headers.get("content-length", "0")), LONGEST_BODY))
        if not first.startswith(f"POST {PATH} "):
            await _send(writer, HTTPStatus.NOT_FOUND, _error("nothing is served here", "not_found"))
            return True
        request = self._counted(headers, body)
        if self._outage is not None and self.requests == self._outage.after:
            await self._go_away(self._outage.seconds)
        if self._down:
            self.injected["outage"] += 1
            reset(writer)
            return False
        fault = self._plan.fault(request.call, request.seen)
        if fault is not None:
            self.injected[fault.value] += 1
        await asyncio.sleep(self._latency_seconds)
        return await self._respond(fault, request, reader, writer)

    def _counted(self, headers: dict[str, str], body: bytes) -> _Request:
        call = headers.get("idempotency-key") or hashlib.sha256(body).hexdigest()
        request = _Request(call, body, seen=self.calls[call])
        self.calls[call] += 1
        if self._on_request is not None:
            self._on_request(self.requests)
        return request

    async def _go_away(self, seconds: float | None) -> None:
        await self._refuse_connections()
        if seconds is not None:
            self._keep(asyncio.create_task(self._come_back(seconds)))

    async def _come_back(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.listen()

    async def _respond(
        self, fault: Fault | None, request: _Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        match fault:
            case None | Fault.LENGTH | Fault.DECLINED:
                await self._answer(fault, request, writer)
                return True
            case Fault.STALLED:
                await self._stall(request, reader, writer)
            case Fault.RESET:
                reset(writer)
            case Fault.TRUNCATED:
                await self._truncate(request, writer)
            case Fault.GARBAGE:
                await self._garble(request, writer)
            case _:
                await _fail(fault, writer)
                return True
        return False

    def _answered(self, request: _Request) -> dict[str, object]:
        return answer(self._book, request.body)

    async def _answer(self, fault: Fault | None, request: _Request, writer: asyncio.StreamWriter) -> None:
        try:
            reply = self._answered(request)
        except Refusal as refusal:
            await _send(writer, refusal.status, _error(refusal.message, refusal.code))
            return
        if fault is not None:
            _spoil(reply, fault)
        await _send(writer, HTTPStatus.OK, reply)

    async def _stall(self, request: _Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Fall silent, before the answer or in the middle of it, until the client leaves."""
        if way(request.call, request.seen, 2):
            whole = _reply(HTTPStatus.OK, self._answered(request))
            writer.write(whole[: len(whole) * 2 // 3])
            await writer.drain()
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_STALL_SECONDS):
                await reader.read(1)

    async def _truncate(self, request: _Request, writer: asyncio.StreamWriter) -> None:
        """End the connection before the body is complete, in order."""
        whole = _reply(HTTPStatus.OK, self._answered(request), close=True)
        writer.write(whole[: len(whole) * 2 // 3])
        await writer.drain()

    async def _garble(self, request: _Request, writer: asyncio.StreamWriter) -> None:
        """Send what is no answer: no HTTP, no JSON, or JSON that lacks what an answer has."""
        garbled = (
            b"\x15\x03\x01\x00\x02\x02\x28",
            _reply(HTTPStatus.OK, b"<html><body>upstream \xff\xfe</body></html>", close=True),
            _reply(HTTPStatus.OK, {"object": "chat.completion", "model": "demo", "choices": []}, close=True),
        )
        writer.write(garbled[way(request.call, request.seen, len(garbled))])
        await writer.drain()


@asynccontextmanager
async def listening(*endpoints: FaultyEndpoint) -> AsyncIterator[None]:
    """Keep endpoints listening while the block runs."""
    try:
        for endpoint in endpoints:
            await endpoint.listen()
        yield
    finally:
        for endpoint in endpoints:
            await endpoint.close()


def _accepted(listener: socket.socket) -> Iterator[socket.socket]:
    """Take the connections that wait to be accepted."""
    with suppress(BlockingIOError):
        while True:
            connection, _ = listener.accept()
            connection.setblocking(False)
            yield connection


def _head(text: str) -> tuple[str, dict[str, str]]:
    """Split a head into its first line and its headers, by name in small letters."""
    first, *lines = text.rstrip().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return first, {name.strip().lower(): value.strip() for name, _, value in pairs}


def _spoil(reply: dict[str, object], fault: Fault) -> None:
    """Make an answer one that was cut off, or one that declines."""
    choices = reply["choices"]
    assert isinstance(choices, list)
    for choice in choices:
        text = choice["message"]["content"]
        if fault is Fault.LENGTH:
            choice["message"]["content"] = text[: len(text) // 2]
            choice["finish_reason"] = "length"
        else:
            choice["message"] = {"role": "assistant", "content": None, "refusal": "I cannot help with that."}
            choice["finish_reason"] = "content_filter"


async def _fail(fault: Fault, writer: asyncio.StreamWriter) -> None:
    """Answer with an error, as vLLM and hosted endpoints do."""
    status = HTTPStatus(int(fault.value))
    retry = f"Retry-After: {RETRY_AFTER_SECONDS}\r\n" if fault is Fault.RATE_LIMITED else ""
    await _send(writer, status, _error(f"as planned: {status.phrase.lower()}", "planned"), retry)


async def _send(writer: asyncio.StreamWriter, status: HTTPStatus, body: dict[str, object], headers: str = "") -> None:
    writer.write(_reply(status, body, headers))
    await writer.drain()


def _reply(status: HTTPStatus, body: dict[str, object] | bytes, headers: str = "", *, close: bool = False) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode("ascii")
    headers += "Connection: close\r\n" if close else ""
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n{headers}"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode("latin-1") + content


def _error(message: str, code: str) -> dict[str, object]:
    return {"error": {"message": message, "type": "server_error", "param": None, "code": code}}
