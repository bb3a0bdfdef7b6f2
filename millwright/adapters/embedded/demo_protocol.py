"""What the demo model says to a chat completions request, as a pure function of its answers and the request's body.

It opens no socket and reads no file.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from millwright.adapters.embedded.demo_sampling import (
    DEMO_MODEL_LABEL,
    Completion,
    CompletionBook,
    addressee,
    cut,
    tokens_in,
)

_MOST_CHOICES = 128


class Refusal(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: HTTPStatus, message: str, code: str) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


@dataclass(frozen=True)
class _Call:
    """What the server reads of a request for completions."""

    messages: tuple[tuple[str, str], ...]
    temperature: float
    seed: int
    max_tokens: int | None
    choices: int


def answer(book: CompletionBook, body: bytes) -> dict[str, object]:
    """Answer the body of a chat completions request with the body of the response."""
    call = _read_call(body)
    archetype, task = addressee(call.messages)
    prompt = "\n".join(content for _, content in call.messages)
    drawn: list[Completion] = []
    for index in range(call.choices):
        found = book.draw(
            archetype or "", task or "", seed=call.seed, temperature=call.temperature, index=index, prompt=prompt
        )
        if found is None:
            raise _unknown(archetype, task)
        drawn.append(cut(found, call.max_tokens))
    prompt_tokens = sum(tokens_in(content) for _, content in call.messages)
    completion_tokens = sum(tokens_in(completion.text) for completion in drawn)
    return {
        "id": f"chatcmpl-demo-{call.seed}",
        "object": "chat.completion",
        "created": 0,
        "model": DEMO_MODEL_LABEL,
        "choices": [
            {
                "index": index,
                "message": {"role": "assistant", "content": completion.text},
                "finish_reason": completion.finish_reason.value,
            }
            for index, completion in enumerate(drawn)
        ],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
    }


def _unknown(archetype: str | None, task: str | None) -> Refusal:
    asked = f"the {archetype or 'unnamed role'}'s task {task!r}" if task else "a prompt without a task line"
    message = (
        "This is Millwright's scripted demo model, not a language model: it only answers its bundled examples and "
        f"knows nothing of {asked}. To build anything else, point MILLWRIGHT_MODEL_URL and MILLWRIGHT_MODEL_NAME at a "
        "real model behind an OpenAI-compatible endpoint."
    )
    return Refusal(HTTPStatus.NOT_FOUND, message, "unknown_task")


def _read_call(body: bytes) -> _Call:
    try:
        data: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _bad("the body is not JSON") from error
    if not isinstance(data, dict):
        raise _bad("the body is not a JSON object")
    if data.get("stream"):
        raise _bad("the demo model does not stream; leave `stream` out")
    limit = data.get("max_completion_tokens", data.get("max_tokens"))
    return _Call(
        messages=_messages(data.get("messages")),
        temperature=_number(data, "temperature", 1.0, 0, 2),
        seed=int(_whole(data, "seed", 0, 0, 2**63 - 1)),
        max_tokens=None if limit is None else _whole({"max_tokens": limit}, "max_tokens", 1, 1, 2**31),
        choices=_whole(data, "n", 1, 1, _MOST_CHOICES),
    )


def _messages(data: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(data, list) or not data:
        raise _bad("`messages` must be a list of at least one message")
    found: list[tuple[str, str]] = []
    for message in data:
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise _bad("every message needs a `role` and a `content`")
        found.append((message["role"], _content(message.get("content"))))
    return tuple(found)


def _content(data: object) -> str:
    """Return a message's text, given as a string or as a list of text parts."""
    if isinstance(data, str):
        return data
    if isinstance(data, list) and all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in data):
        return "".join(part["text"] for part in data)
    raise _bad("a message's `content` must be text")


def _whole(data: Mapping[str, object], name: str, default: int, least: int, most: int) -> int:
    value = data.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise _bad(f"`{name}` must be a whole number from {least} to {most}")
    return value


def _number(data: Mapping[str, object], name: str, default: float, least: float, most: float) -> float:
    value = data.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise _bad(f"`{name}` must be a number from {least} to {most}")
    return float(value)


def _bad(message: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, message, "invalid_request")
