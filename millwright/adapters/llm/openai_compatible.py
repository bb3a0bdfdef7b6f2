"""Models behind any OpenAI-compatible endpoints (vLLM, Ollama, llama.cpp, hosted ones), over httpx.

It makes each call once: another attempt is its caller's, who sees from the exception whether one can help, and when.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx

from millwright.adapters.llm.connections import Connections
from millwright.adapters.llm.failures import FIELD_WORDS, failure_of_connection, failure_of_status
from millwright.adapters.llm.openai_wire import PATH, read_answer, request_body
from millwright.errors import (
    NOT_SENT,
    BadInput,
    EndpointLost,
    FieldRefused,
    ModelRefused,
    ModelStalled,
    ReplyBroken,
)
from schemas.addresses import public_url
from schemas.models import ModelAnswer, ModelRequest

CONNECT_SECONDS = 10.0
"""How long to wait for a connection; an endpoint that is there answers a connection at once, however busy."""

SILENCE_SECONDS = 30.0
"""The longest pause in the middle of an answer. It comes in one piece, once it is complete: it does not pause."""

LARGEST_REPLY = 32 * 1024 * 1024
"""The most bytes of one answer."""

_LONGEST_REASON = 1024 * 1024


@dataclass
class _Endpoint:
    """An endpoint: where it is asked, how it may be shown, what it is sent, and which fields it has refused."""

    url: httpx.URL
    shown: str
    key: str = field(repr=False)
    refused: set[str] = field(default_factory=set)


class _Attempt:
    """Whether one request may have left whole, and the connection that it was to leave by."""

    def __init__(self) -> None:
        self.sent = False
        self._opened: Any = None

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Follow httpcore's ``trace`` extension.

        The head and the body are two writes. Until the body's begins the request cannot be whole, nor where that write
        fails; where it is cancelled it can, since the wait comes after the write. The request that opens a tunnel
        through a proxy (CONNECT) is none of ours.
        """
        if event == "http11.send_request_body.started":
            self.sent = info["request"].method == b"POST"
        elif event == "http11.send_request_body.failed":
            self.sent = self.sent and isinstance(info["exception"], asyncio.CancelledError)
        elif event == "connection.connect_tcp.complete":
            self._opened = info["return_value"]

    async def abandon(self) -> None:
        """Close a connection that was opened and not used: httpcore leaves it open where its TLS is broken off."""
        if self._opened is not None and not self.sent:
            await self._opened.aclose()


class OpenAICompatibleModels:
    """Draws completions from the endpoints that its requests name; a key is never shown.

    Close it, or use it as a context manager.
    """

    def __init__(
        self,
        keys: Mapping[str, str] | None = None,
        *,
        silence_seconds: float = SILENCE_SECONDS,
        largest_reply: int = LARGEST_REPLY,
    ) -> None:
        """Hold one client for all endpoints; ``keys`` are by base URL ending in ``/v1``, for those that need one.

        Raises:
            BadInput: a URL or a key cannot be used as such.
        """
        self._endpoints = {url.rstrip("/"): _endpoint(url, key) for url, key in (keys or {}).items()}
        self._silence_seconds, self._largest_reply = silence_seconds, largest_reply
        self._client = httpx.AsyncClient(
            # an encoded answer could be small on the wire and fill the memory
            headers={"Content-Type": "application/json", "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),  # the whole call has a limit of its own
            transport=Connections(),
            trust_env=False,  # proxies are the transport's; a .netrc must not replace a key
        )

    def __repr__(self) -> str:
        shown = ", ".join(f"{one.shown} (key {'***' if one.key else 'none'})" for one in self._endpoints.values())
        return f"OpenAICompatibleModels({shown})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    def refused_fields(self, endpoint: str) -> frozenset[str]:
        """Return the fields that an endpoint has refused, and is sent no more."""
        known = self._endpoints.get(endpoint.rstrip("/"))
        return frozenset(known.refused) if known else frozenset()

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """Send one request within ``request.timeout_seconds``, see ``millwright.ports.Model``.

        A cancellation that comes before the request has left whole carries the note ``NOT_SENT``.

        Raises:
            FieldRefused: the endpoint does not take a field of the request, and is sent it no more.
        """
        endpoint = self._known(request.endpoint)
        body = request_body(request, without=endpoint.refused)
        attempt, began = _Attempt(), time.monotonic()
        try:
            try:
                async with asyncio.timeout(request.timeout_seconds):
                    status, headers, content = await self._post(endpoint, body, request.idempotency_key, attempt)
            finally:
                await attempt.abandon()  # inside, since a second cancellation can come here
        except TimeoutError as error:
            if not attempt.sent:
                message = f"{endpoint.shown} took no connection in {request.timeout_seconds:g} s"
                raise EndpointLost(message, sent=False) from error
            raise ModelStalled(f"{endpoint.shown} did not answer in {request.timeout_seconds:g} s") from error
        except asyncio.CancelledError as error:
            if not attempt.sent:
                error.add_note(NOT_SENT)
            raise
        if status == httpx.codes.OK:
            return read_answer(content, request, endpoint.shown, time.monotonic() - began)
        failure = failure_of_status(
            status,
            headers,
            content,
            endpoint=endpoint.shown,
            model=request.model,
            hidden=endpoint.key,
            carried=FIELD_WORDS.keys() & body.keys(),
        )
        if isinstance(failure, FieldRefused):
            endpoint.refused.update(failure.fields)
        raise failure

    def _known(self, url: str) -> _Endpoint:
        base = url.rstrip("/")
        if base not in self._endpoints:
            try:
                self._endpoints[base] = _endpoint(base, "")
            except BadInput as error:
                raise ModelRefused(str(error), sent=False) from error
        return self._endpoints[base]

    async def _post(
        self, endpoint: _Endpoint, body: Mapping[str, object], idempotency_key: str, attempt: _Attempt
    ) -> tuple[int, httpx.Headers, bytes]:
        """Send a body, and read the status, head and body of what is answered."""
        headers = {"Authorization": f"Bearer {endpoint.key}"} if endpoint.key else {}
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key
        received, reply = bytearray(), None
        try:
            async with self._client.stream(
                "POST",
                endpoint.url,
                content=json.dumps(body).encode("ascii"),
                headers=headers,
                extensions={"trace": attempt.trace},
            ) as reply:
                if reply.status_code == httpx.codes.OK:
                    await self._read(reply, received, endpoint.shown)
                else:
                    await self._read_reason(reply, received)
        except httpx.RequestError as error:
            if reply is None or reply.status_code == httpx.codes.OK:
                raise failure_of_connection(
                    error, endpoint=endpoint.shown, sent=attempt.sent, answering=reply is not None
                ) from error
        return reply.status_code, reply.headers, bytes(received)

    async def _read(self, reply: httpx.Response, received: bytearray, shown: str) -> None:
        """Read an answer's body piece by piece into ``received``."""
        encoding = reply.headers.get("content-encoding", "identity")
        if encoding != "identity":
            raise ReplyBroken(f"{shown} sent a reply encoded as {encoding!r}, which it was not asked for")
        clock = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._silence_seconds) as silence:
                async for piece in reply.aiter_raw():
                    received += piece
                    if len(received) > self._largest_reply:
                        raise ReplyBroken(f"{shown} sent more than {self._largest_reply} bytes")
                    silence.reschedule(clock.time() + self._silence_seconds)
        except TimeoutError as error:
            message = f"{shown} fell silent for {self._silence_seconds:g} s in the middle of its reply"
            raise ModelStalled(message) from error

    async def _read_reason(self, reply: httpx.Response, received: bytearray) -> None:
        """Read why a call was not answered, as far as it comes: its status already says the most."""
        try:
            async with asyncio.timeout(self._silence_seconds):
                async for piece in reply.aiter_raw():
                    received += piece
                    if len(received) > _LONGEST_REASON:
                        break
        except TimeoutError:
            return


def _endpoint(url: str, key: str) -> _Endpoint:
    """Check an endpoint's base URL and its key. Raises BadInput."""
    try:
        parsed = httpx.URL(url.rstrip("/") + PATH)
    except httpx.InvalidURL as error:
        raise BadInput(f"a model endpoint is no URL ({error}): check MILLWRIGHT_MODEL_URL, or its preset") from error
    shown = public_url(url.rstrip("/"))
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise BadInput(
            f"the model endpoint {shown!r} is no address: give a base URL such as http://127.0.0.1:8000/v1 "
            "(MILLWRIGHT_MODEL_URL, or its preset)"
        )
    if not (key.isascii() and (key.isprintable() or not key)):
        raise BadInput(f"the key for {shown} holds characters that no header can carry: set MILLWRIGHT_MODEL_KEY anew")
    return _Endpoint(url=parsed, shown=shown, key=key)
