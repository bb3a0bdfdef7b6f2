"""Keeps the connections to endpoints: each idle one can be found at once, however many there are.

It knows nothing of what is asked, and opens no connection before a request needs one.
"""

import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.request import getproxies, proxy_bypass

import httpx

KEEP_ALIVE_SECONDS = 1.5
"""How long an idle connection is used again.

Shorter than any server's own limit that we know (gunicorn 2 s; uvicorn, thus vLLM, and llama.cpp 5 s): a request that
is written into a connection which its server is just closing would be counted by us and never be seen by the server.
"""

_Origin = tuple[str, str, int | None]


@dataclass
class _Lane:
    """A transport with at most one connection, and when it was last used (monotonic seconds)."""

    transport: httpx.AsyncHTTPTransport
    used_at: float = 0.0


class Connections(httpx.AsyncBaseTransport):
    """Transports requests over HTTP/1.1, each connection in a pool of its own.

    One pool for all would look through all its connections at the beginning and at the end of every request, and again
    for each idle one (httpcore 1.0): with a thousand calls in flight that would be nearly all of the work.
    Proxies of the environment are used as it says, but never towards this machine.
    """

    def __init__(self, keep_alive_seconds: float = KEEP_ALIVE_SECONDS) -> None:
        """Make an empty set of connections; the environment's proxies are read now."""
        self._keep_alive_seconds = keep_alive_seconds
        self._limits = httpx.Limits(
            max_connections=None, max_keepalive_connections=1, keepalive_expiry=keep_alive_seconds
        )
        self._tls = httpx.create_ssl_context()
        self._proxies = getproxies()
        self._idle: dict[_Origin, deque[_Lane]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request over the idle connection that was used last, or a new one; see ``httpx``."""
        origin = (request.url.scheme, request.url.host, request.url.port)
        idle = self._idle.setdefault(origin, deque())
        await self._close_old(idle)
        lane = idle.pop() if idle else self._lane(request.url)
        try:
            response = await lane.transport.handle_async_request(request)
        except BaseException:
            await lane.transport.aclose()
            raise
        stream = response.stream
        if not isinstance(stream, httpx.AsyncByteStream):
            raise TypeError("an asynchronous transport answers with an asynchronous stream")

        async def done(whole: bool) -> None:
            if whole:
                lane.used_at = time.monotonic()
                idle.append(lane)
            else:
                await lane.transport.aclose()

        return httpx.Response(
            response.status_code, headers=response.headers, stream=_Body(stream, done), extensions=response.extensions
        )

    async def aclose(self) -> None:
        """Close all idle connections; those in use are closed when their answer ends."""
        for idle in self._idle.values():
            while idle:
                await idle.pop().transport.aclose()

    def _lane(self, url: httpx.URL) -> _Lane:
        return _Lane(
            httpx.AsyncHTTPTransport(
                verify=self._tls, trust_env=False, limits=self._limits, proxy=self._proxy_towards(url)
            )
        )

    def _proxy_towards(self, url: httpx.URL) -> str | None:
        proxy = self._proxies.get(url.scheme) or self._proxies.get("all")
        if proxy is None or _is_this_machine(url.host) or proxy_bypass(url.host, self._proxies):
            return None
        return proxy if "://" in proxy else f"http://{proxy}"

    async def _close_old(self, idle: deque[_Lane]) -> None:
        """Close what will not be used again, the oldest first."""
        oldest = time.monotonic() - self._keep_alive_seconds
        while idle and idle[0].used_at < oldest:
            await idle.popleft().transport.aclose()


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Body(httpx.AsyncByteStream):
    """A response's body; once closed it tells whether it was read to its end."""

    def __init__(self, stream: httpx.AsyncByteStream, done: Callable[[bool], Awaitable[None]]) -> None:
        self._stream, self._done = stream, done
        self._whole = self._closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part
        self._whole = True

    async def aclose(self) -> None:
        """Close the body, once."""
        if self._closed:
            return
        self._closed = True
        try:
            await self._stream.aclose()
        finally:
            await self._done(self._whole)
