"""Tells people by a request to an address, signed by the convention of Standard Webhooks.

It tries once and follows no redirect; a later attempt is its caller's. Nothing of the address but its host is shown:
chats keep a secret in the path.
"""

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import quote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from millwright.adapters.notification.message import notice_json
from millwright.errors import BadInput, NotifierRefused, NotifierUnavailable
from millwright.settings import Webhook
from schemas.people import Notice

TIMEOUT_SECONDS = 10.0
"""How long one attempt may take, from the connection to the status that is answered."""

PATIENCE_SECONDS = 1.0
"""How long the rest of an answer is read after its status, which says all."""

MOST_READ = 64 * 1024
"""The most bytes of that rest."""

_LATER = frozenset({408, 425, 429})


class WebhookNotifier:
    """Posts the JSON of a notice. Every attempt has its own timestamp and signature, and the notice's id."""

    name = "webhook"

    def __init__(
        self, webhook: Webhook, *, timeout_seconds: float = TIMEOUT_SECONDS, clock: Callable[[], float] = time.time
    ) -> None:
        """Take an address and a key; nothing is connected.

        Raises:
            BadInput: the address cannot be used as such.
        """
        try:
            self._url = httpx.URL(webhook.url)
        except httpx.InvalidURL as error:
            raise BadInput(f"MILLWRIGHT_NOTIFY_URL is no URL ({error}): give one such as https://host/path") from None
        self._key, self._shown = webhook.key, webhook.shown
        self._timeout_seconds, self._clock = timeout_seconds, clock

    def __repr__(self) -> str:
        return f"WebhookNotifier({self._shown})"

    async def notify(self, notice: Notice) -> None:
        """Post a notice, see ``millwright.ports.Notifier``. One that was lost on the way back was told all the same."""
        body = notice_json(notice)
        request = httpx.Request("POST", self._url, headers=self._headers(notice.id, body), content=body)
        if self._url.userinfo:
            request = next(httpx.BasicAuth(self._url.username, self._url.password).auth_flow(request))
        status = await self._sent(request)
        if 200 <= status < 300:
            return
        if status in _LATER or status >= 500:
            raise NotifierUnavailable(f"{self._shown} answered {status}")
        if 300 <= status < 400:
            raise NotifierRefused(
                f"{self._shown} answered {status}, a redirect: set MILLWRIGHT_NOTIFY_URL to where it leads"
            )
        raise NotifierRefused(
            f"{self._shown} answered {status}: check MILLWRIGHT_NOTIFY_URL and MILLWRIGHT_NOTIFY_SECRET"
        )

    def _headers(self, identity: str, body: bytes) -> dict[str, str]:
        # The parts of what is signed are told apart by full stops, so the id, which has those of a path, may hold none.
        name = quote(identity, safe="/", errors="surrogatepass").replace(".", "%2E")
        moment = str(int(self._clock()))
        signed = b".".join((name.encode("ascii"), moment.encode("ascii"), body))
        signature = base64.b64encode(hmac.new(self._key, signed, hashlib.sha256).digest()).decode("ascii")
        return {
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "millwright",
            "webhook-id": name,
            "webhook-timestamp": moment,
            "webhook-signature": f"v1,{signature}",
        }

    async def _sent(self, request: httpx.Request) -> int:
        """Send a request and return the status that is answered.

        Past httpx's client on purpose: that one writes whole addresses into the log.
        """
        async with httpx.AsyncHTTPTransport(proxy=_proxy_towards(self._url)) as transport:
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    response = await transport.handle_async_request(request)
            except TimeoutError as error:
                raise NotifierUnavailable(f"{self._shown} did not answer in {self._timeout_seconds:g} s") from error
            except (httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
                raise NotifierRefused(f"{self._shown} cannot be asked: check MILLWRIGHT_NOTIFY_URL") from error
            except httpx.TransportError as error:
                # What breaks the protocol is quoted by its error, and may quote us.
                reason = str(error) if isinstance(error, httpx.NetworkError) else ""
                what = reason or type(error).__name__
                raise NotifierUnavailable(f"{self._shown} was not reached, or lost: {what}") from error
            await _drop(response)
        return response.status_code


async def _drop(response: httpx.Response) -> None:
    """Read what else a receiver says, so that it is not cut off; however that ends, the status stands."""
    read = 0
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for piece in response.aiter_raw():
                read += len(piece)
                if read > MOST_READ:
                    break
    except (TimeoutError, httpx.TransportError):
        return
    finally:
        await response.aclose()


def _proxy_towards(url: httpx.URL) -> str | None:
    """Return the proxy that the environment names for an address; none leads to this machine."""
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if proxy is None or _is_this_machine(url.host) or proxy_bypass(url.host, proxies):
        return None
    return proxy if urlsplit(proxy).scheme and "://" in proxy else f"http://{proxy}"


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
