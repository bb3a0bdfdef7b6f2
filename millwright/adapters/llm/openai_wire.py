"""The chat completions format: a request's JSON body, and the strict reading of what comes back.

It opens no connection and knows no provider. A reply that lacks a part is no answer; nothing in it is guessed.
"""

import json
from collections.abc import Mapping

from millwright.errors import ModelUnavailable
from schemas.models import Choice, FinishReason, ModelAnswer, ModelRequest, Usage

PATH = "/chat/completions"
"""What is appended to a base URL that ends in ``/v1``."""

_BYTES_PER_TOKEN = 4
_LONGEST_REASON = 500


def request_body(request: ModelRequest, model: str, *, with_schema: bool = True) -> bytes:
    """Write the JSON body of a call; ``with_schema`` False leaves the answer's schema out."""
    body: dict[str, object] = {
        "model": model,
        "messages": [{"role": message.role.value, "content": message.content} for message in request.prompt.messages],
        "temperature": request.temperature,
        "seed": request.seed,
        "max_tokens": request.max_tokens,
        "n": 1,
    }
    if with_schema and request.json_schema is not None:
        schema = {"name": request.prompt.archetype.value, "schema": request.json_schema}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return json.dumps(body).encode("ascii")


def read_answer(body: bytes, request: ModelRequest, endpoint: str, latency_seconds: float) -> ModelAnswer:
    """Read the body of a successful reply. Tokens are estimated from bytes where the endpoint does not say.

    Raises:
        ModelUnavailable: a part is missing or is not what the format says; the message names it.
    """
    reply = _object(_parsed(body, endpoint), "the reply", endpoint)
    choices = reply.get("choices")
    if not isinstance(choices, list) or len(choices) != 1:
        raise _garbled("`choices` is not a list of one", endpoint)
    choice = _object(choices[0], "`choices[0]`", endpoint)
    message = _object(choice.get("message"), "`message`", endpoint)
    text, declined = message.get("content"), message.get("refusal")
    if text is None and isinstance(declined, str):
        text = declined
    model, reason = reply.get("model"), choice.get("finish_reason")
    if not isinstance(text, str):
        raise _garbled("`content` is not text", endpoint)
    if not isinstance(reason, str):
        raise _garbled("`finish_reason` is missing", endpoint)
    if not isinstance(model, str):
        raise _garbled("`model` is missing", endpoint)
    return ModelAnswer(
        choices=(Choice(text=text, finish_reason=_finish_reason(reason)),),
        usage=_usage(reply.get("usage"), request, text, endpoint),
        model=model,
        endpoint=endpoint,
        latency_seconds=latency_seconds,
    )


def server_reason(body: bytes, *, hidden: str = "") -> str:
    """Return what a server says about an error, on one line and shortened; ``hidden`` is masked wherever it stands."""
    text = body.decode("utf-8", "replace")
    try:
        reply: object = json.loads(text)
    except (ValueError, RecursionError):
        reply = None
    found = _message(reply) or text
    line = " ".join((found.replace(hidden, "***") if hidden else found).split())
    return line if len(line) <= _LONGEST_REASON else line[: _LONGEST_REASON - 1] + "…"


def _message(reply: object) -> str:
    """Find the message in an error's body: OpenAI's ``error.message``, or the plainer forms of other servers."""
    if not isinstance(reply, dict):
        return ""
    error: object = reply.get("error", reply)
    found = [error.get(key) for key in ("message", "detail", "error")] if isinstance(error, dict) else [error]
    return next((text for text in found if isinstance(text, str)), "")


def _parsed(body: bytes, endpoint: str) -> object:
    try:
        parsed: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _garbled("it is not JSON", endpoint) from error
    return parsed


def _object(value: object, what: str, endpoint: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _garbled(f"{what} is not an object", endpoint)
    return value


def _finish_reason(reason: str) -> FinishReason:
    try:
        return FinishReason(reason)
    except ValueError:
        return FinishReason.OTHER


def _usage(value: object, request: ModelRequest, text: str, endpoint: str) -> Usage:
    if value is None:
        prompt = "".join(message.content for message in request.prompt.messages)
        return Usage(prompt_tokens=_estimate(prompt), completion_tokens=_estimate(text))
    fields = _object(value, "`usage`", endpoint)
    counts = [fields.get(name, 0) for name in ("prompt_tokens", "completion_tokens")]
    prompt_tokens, completion_tokens = (_count(count, endpoint) for count in counts)
    return Usage(prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)


def _count(value: object, endpoint: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _garbled("`usage` does not count tokens", endpoint)
    return value


def _estimate(text: str) -> int:
    return -(-len(text.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN)


def _garbled(what: str, endpoint: str) -> ModelUnavailable:
    return ModelUnavailable(f"{endpoint} sent a reply that is garbled: {what}")
