"""Support for the tests of calls to models: endpoints that behave as told, a preset that names them, and a call.

It tests nothing itself.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from activities.calling import Call
from millwright.core.swarm import Agent
from millwright.errors import ModelError
from schemas.breakers import BreakerRule
from schemas.identity import Archetype, NodePath
from schemas.models import (
    Budget,
    CallKey,
    Choice,
    FinishReason,
    Message,
    ModelAnswer,
    ModelRequest,
    Prompt,
    Role,
    Usage,
)
from schemas.presets import ModelEntry, Preset, Prices, Route, Variant
from tests.unit.activity_fakes import PROJECT

A, B, C = "http://a/v1", "http://b/v1", "http://c/v1"
PROMPT = Prompt(archetype=Archetype.CODER, version="v", messages=(Message(role=Role.USER, content="Task: a"),))
NO_BUDGET = Budget()

Behaviour = Callable[[ModelRequest], ModelAnswer | ModelError]


def answer(request: ModelRequest, count: int | None = None) -> ModelAnswer:
    """Answer with as many texts as were asked for, or ``count``; each names its model, seed and number."""
    texts = [f"{request.model} {request.seed} {number}" for number in range(count or request.choices)]
    return ModelAnswer(
        choices=tuple(Choice(text=text, finish_reason=FinishReason.STOP) for text in texts),
        usage=Usage(prompt_tokens=10, completion_tokens=5 * len(texts)),
        model=request.model,
        endpoint=request.endpoint,
    )


@dataclass
class Endpoints:
    """Endpoints that behave as told, and remember every request."""

    behave: Behaviour = answer
    requests: list[ModelRequest] = field(default_factory=list)

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """Answer, or fail."""
        self.requests.append(request)
        await asyncio.sleep(0)
        found = self.behave(request)
        if isinstance(found, ModelError):
            raise found
        return found


def preset_at(*endpoints: str, fallback: bool = False, **changes: Any) -> Preset:
    """Make the preset of a big model at endpoints, and a small one elsewhere that may stand in for it."""
    big = ModelEntry(name="big", endpoints=endpoints or (A,), prices=Prices(prompt=1, completion=2), **changes)
    small = ModelEntry(name="small", endpoints=(C,), revision=changes.get("revision", ""))
    return Preset(
        name="test",
        models={"big": big, "small": small},
        default=Route(models=("big",), fallback=("small",) if fallback else ()),
        breaker=BreakerRule(failures=5, open_seconds=60, successes=2),
    )


def call_of(preset: Preset, index: int = 0, count: int = 1, purpose: str = "code") -> Call:
    """Make a call for ``count`` draws from ``index`` on."""
    return Call(
        key=CallKey(project=PROJECT, path=NodePath("root.a"), purpose=purpose, round=0, index=index),
        indices=tuple(range(index, index + count)),
        archetype=Archetype.CODER,
        route=preset.default,
        agent=Agent(model="big", temperature=0.4, variant=Variant.CLARITY, seed=7 + index),
        prompt=PROMPT,
        max_tokens=100,
    )
