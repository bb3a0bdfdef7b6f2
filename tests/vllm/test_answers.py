"""The model client against a real vLLM: choices, seeds, schemas, ends, refusals, crowds, cancellation and priority."""

import asyncio
import json
from typing import Any

import pytest

from millwright.adapters.llm.openai_compatible import OpenAICompatibleModels
from millwright.adapters.llm.probing import probe
from millwright.core.prompts.planner import decomposer_schema, specifier_schema
from millwright.errors import FieldRefused, ModelRefused
from schemas.identity import Archetype
from schemas.models import Choice, FinishReason, Message, ModelRequest, Prompt, Role
from tests.vllm.asking import request, running, until, waiting
from tests.vllm.server import SEATS, Server
from tests.vllm.tiny_model import CONTEXT, NAME

CROWD = 64
FORM = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "count": {"type": "integer", "minimum": 0, "maximum": 99},
        "kind": {"enum": ["function", "class"]},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 5}, "maxItems": 3},
    },
    "required": ["name", "count", "kind", "tags"],
    "additionalProperties": False,
}


def _said(content: str) -> Prompt:
    return Prompt(archetype=Archetype.CODER, version="coder-1", messages=(Message(role=Role.USER, content=content),))


async def _texts(model: OpenAICompatibleModels, asked: ModelRequest) -> list[str]:
    return [choice.text for choice in (await model.complete(asked)).choices]


async def test_one_request_brings_as_many_choices_as_it_asks_for(server: Server, model: OpenAICompatibleModels) -> None:
    """Eight different answers come in order, and their tokens are counted together."""
    answer = await model.complete(request(server, choices=8))
    assert len({choice.text for choice in answer.choices}) == 8
    assert answer.usage.completion_tokens == 8 * 48
    assert (answer.model, answer.endpoint) == (NAME, server.url)


async def test_the_most_choices_fit_one_request(server: Server, model: OpenAICompatibleModels) -> None:
    """More choices than the server has seats are answered all the same."""
    answer = await model.complete(request(server, choices=CROWD, max_tokens=8))
    assert len(answer.choices) == CROWD > SEATS


async def test_the_same_seed_brings_the_same_texts(server: Server, model: OpenAICompatibleModels) -> None:
    """Asked twice, alone each time, the server says the same; another seed says something else."""
    first, again = [await _texts(model, request(server, choices=4)) for _ in range(2)]
    assert first == again
    assert await _texts(model, request(server, choices=4, seed=77)) != first


async def test_a_choice_is_what_its_own_seed_would_bring(server: Server, model: OpenAICompatibleModels) -> None:
    """vLLM draws choice ``i`` with the seed plus ``i``; our largest seed, with no room above it, is answered too."""
    together = await _texts(model, request(server, choices=4, seed=100))
    assert together == [(await _texts(model, request(server, seed=100 + place)))[0] for place in range(4)]
    assert len(await _texts(model, request(server, choices=4, seed=2**63 - 1))) == 4


async def test_without_a_temperature_one_choice_stands_for_all(server: Server, model: OpenAICompatibleModels) -> None:
    """At temperature 0 vLLM refuses several choices; the client does not ask for them."""
    answer = await model.complete(request(server, choices=4, temperature=0.0))
    assert len(answer.choices) == 1


async def test_an_answer_fits_its_schema(server: Server, model: OpenAICompatibleModels) -> None:
    """A model that knows no language at all still writes what the schema allows, and ends by itself."""
    answer = await model.complete(request(server, choices=4, max_tokens=2000, json_schema=FORM))
    for choice in answer.choices:
        assert choice.finish_reason is FinishReason.STOP
        form: dict[str, Any] = json.loads(choice.text)
        assert form.keys() == {"name", "count", "kind", "tags"}
        assert len(form["name"]) <= 12
        assert form["count"] in range(100)
        assert form["kind"] in ("function", "class")
        assert len(form["tags"]) <= 3
    assert not model.refused_fields(server.url)


@pytest.mark.parametrize("schema", [specifier_schema(), decomposer_schema()], ids=["specifier", "decomposer"])
async def test_the_planners_schemas_are_understood(
    schema: dict[str, object], server: Server, model: OpenAICompatibleModels
) -> None:
    """The schemas that Millwright sends are ones that vLLM can follow: an answer begins as they say."""
    answer = await model.complete(request(server, max_tokens=64, json_schema=schema))
    assert answer.choices[0].text.lstrip().startswith("{")
    assert not model.refused_fields(server.url)


async def test_a_schema_that_is_none_is_refused(server: Server, model: OpenAICompatibleModels) -> None:
    """The server's own words say what is wrong."""
    with pytest.raises((ModelRefused, FieldRefused), match="nonsense"):
        await model.complete(request(server, json_schema={"type": "nonsense"}))


async def test_an_answer_ends_before_its_stop_text(server: Server, model: OpenAICompatibleModels) -> None:
    """What was said before the stop text is what would have been said without it, and nothing is drawn after it."""
    (whole,) = await _texts(model, request(server))
    stop = whole[20:23]
    answer = await model.complete(request(server, stop=(stop,)))
    assert answer.choices == (Choice(text=whole[: whole.index(stop)], finish_reason=FinishReason.STOP),)
    assert answer.usage.completion_tokens == len(answer.choices[0].text) + len(stop)


async def test_a_truncated_answer_says_so(server: Server, model: OpenAICompatibleModels) -> None:
    """An answer that reaches its limit of tokens is marked, each choice by itself."""
    answer = await model.complete(request(server, choices=3, max_tokens=7))
    assert [choice.finish_reason for choice in answer.choices] == [FinishReason.LENGTH] * 3
    assert answer.usage.completion_tokens == 21


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": _said("x" * (CONTEXT + 1))},
        {"max_tokens": CONTEXT + 1},
    ],
    ids=["prompt", "answer"],
)
async def test_what_exceeds_the_context_is_refused_for_good(
    changes: dict[str, Any], server: Server, model: OpenAICompatibleModels
) -> None:
    """Nothing is cut in silence; the message has the server's words, and no field is given up for it."""
    with pytest.raises(ModelRefused, match=str(CONTEXT)):
        await model.complete(request(server, **changes))
    assert not model.refused_fields(server.url)


async def test_an_answer_ends_where_the_context_does(server: Server, model: OpenAICompatibleModels) -> None:
    """A prompt that leaves less room than the answer's limit is not refused: the answer is cut there, and marked."""
    answer = await model.complete(request(server, prompt=_said("x" * (CONTEXT - 200)), max_tokens=2048))
    assert answer.choices[0].finish_reason is FinishReason.LENGTH
    assert answer.usage.prompt_tokens + answer.usage.completion_tokens == CONTEXT


async def test_an_unknown_model_is_refused_for_good(server: Server, model: OpenAICompatibleModels) -> None:
    """The name that was asked for is in the message."""
    with pytest.raises(ModelRefused, match="other"):
        await model.complete(request(server, model="other"))


async def test_a_crowd_is_answered_as_each_alone(server: Server, model: OpenAICompatibleModels) -> None:
    """Sixty-four calls at once bring sixty-four texts, and those that are asked for again alone come out the same."""
    crowd = await asyncio.gather(*(_texts(model, request(server, seed=seed)) for seed in range(CROWD)))
    assert len({texts[0] for texts in crowd}) == CROWD
    for seed in (0, 31, 63):
        assert await _texts(model, request(server, seed=seed)) == crowd[seed]


async def test_votes_on_one_prompt_share_its_beginning(server: Server, model: OpenAICompatibleModels) -> None:
    """The second call on a long prompt finds most of it in the prefix cache."""
    before = server.figures()["prefix_cache_hits_total"]
    for seed in range(2):
        await model.complete(request(server, seed=seed, prompt=_said("shared " * 300), max_tokens=4))
    assert server.figures()["prefix_cache_hits_total"] - before > 1000


async def test_cancelled_calls_are_given_up_by_the_server(server: Server, model: OpenAICompatibleModels) -> None:
    """Calls at work and calls in the queue both go when their connections close, long before their answers end."""
    before = server.figures()["request_success_total:length"]
    calls = [
        asyncio.create_task(model.complete(request(server, seed=seed, max_tokens=CONTEXT - 200)))
        for seed in range(2 * SEATS)
    ]
    await until(server, lambda figures: running(figures) == SEATS and waiting(figures) == SEATS)
    for call in calls:
        call.cancel()
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ended)
    after = await until(server, lambda figures: running(figures) + waiting(figures) == 0)
    assert after["request_success_total:length"] == before


async def test_the_urgent_overtake_the_patient(server: Server, model: OpenAICompatibleModels) -> None:
    """In a full queue, calls of a lower priority number are served first, though they came last."""
    order: list[str] = []

    async def ask(name: str, **changes: Any) -> None:
        await model.complete(request(server, **changes))
        order.append(name)

    async with asyncio.TaskGroup() as group:
        for seed in range(SEATS):
            group.create_task(ask("first", seed=seed, max_tokens=400, priority=3))
        await until(server, lambda figures: running(figures) == SEATS)
        for seed in range(SEATS):
            group.create_task(ask("patient", seed=seed, priority=5))
        await until(server, lambda figures: waiting(figures) == SEATS)
        for seed in range(SEATS):
            group.create_task(ask("urgent", seed=seed, priority=1))
        await until(server, lambda figures: waiting(figures) == 2 * SEATS)
    places = {name: [place for place, found in enumerate(order) if found == name] for name in set(order)}
    assert max(places["urgent"]) < min(places["patient"])


async def test_a_probe_finds_what_vllm_can_do(server: Server, model: OpenAICompatibleModels) -> None:
    """It completes, brings choices, heeds seeds and takes priorities. This model shows neither of the other two: it
    never ends a line, and fills a schema's gaps with blanks until its limit."""
    found = {capability.name: capability for capability in await probe(model, server.url, NAME)}
    for name in ("completion", "choices", "seed", "priority"):
        assert found[name].ok, found[name].detail
    assert not model.refused_fields(server.url)
