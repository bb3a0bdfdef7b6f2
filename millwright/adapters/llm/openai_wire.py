"""The chat completions format: a request's JSON body, and the strict reading of what comes back.

It opens no connection and knows no provider. A reply that lacks a part is no answer; nothing in it is guessed.
"""

import json
from collections.abc import Collection, Mapping, Sequence

from millwright.errors import ReplyBroken
from schemas.models import Choice, FinishReason, ModelAnswer, ModelRequest, Usage
from schemas.shortening import shortened

PATH = "/chat/completions"
"""What is appended to a base URL that ends in ``/v1``."""

_BYTES_PER_TOKEN = 4
_LONGEST_REASON = 500


def request_body(request: ModelRequest, without: Collection[str] = ()) -> dict[str, object]:
    """Make the JSON body of a call, ``without`` the fields that its endpoint is known to refuse.

    ``n`` is left out at temperature 0: the choices would be alike, and vLLM refuses it there.
    """
    body: dict[str, object] = {
        "model": request.model,
        "messages": [{"role": message.role.value, "content": message.content} for message in request.prompt.messages],
        "temperature": request.temperature,
        "seed": request.seed,
        "max_tokens": request.max_tokens,
    }
    if request.choices > 1 and request.temperature > 0:
        body["n"] = request.choices
    if request.stop:
        body["stop"] = list(request.stop)
    if request.priority is not None:
        body["priority"] = request.priority
    if request.json_schema is not None:
        schema = {"name": request.prompt.archetype.value, "schema": request.json_schema}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return {name: value for name, value in body.items() if name not in without}


def read_answer(body: bytes, request: ModelRequest, endpoint: str, latency_seconds: float) -> ModelAnswer:
    """Read the body of a successful reply. Tokens are estimated from bytes where the endpoint does not say.

    There may be fewer choices than were asked for, in any order. Each ends before the first text of ``request.stop``,
    also where the endpoint knows nothing of that.

    Raises:
        ReplyBroken: a part is missing or is not what the format says; the message names it.
    """
    reply = _object(_parsed(body, endpoint), "the reply", endpoint)
    found = reply.get("choices")
    if not isinstance(found, list) or not 1 <= len(found) <= request.choices:
        raise _garbled(f"`choices` is not a list of 1 to {request.choices}", endpoint)
    choices = [_choice(choice, place, endpoint) for place, choice in enumerate(_in_order(found, endpoint))]
    model = reply.get("model")
    if not isinstance(model, str):
        raise _garbled("`model` is missing", endpoint)
    return ModelAnswer(
        choices=tuple(_stopped(choice, request.stop) for choice in choices),
        usage=_usage(reply.get("usage"), request, choices, endpoint),
        model=model,
        endpoint=endpoint,
        latency_seconds=latency_seconds,
    )


def _in_order(choices: Sequence[object], endpoint: str) -> list[Mapping[str, object]]:
    """Sort choices by their ``index``; where none has one, they stand in order already."""
    objects = [_object(choice, "a choice", endpoint) for choice in choices]
    places = [choice.get("index") for choice in objects]
    if all(place is None for place in places):
        return objects
    numbered = {place: choice for place, choice in zip(places, objects, strict=True) if type(place) is int}
    if len(numbered) < len(objects):
        raise _garbled("`index` does not number the choices", endpoint)
    return [numbered[place] for place in sorted(numbered)]


def _choice(choice: Mapping[str, object], place: int, endpoint: str) -> Choice:
    message = _object(choice.get("message"), f"`choices[{place}].message`", endpoint)
    text, declined, reason = message.get("content"), message.get("refusal"), choice.get("finish_reason")
    if text is None and isinstance(declined, str):
        text = declined
    if text is None and reason == FinishReason.LENGTH:
        text = ""  # a model that reasons apart can reach its limit before its answer begins
    if not isinstance(text, str):
        raise _garbled(f"`choices[{place}].message.content` is not text", endpoint)
    if not isinstance(reason, str):
        raise _garbled(f"`choices[{place}].finish_reason` is missing", endpoint)
    return Choice(text=text, finish_reason=_finish_reason(reason))


def _stopped(choice: Choice, stops: Sequence[str]) -> Choice:
    ends = [end for end in (choice.text.find(stop) for stop in stops if stop) if end >= 0]
    return Choice(text=choice.text[: min(ends)], finish_reason=FinishReason.STOP) if ends else choice


def server_reason(body: bytes, *, hidden: str = "") -> str:
    """Return what a server says about an error, on one line and shortened; ``hidden`` is masked wherever it stands."""
    text = body.decode("utf-8", "replace")
    found = _message(_json_in(text)) or text
    return shortened(" ".join((found.replace(hidden, "***") if hidden else found).split()), _LONGEST_REASON)


def named_field(body: bytes) -> str:
    """Return the field that an error names as its ``param``, as OpenAI's endpoints and vLLM do; empty without one."""
    reply = _json_in(body)
    error = reply.get("error", reply) if isinstance(reply, dict) else None
    name = error.get("param") if isinstance(error, dict) else None
    return name if isinstance(name, str) else ""


def _json_in(body: str | bytes) -> object:
    """Read a body that may be JSON; None where it is none."""
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found


def _message(reply: object) -> str:
    """Find the message in an error's body: OpenAI's ``error.message``, or the plainer forms of other servers."""
    if not isinstance(reply, dict):
        return ""
    error: object = reply.get("error", reply)
    if not isinstance(error, dict):
        return error if isinstance(error, str) else ""
    if isinstance(error.get("detail"), list):
        return "; ".join(_complaint(one) for one in error["detail"])
    return next((error[key] for key in ("message", "detail", "error") if isinstance(error.get(key), str)), "")


def _complaint(one: object) -> str:
    """Write one entry of FastAPI's ``detail`` down without the input that it quotes: ``body.n: Extra inputs …``."""
    if not isinstance(one, dict):
        return str(one)
    place = one.get("loc")
    where = ".".join(map(str, place)) if isinstance(place, list) else ""
    return f"{where}: {one.get('msg', 'not accepted')}"


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


def _usage(value: object, request: ModelRequest, choices: Sequence[Choice], endpoint: str) -> Usage:
    """Read what all choices used together."""
    if value is None:
        prompt = "".join(message.content for message in request.prompt.messages)
        return Usage(
            prompt_tokens=_estimate(prompt), completion_tokens=sum(_estimate(choice.text) for choice in choices)
        )
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


def _garbled(what: str, endpoint: str) -> ReplyBroken:
    return ReplyBroken(f"{endpoint} sent a reply that is garbled: {what}")
