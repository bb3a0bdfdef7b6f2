"""Asks an endpoint for each thing that Millwright makes use of, to see what it can do.

It judges no answer's worth, changes no setting, and draws a few dozen tokens a question.
"""

import json
from collections.abc import Awaitable, Callable

from millwright.adapters.llm.failures import FIELD_WORDS
from millwright.adapters.llm.openai_compatible import OpenAICompatibleModels
from millwright.errors import FieldRefused, ModelError
from schemas.capabilities import Capability
from schemas.identity import Archetype
from schemas.models import Message, ModelAnswer, ModelRequest, Prompt, Role

PROBE = Prompt(
    archetype=Archetype.CODER,
    version="probe-1",
    messages=(
        Message(role=Role.SYSTEM, content="You answer briefly."),
        Message(role=Role.USER, content="Write the numbers from one to twenty as words, one on each line."),
    ),
)
"""What is asked by default: nothing in it speaks of JSON, so that only a schema can bring some."""

SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"ready": {"type": "boolean"}},
    "required": ["ready"],
    "additionalProperties": False,
}

_MAX_TOKENS = 64
_STOP_TOKENS = 24
"""More than an answer that stopped at the end of its first line has used, and fewer than one that did not."""

Ask = Callable[..., Awaitable[ModelAnswer]]


async def probe(
    models: OpenAICompatibleModels, endpoint: str, model: str, *, prompt: Prompt = PROBE, timeout_seconds: float = 60.0
) -> tuple[Capability, ...]:
    """Ask one endpoint for one model, at most a dozen times, and say what it can do.

    Where it does not even complete, nothing else is tried. ``timeout_seconds`` bounds each question. Fields that the
    endpoint refuses are remembered by ``models``, as in any call.
    """

    async def ask(**changes: object) -> ModelAnswer:
        asked = ModelRequest.model_validate(
            {
                "prompt": prompt,
                "endpoint": endpoint,
                "model": model,
                "temperature": 1.0,
                "seed": 1,
                "max_tokens": _MAX_TOKENS,
                "timeout_seconds": timeout_seconds,
                **changes,
            }
        )
        for _ in FIELD_WORDS:
            try:
                return await models.complete(asked)
            except FieldRefused:
                continue  # remembered: the next one goes without
        return await models.complete(asked)

    try:
        answer = await ask(temperature=0.0)
    except ModelError as error:
        return (Capability(name="completion", ok=False, detail=str(error)),)
    found = [Capability(name="completion", ok=True, detail=f"{answer.model} answers")]
    for name, field, question in _QUESTIONS:
        try:
            lack = await question(ask)
        except ModelError as error:
            lack = str(error)
        if field in models.refused_fields(endpoint):
            lack = f"the endpoint refuses `{field}`: {_WITHOUT[field]}"
        found.append(Capability(name=name, ok=not lack, detail=lack or _SEEN.get(name, "works")))
    return tuple(found)


async def _schema(ask: Ask) -> str:
    text = (await ask(json_schema=SCHEMA)).choices[0].text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    fits = isinstance(value, dict) and set(value) == {"ready"} and isinstance(value["ready"], bool)
    return "" if fits else f"the answer does not fit the schema that was sent: {_WITHOUT['response_format']}"


async def _choices(ask: Ask) -> str:
    count = len((await ask(choices=2)).choices)
    return "" if count == 2 else f"asked for 2 answers at once it gave {count}: {_WITHOUT['n']}"


async def _seed(ask: Ask) -> str:
    texts = {(await ask(seed=7)).choices[0].text for _ in range(2)}
    return "" if len(texts) == 1 else f"the same seed gave two different answers: {_WITHOUT['seed']}"


async def _stop(ask: Ask) -> str:
    used = (await ask(stop=("\n",), temperature=0.0)).usage.completion_tokens
    return "" if used <= _STOP_TOKENS else f"it went on after the text to stop at, to {used} tokens: {_WITHOUT['stop']}"


async def _priority(ask: Ask) -> str:
    await ask(priority=1)
    return ""


_QUESTIONS: tuple[tuple[str, str, Callable[[Ask], Awaitable[str]]], ...] = (
    ("schema", "response_format", _schema),
    ("choices", "n", _choices),
    ("seed", "seed", _seed),
    ("stop", "stop", _stop),
    ("priority", "priority", _priority),
)
"""Each capability beyond completion: its name, the request's field, and a question that returns what was lacking."""

_SEEN = {"priority": "accepted; whether it is heeded shows only under load"}
_WITHOUT = {
    "response_format": "answers are only read, and one that is not of the wanted form is a red flag",
    "n": "each answer is a request of its own",
    "seed": "a build that is repeated draws other answers, where it does not have them stored",
    "stop": "answers are cut where they should have ended, and the rest of them is paid for",
    "priority": "its requests wait in order of arrival (vLLM: --scheduling-policy priority)",
}
