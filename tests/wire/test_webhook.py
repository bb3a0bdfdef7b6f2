"""What a webhook sends and makes of what it is answered, against real servers of the loopback."""

import asyncio
import base64
import hashlib
import hmac
import logging
import re
import time
from pathlib import Path

import pytest

from millwright.adapters.notification.webhook import MOST_READ, WebhookNotifier
from millwright.errors import BadInput, MillwrightError, NotifierRefused, NotifierUnavailable
from millwright.settings import Settings, Webhook
from schemas.people import Notice
from tests.notices import notice
from tests.wire.endpoint import Endpoint, Reply, accepting, http, listening, reset, unused_url

SECRET = "whsec_" + base64.b64encode(b"a key of twenty-four byt").decode()
HIDDEN = ("hush", "T0KEN", "k3y", "a key of")
TOLD = http(200, b"ok")


def webhook(base: str, secret: str = SECRET) -> Webhook:
    """Read a webhook as a worker does, its address full of what must not be shown."""
    host = base.removeprefix("http://")
    url = f"http://ada:hush@{host}/T0KEN?k3y=hush"
    found = Settings.read({"MILLWRIGHT_NOTIFY_URL": url, "MILLWRIGHT_NOTIFY_SECRET": secret}).webhook
    assert found is not None
    return found


def headers_of(endpoint: Endpoint, number: int = -1) -> dict[str, str]:
    """Return the headers of a request that arrived, by lower-case name."""
    lines = endpoint.heads[number].strip().splitlines()[1:]
    return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}


def is_genuine(key: bytes, headers: dict[str, str], body: bytes) -> bool:
    """Check a signature independently of what made it."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return hmac.compare_digest(expected, headers["webhook-signature"])


async def failure(*replies: Reply, seconds: float = 10.0) -> MillwrightError:
    """Return how telling a receiver ends that replies so; nothing of the address but its host is in it."""
    async with listening(*replies) as endpoint:
        return await failure_at(endpoint.url, seconds=seconds)


async def failure_at(base: str, *, seconds: float = 10.0) -> MillwrightError:
    """Return how telling somebody at an address fails."""
    with pytest.raises(MillwrightError) as caught:
        await WebhookNotifier(webhook(base), timeout_seconds=seconds).notify(notice())
    said = str(caught.value)
    assert base.removesuffix("/v1") in said
    assert "\n" not in said
    assert not any(word in said for word in HIDDEN)
    return caught.value


@pytest.mark.parametrize(("secret", "key"), [(SECRET, b"a key of twenty-four byt"), ("grün", "grün".encode())])
async def test_a_notice_is_posted_and_signed(secret: str, key: bytes) -> None:
    """Whoever has the secret can tell that it is genuine and new; another body, time or key does not fit."""
    async with listening(TOLD) as endpoint:
        before = int(time.time())
        await WebhookNotifier(webhook(endpoint.url, secret)).notify(notice())
    headers, body = headers_of(endpoint), endpoint.contents[0]
    assert endpoint.heads[0].startswith("POST /v1/T0KEN?k3y=hush HTTP/1.1")
    assert headers["content-type"] == "application/json"
    assert headers["authorization"] == "Basic " + base64.b64encode(b"ada:hush").decode()
    assert before <= int(headers["webhook-timestamp"]) <= time.time()
    assert is_genuine(key, headers, body)
    assert not is_genuine(key, headers, body.replace(b"opened", b"closed"))
    assert not is_genuine(key, {**headers, "webhook-timestamp": str(before - 1)}, body)
    assert not is_genuine(b"another", headers, body)
    assert Notice.model_validate({name: value for name, value in endpoint.bodies[0].items() if name != "text"}) == (
        notice()
    )
    assert "millwright answer sums/root.quadruple/1 A" in endpoint.bodies[0]["text"]


async def test_the_documented_check_takes_what_is_genuine_and_nothing_else() -> None:
    """The lines of docs/operations.md, as they stand there, for both forms of a secret."""
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"```python\n(key = .*?)```", page, re.DOTALL)

    def checked(secret: str, headers: dict[str, str], body: bytes) -> tuple[bool, bool]:
        names = {"base64": base64, "hashlib": hashlib, "hmac": hmac, "time": time}
        found: dict[str, object] = {**names, "secret": secret, "headers": headers, "body": body}
        exec(lines, found)
        return bool(found["genuine"]), bool(found["fresh"])

    for secret in (SECRET, "any text"):
        async with listening(TOLD) as endpoint:
            await WebhookNotifier(webhook(endpoint.url, secret)).notify(notice())
        headers, body = headers_of(endpoint), endpoint.contents[0]
        assert checked(secret, headers, body) == (True, True)
        assert checked(secret + "BBBB", headers, body)[0] is False
        assert checked(secret, headers, body + b" ")[0] is False
        assert checked(secret, {**headers, "webhook-timestamp": "1700000000"}, body) == (False, False)


async def test_an_attempt_that_is_made_again_has_the_same_id_and_a_new_time() -> None:
    """A receiver knows by the id what it was told before; the id has no full stop, which takes signatures apart."""
    moments = iter((1_700_000_000.9, 1_700_000_060.0))
    async with listening(http(503, b"later"), TOLD) as endpoint:
        notifier = WebhookNotifier(webhook(endpoint.url), clock=lambda: next(moments))
        with pytest.raises(NotifierUnavailable):
            await notifier.notify(notice())
        await notifier.notify(notice())
    first, second = headers_of(endpoint, 0), headers_of(endpoint, 1)
    assert first["webhook-id"] == second["webhook-id"] == "sums/root%2Equadruple/1/0a1b2c3d/1"
    assert [first["webhook-timestamp"], second["webhook-timestamp"]] == ["1700000000", "1700000060"]
    assert first["webhook-signature"] != second["webhook-signature"]
    assert endpoint.contents[0] == endpoint.contents[1]


async def test_any_id_can_be_carried_by_a_header() -> None:
    """Whatever characters an id is made of, it stays one line and another id than any other."""
    async with listening(TOLD) as endpoint:
        for identity in ("a\r\nb", "ü \ud800", "a.b", "a%2Eb"):
            given = notice().model_copy(update={"id": identity})
            await WebhookNotifier(webhook(endpoint.url)).notify(given)
    names = [headers_of(endpoint, number)["webhook-id"] for number in range(4)]
    assert names == ["a%0D%0Ab", "%C3%BC%20%ED%A0%80", "a%2Eb", "a%252Eb"]


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_any_good_status_has_told(status: int) -> None:
    """What else a receiver says is of no importance."""
    async with listening(http(status, b"", length=0)) as endpoint:
        await WebhookNotifier(webhook(endpoint.url)).notify(notice())
    assert len(endpoint.bodies) == 1


async def test_the_status_stands_whatever_comes_after_it() -> None:
    """An answer that is cut, or that never ends, has told all the same; no more of it is read than is bearable."""

    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(http(200, b"", length=10**9))
        while True:
            writer.write(b"x" * MOST_READ)
            await writer.drain()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(http(200, b"", length=10**9))
        await reader.read()

    async def cut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(http(200, b"o", length=2))
        await writer.drain()

    for conduct in (endless, silent, cut):
        async with listening(conduct) as endpoint:
            await WebhookNotifier(webhook(endpoint.url)).notify(notice())
        assert len(endpoint.bodies) == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_a_receiver_that_is_away_for_now_is_tried_again(status: int) -> None:
    """The message has the host and the status."""
    error = await failure(http(status, b"hush"))
    assert isinstance(error, NotifierUnavailable)
    assert str(error).endswith(f"answered {status}")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 422])
async def test_a_receiver_that_refuses_is_not_tried_again(status: int) -> None:
    """The message has the host, the status and what to look at."""
    error = await failure(http(status, b"hush"))
    assert isinstance(error, NotifierRefused)
    assert f"answered {status}: check MILLWRIGHT_NOTIFY_URL" in str(error)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(status: int) -> None:
    """What is signed for one receiver is never sent to another, and where a redirect leads is not repeated."""
    async with listening(TOLD) as elsewhere:
        error = await failure(http(status, b"", Location=f"{elsewhere.url}/hush"))
    assert isinstance(error, NotifierRefused)
    assert f"answered {status}, a redirect: set MILLWRIGHT_NOTIFY_URL to where it leads" in str(error)
    assert elsewhere.connections == 0


async def test_lost_connections_are_tried_again() -> None:
    """Nobody listens, the line breaks before or within the head, or what comes is no HTTP; none of it is quoted."""

    async def broken(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reset(writer)

    async def closed(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def half(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 hu")
        await writer.drain()

    for conduct in (broken, closed, half, b"hush T0KEN k3y\r\n\r\n"):
        error = await failure(conduct)
        assert isinstance(error, NotifierUnavailable)
        assert "was not reached, or lost: " in str(error)
    error = await failure_at(unused_url())
    assert isinstance(error, NotifierUnavailable)


async def test_a_receiver_that_never_answers_is_given_up_in_time() -> None:
    """The limit holds for the whole attempt, also for a head that comes drop by drop."""

    async def slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for character in b"HTTP/1.1 200 OK\r\n" * 10_000:
            writer.write(bytes([character]))
            await writer.drain()
            await asyncio.sleep(0.01)

    error = await failure(slow, seconds=0.3)
    assert isinstance(error, NotifierUnavailable)
    assert "did not answer in 0.3 s" in str(error)


async def test_a_receiver_that_takes_nothing_is_given_up_in_time() -> None:
    """A server that accepts and reads not a byte is as good as none."""
    done = asyncio.Event()

    async def deaf(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await done.wait()
        writer.close()

    async with accepting(deaf) as place:
        error = await failure_at(f"http://{place}/v1", seconds=0.2)
        done.set()
    assert isinstance(error, NotifierUnavailable)


async def test_nothing_secret_is_logged_or_shown(caplog: pytest.LogCaptureFixture) -> None:
    """Neither at INFO, where httpx's client would write the whole address, nor in what the notifier is shown as."""
    with caplog.at_level(logging.INFO):
        async with listening(http(404, b"no")) as endpoint:
            notifier = WebhookNotifier(webhook(endpoint.url))
            with pytest.raises(NotifierRefused):
                await notifier.notify(notice())
    shown = f"{caplog.text} {notifier!r} {webhook(endpoint.url)!r}"
    assert endpoint.url.removesuffix("/v1") in repr(notifier)
    assert not any(word in shown for word in HIDDEN)


async def test_proxies_are_asked_except_towards_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver outside is reached as the environment says."""
    async with listening(TOLD) as proxy, listening(TOLD) as here:
        monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/v1"))
        monkeypatch.setenv("no_proxy", "")
        await WebhookNotifier(webhook(here.url)).notify(notice())
        await WebhookNotifier(webhook("http://hooks.invalid/v1")).notify(notice())
    assert len(here.bodies) == len(proxy.bodies) == 1
    assert proxy.heads[0].startswith("POST http://hooks.invalid/v1/T0KEN?k3y=hush ")


def test_an_address_that_no_client_can_read_is_refused_at_the_start() -> None:
    """The worker does not start, and the address is not repeated."""
    with pytest.raises(BadInput, match="MILLWRIGHT_NOTIFY_URL is no URL") as refused:
        WebhookNotifier(Webhook(url="http://[hush]/T0KEN", key=b"k"))
    assert not any(word in str(refused.value) for word in ("T0KEN",))
