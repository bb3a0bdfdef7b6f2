"""A raw HTTP server on the loopback that answers as it is told, for the tests of the model client."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from schemas.identity import Archetype
from schemas.models import Message, ModelRequest, Prompt, Role

KEY = "sk-secret-0123456789"
Conduct = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Reply = bytes | Conduct


def request(**changes: Any) -> ModelRequest:
    """Make a request; the endpoint is the test's to fill in."""
    messages = (Message(role=Role.SYSTEM, content="Role: coder"), Message(role=Role.USER, content="Task: tax\n²"))
    prompt = Prompt(archetype=Archetype.CODER, version="coder-1", messages=messages)
    given = {"prompt": prompt, "model": "tiny", "temperature": 0.7, "seed": 5, "timeout_seconds": 10.0}
    return ModelRequest(**{**given, **changes})


def choice(text: str = "pass", index: int = 0, reason: str = "stop") -> dict[str, Any]:
    """Make a choice of a reply."""
    return {"index": index, "message": {"role": "assistant", "content": text}, "finish_reason": reason}


def completion(**changes: Any) -> dict[str, Any]:
    """Make the body of a good reply."""
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    return {"id": "x", "model": "tiny", "choices": [choice()], "usage": usage, **changes}


def http(status: int, body: bytes | dict[str, Any], *, length: int | None = None, **headers: str) -> bytes:
    """Write a response; ``length`` lies about the body's, and ``_`` in a header's name stands for ``-``."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"Content-Length": str(len(content) if length is None else length), **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + content


GOOD = http(200, completion())
"""A good reply, whole."""


def reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection with a TCP reset."""
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


class Endpoint:
    """A server that gives its replies one after the other, and keeps what it was sent.

    ``heads`` and ``bodies`` (as JSON, and ``contents`` as bytes) are of the requests that arrived whole,
    ``connections`` how many were opened. A connection
    is kept open after a reply in bytes, and closed after any other conduct. The last reply is repeated.
    """

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.heads: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.contents: list[bytes] = []
        self.connections = 0
        self.serving: set[asyncio.Task[None]] = set()
        self.url = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next(
                    int(line[15:]) for line in head.lower().splitlines() if line.startswith("content-length:")
                )
                content = await reader.readexactly(length)
                self.heads.append(head)
                self.bodies.append(json.loads(content))
                self.contents.append(content)
                reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
                if not isinstance(reply, bytes):
                    await reply(reader, writer)
                    return
                writer.write(reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the client is gone
        finally:
            writer.close()


@asynccontextmanager
async def listening(*replies: Reply) -> AsyncIterator[Endpoint]:
    """Serve replies on a free port."""
    endpoint = Endpoint(*replies)

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        endpoint.serving.add(asyncio.ensure_future(endpoint.handle(reader, writer)))

    server = await asyncio.start_server(accepted, "127.0.0.1", 0, backlog=2048)
    endpoint.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield endpoint
    finally:
        server.close()
        for task in endpoint.serving:
            task.cancel()
        await asyncio.gather(*endpoint.serving, return_exceptions=True)
        await server.wait_closed()


@asynccontextmanager
async def accepting(act: Conduct) -> AsyncIterator[str]:
    """Do the same with every connection, and parse nothing; yields ``host:port``."""
    server = await asyncio.start_server(act, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


def unused_url() -> str:
    """Return the base URL of a port at which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{bound.getsockname()[1]}/v1"
