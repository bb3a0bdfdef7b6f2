"""Says what it means when an endpoint gives no answer: from a status and its body, or from a lost connection.

It sends nothing, waits for nothing, and decides nothing about another attempt.
"""

import math
import re
import socket
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from millwright.adapters.llm.openai_wire import named_field, server_reason
from millwright.errors import (
    EndpointLost,
    FieldRefused,
    ModelError,
    ModelOverloaded,
    ModelRefused,
    ReplyBroken,
)

LONGEST_WAIT_SECONDS = 3600.0
"""The longest pause that an endpoint may ask for; a longer one is cut to this."""

FIELD_WORDS: Mapping[str, re.Pattern[str]] = {
    "response_format": re.compile(r"response_format|schema", re.IGNORECASE),
    "priority": re.compile(r"\bpriority\b", re.IGNORECASE),
    "n": re.compile(r"(?<![\w\\/-])n(?![\w/.'-]*\w)|completion choice", re.IGNORECASE),
    "seed": re.compile(r"\bseed\b", re.IGNORECASE),
    "stop": re.compile(r"\bstop\b", re.IGNORECASE),
}
"""The fields that an answer can do without, and the words by which a refusal speaks of them."""

# 409: with an idempotency key, an earlier attempt at the same call is still at work
# (draft-ietf-httpapi-idempotency-key-header, section 2.6).
_OVERLOADED = frozenset({408, 409, 425, 429, 503})
_ABOUT_FIELDS = frozenset({400, 422})
_DEAD = re.compile(r"EngineDead|EngineCore|CUDA out of memory|CUDA error|\bNCCL", re.IGNORECASE)
_REMEDIES = {
    401: "set MILLWRIGHT_MODEL_KEY, or the variable that its preset names, to a key that it accepts",
    403: "set MILLWRIGHT_MODEL_KEY, or the variable that its preset names, to a key that may use this model",
    404: "check MILLWRIGHT_MODEL_URL and MILLWRIGHT_MODEL_NAME, or its preset",
}
_ANY_REMEDY = "check that MILLWRIGHT_MODEL_NAME is a chat model and that the request fits its limits"

_GONE = "Server disconnected without sending a response."
"""What httpcore says of a connection that was closed before an answer began; anything else that breaks the protocol is
an answer of a kind. A test holds it against the installed version."""


def failure_of_status(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    endpoint: str,
    model: str,
    hidden: str,
    carried: Collection[str],
) -> ModelError:
    """Say what an answer other than 200 means.

    ``carried`` are the fields of ``FIELD_WORDS`` that the request had; ``hidden`` is masked in what the server says.
    """
    said = server_reason(body, hidden=hidden)
    answered = f"{endpoint} answered {status}: {said}"
    if status >= 500 and _DEAD.search(body.decode("utf-8", "replace")):
        return EndpointLost(f"{answered}; its engine is dead: start it again", dead=True, answered=True)
    if status in _OVERLOADED:
        return ModelOverloaded(answered, retry_after=retry_after(headers))
    if status >= 500:
        return EndpointLost(answered, answered=True)
    if status < 300:
        return ReplyBroken(f"{answered}; an answer comes with 200")
    if status < 400:
        return ModelRefused(f"{endpoint} answered {status}, a redirect: set MILLWRIGHT_MODEL_URL to where the model is")
    fields = _fields_spoken_of(body, said, carried) if status in _ABOUT_FIELDS else ()
    if fields:
        return FieldRefused(f"{endpoint} does not take {' and '.join(fields)} ({said}): it is asked without", fields)
    remedy = _REMEDIES.get(status, _ANY_REMEDY)
    return ModelRefused(f"{endpoint} refused model {model!r} with {status}: {said}; {remedy}")


def failure_of_connection(error: httpx.RequestError, *, endpoint: str, sent: bool, answering: bool) -> ModelError:
    """Say what it means that a connection failed; ``answering``: the head of an answer had come."""
    reason = str(error) or type(error).__name__
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return ModelRefused(f"{endpoint} cannot be asked ({reason}): check MILLWRIGHT_MODEL_URL", sent=sent)
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        causes = tuple(_causes(error))
        refused = any(isinstance(cause, ConnectionRefusedError) for cause in causes)
        unknown = any(isinstance(cause, socket.gaierror) for cause in causes)
        what = "nobody listens" if refused else "no such host is known" if unknown else reason
        return EndpointLost(f"{endpoint} is not reachable: {what}", sent=False, dead=refused)
    if answering or (isinstance(error, httpx.RemoteProtocolError) and reason != _GONE):
        return ReplyBroken(f"{endpoint} gave no complete reply: {reason}", sent=sent)
    return EndpointLost(f"{endpoint} gave no complete reply: {reason}", sent=sent)


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Read how many seconds an endpoint asks to wait, in [0, ``LONGEST_WAIT_SECONDS``]; None where it does not say.

    ``retry-after-ms`` (milliseconds, as OpenAI's endpoints send it) goes before ``retry-after``, which is in seconds or
    an HTTP date (RFC 9110, section 10.2.3). A date counts from the answer's own ``date`` where it has one, since
    clocks differ, else from ``now``.
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return _bounded(milliseconds / 1000)
    text = headers.get("retry-after", "")
    seconds = _number(text)
    if seconds is not None:
        return _bounded(seconds)
    until, since = _date(text), _date(headers.get("date", ""))
    if until is None:
        return None
    return _bounded((until - (since or now or datetime.now(UTC))).total_seconds())


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_WAIT_SECONDS)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _fields_spoken_of(body: bytes, said: str, carried: Collection[str]) -> tuple[str, ...]:
    """Find which of the carried fields a refusal is about: the one it names as such, else those in its message."""
    named = named_field(body)
    text = named or said.partition("'input'")[0]  # pydantic's messages quote the whole request from there on
    return tuple(field for field, words in FIELD_WORDS.items() if field in carried and words.search(text))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk what led to an error, groups of attempts included."""
    yield error
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _causes(one)
    before = error.__cause__ or error.__context__
    if before is not None:
        yield from _causes(before)
