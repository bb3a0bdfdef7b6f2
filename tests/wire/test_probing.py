"""What the probe finds out: about the demo model, about an endpoint that can do everything, and about lesser ones."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from millwright.adapters.embedded.demo_model import DemoModelServer
from millwright.adapters.embedded.demo_sampling import Completion, CompletionBook, TaskCompletions
from millwright.adapters.llm.openai_compatible import OpenAICompatibleModels
from millwright.adapters.llm.probing import probe
from schemas.capabilities import Capability
from schemas.identity import Archetype
from tests.wire.endpoint import choice, completion, http, listening, request, unused_url

NAMES = ["completion", "schema", "choices", "seed", "stop", "priority"]
NUMBERS = "one\ntwo\nthree"


def able(body: dict[str, Any]) -> dict[str, Any]:
    """Answer as an endpoint does that can do everything."""
    text = '{"ready": true}' if "response_format" in body else f"{NUMBERS} {body.get('seed')}"
    used = 40
    if "stop" in body:
        text, used = text.partition("\n")[0], 2
    choices = [choice(text, index) for index in range(body.get("n", 1))]
    return completion(choices=choices, usage={"prompt_tokens": 9, "completion_tokens": used})


def refusing(field: str) -> Callable[[dict[str, Any]], dict[str, Any] | str]:
    """Answer as an endpoint does that refuses a field."""
    return lambda body: f"{field} is not supported" if field in body else able(body)


def ignoring(field: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Answer as an endpoint does that takes a field and does nothing with it."""
    return lambda body: able({name: value for name, value in body.items() if name != field})


async def probed(answer: Callable[[dict[str, Any]], dict[str, Any] | str]) -> tuple[list[Capability], list[Any]]:
    """Probe an endpoint that answers so; return what was found and what it was asked."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        given = answer(endpoint.bodies[-1])
        body: dict[str, Any] = {"error": {"message": given}} if isinstance(given, str) else given
        writer.write(http(400 if isinstance(given, str) else 200, body))
        await writer.drain()

    async with listening(act) as endpoint, OpenAICompatibleModels() as models:
        found = await probe(models, endpoint.url, "tiny")
    return list(found), endpoint.bodies


async def test_an_able_endpoint_has_every_capability() -> None:
    """Everything is asked for once, the seed twice, each with few tokens."""
    found, bodies = await probed(able)
    assert [one.name for one in found] == NAMES
    assert all(one.ok for one in found)
    assert len(bodies) == 7
    assert all(body["max_tokens"] <= 64 for body in bodies)


@pytest.mark.parametrize(
    ("lacking", "name", "consequence"),
    [
        (refusing("response_format"), "schema", "red flag"),
        (ignoring("response_format"), "schema", "red flag"),
        (refusing("n"), "choices", "a request of its own"),
        (ignoring("n"), "choices", "a request of its own"),
        (refusing("seed"), "seed", "other answers"),
        (refusing("stop"), "stop", "cut"),
        (ignoring("stop"), "stop", "paid for"),
        (refusing("priority"), "priority", "order of arrival"),
    ],
)
async def test_what_an_endpoint_lacks_is_named_with_what_follows(
    lacking: Callable[[dict[str, Any]], dict[str, Any] | str], name: str, consequence: str
) -> None:
    """A field that is refused, or taken and not heeded, is a capability that is not there; the others are."""
    found, _ = await probed(lacking)
    assert [one.name for one in found if not one.ok] == [name]
    assert consequence in next(one.detail for one in found if not one.ok)


async def test_an_endpoint_without_a_seed_of_its_own_is_found_out() -> None:
    """The same seed must give the same text twice."""
    drawn = iter(range(100))
    found, _ = await probed(lambda _: completion(choices=[choice(f"{next(drawn)}")]))
    seed = next(one for one in found if one.name == "seed")
    assert not seed.ok
    assert "two different answers" in seed.detail


async def test_where_nobody_answers_nothing_else_is_tried() -> None:
    """An endpoint that is not there has one finding, with the reason."""
    async with OpenAICompatibleModels() as models:
        (found,) = await probe(models, unused_url(), "tiny")
    assert (found.name, found.ok) == ("completion", False)
    assert "nobody listens" in found.detail


async def test_a_question_that_fails_says_how_and_the_next_is_asked() -> None:
    """One question that the server breaks over does not hide what the others find."""
    found, _ = await probed(lambda body: "the grammar crashed" if "response_format" in body else able(body))
    assert [one.ok for one in found] == [True, False, True, True, True, True]
    assert "the grammar crashed" in found[1].detail


async def test_the_demo_model_is_seen_as_it_is() -> None:
    """The demo model knows no schema and no stop; asked for something that it does not know, it says so."""
    answers = tuple(Completion(f"{NUMBERS}\n" * 10 + str(number)) for number in range(5))
    book = CompletionBook([TaskCompletions("tax", "tax", Archetype.CODER, answers)])
    with DemoModelServer(book) as server:
        async with OpenAICompatibleModels() as models:
            found = await probe(models, server.url, "millwright-demo", prompt=request().prompt)
            (unknown,) = await probe(models, server.url, "millwright-demo")
    assert [one.name for one in found if not one.ok] == ["schema", "stop"]
    assert not unknown.ok
    assert "scripted demo model" in unknown.detail
