"""A model behind any OpenAI-compatible endpoint (vLLM, Ollama, llama.cpp, hosted ones), over httpx.

It makes each call once: retries belong to Temporal, which sees from the exception whether one can help.
"""

import asyncio
import time
from types import TracebackType
from typing import Self

import httpx

from millwright.adapters.llm.openai_wire import PATH, read_answer, request_body, server_reason
from millwright.errors import BadInput, ModelError, ModelRefused, ModelUnavailable
from schemas.models import ModelAnswer, ModelRequest

CONNECT_SECONDS = 10.0
"""How long to wait for a connection; an endpoint that is there answers a connection at once, however busy."""

_LARGEST_REPLY = 32 * 1024 * 1024
_PASSING = frozenset({408, 409, 425, 429})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_REMEDIES = {
    401: "set MILLWRIGHT_MODEL_KEY to a key that it accepts",
    403: "set MILLWRIGHT_MODEL_KEY to a key that may use this model",
    404: "check MILLWRIGHT_MODEL_URL and MILLWRIGHT_MODEL_NAME",
}
_ANY_REMEDY = "check that MILLWRIGHT_MODEL_NAME is a chat model and that the request fits its limits"


class OpenAICompatibleModel:
    """Draws completions from one endpoint; the key is never shown. Close it, or use it as a context manager."""

    def __init__(self, url: str, name: str, key: str = "") -> None:
        """Hold a client for a base URL ending in ``/v1``, the model's name and the key, if one is needed.

        Raises:
            BadInput: the URL or the key cannot be used as such.
        """
        if not (key.isascii() and (key.isprintable() or not key)):
            raise BadInput("MILLWRIGHT_MODEL_KEY holds characters that no header can carry: set it anew")
        self._endpoint, self._name, self._key = url.rstrip("/"), name, key
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
        try:
            parsed = httpx.URL(self._endpoint)
        except httpx.InvalidURL as error:
            raise BadInput(f"MILLWRIGHT_MODEL_URL is {url!r}: {error}") from error
        self._client = httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),  # the whole call has a limit of its own
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
            trust_env=parsed.host not in _LOOPBACK,  # a proxy has no business between us and this machine
        )
        self._takes_schemas = True

    def __repr__(self) -> str:
        key = "***" if self._key else "none"
        return f"OpenAICompatibleModel(url={self._endpoint!r}, name={self._name!r}, key={key})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """Draw one completion within ``request.timeout_seconds``, see ``millwright.ports.Model``.

        An endpoint that refuses answers by schema is asked again without one, and from then on never with one.
        """
        began = time.monotonic()
        try:
            async with asyncio.timeout(request.timeout_seconds):
                with_schema = self._takes_schemas and request.json_schema is not None
                status, body = await self._post(request_body(request, self._name, with_schema=with_schema))
                if with_schema and status in (400, 422) and _is_about_schema(body):
                    self._takes_schemas = False
                    status, body = await self._post(request_body(request, self._name, with_schema=False))
        except TimeoutError as error:
            raise ModelUnavailable(f"{self._endpoint} did not answer in {request.timeout_seconds:g} s") from error
        if status != httpx.codes.OK:
            raise self._failure(status, body)
        return read_answer(body, request, self._endpoint, time.monotonic() - began)

    async def _post(self, content: bytes) -> tuple[int, bytes]:
        received = bytearray()
        try:
            async with self._client.stream("POST", self._endpoint + PATH, content=content) as reply:
                async for chunk in reply.aiter_bytes():
                    received += chunk
                    if len(received) > _LARGEST_REPLY:
                        raise ModelUnavailable(f"{self._endpoint} sent more than {_LARGEST_REPLY} bytes")
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL) as error:
            raise ModelRefused(f"{self._endpoint} cannot be asked ({error}): check MILLWRIGHT_MODEL_URL") from error
        except httpx.RequestError as error:
            reason = str(error) or type(error).__name__
            raise ModelUnavailable(f"{self._endpoint} gave no complete reply: {reason}") from error
        return reply.status_code, bytes(received)

    def _failure(self, status: int, body: bytes) -> ModelError:
        said = server_reason(body, hidden=self._key)
        if status < 300 or status >= 500 or status in _PASSING:
            return ModelUnavailable(f"{self._endpoint} answered {status}: {said}")
        if status < 400:
            return ModelRefused(
                f"{self._endpoint} answered {status}, a redirect: set MILLWRIGHT_MODEL_URL to where the model is"
            )
        remedy = _REMEDIES.get(status, _ANY_REMEDY)
        return ModelRefused(f"{self._endpoint} refused model {self._name!r} with {status}: {said}; {remedy}")


def _is_about_schema(body: bytes) -> bool:
    said = server_reason(body).lower()
    return any(word in said for word in ("response_format", "json_schema", "schema"))
