"""What the OpenAI-compatible adapter asks, and how it reads answers, against a real HTTP server on the loopback."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from millwright.adapters.llm import PROVIDERS
from millwright.adapters.llm.openai_compatible import OpenAICompatibleModels
from millwright.adapters.llm.scripted import ScriptedModel
from millwright.errors import BadInput, FieldRefused, ModelRefused, ReplyBroken
from schemas.models import Choice, FinishReason, ModelAnswer, Usage
from tests.wire.endpoint import GOOD, KEY, Endpoint, Reply, choice, completion, http, listening, request


@asynccontextmanager
async def serving(*replies: Reply, key: str = "") -> AsyncIterator[tuple[Endpoint, OpenAICompatibleModels]]:
    """Serve replies and hold models that ask for them."""
    async with listening(*replies) as endpoint, OpenAICompatibleModels({endpoint.url: key}) as models:
        yield endpoint, models


async def test_answer_and_usage_are_read() -> None:
    """A good reply becomes an answer with its text, finish reason, usage, model and endpoint."""
    async with serving(GOOD) as (endpoint, models):
        answer = await models.complete(request(endpoint=endpoint.url))
    assert answer.choices == (Choice(text="pass", finish_reason=FinishReason.STOP),)
    assert answer.usage == Usage(prompt_tokens=7, completion_tokens=2)
    assert (answer.model, answer.endpoint) == ("tiny", endpoint.url)
    assert answer.latency_seconds > 0


async def test_request_carries_model_messages_sampling_and_key() -> None:
    """The request goes to /v1/chat/completions with what the call asks for, the key as Bearer, and nothing else."""
    async with serving(GOOD, key=KEY) as (endpoint, models):
        await models.complete(request(endpoint=endpoint.url, max_tokens=99))
    head, body = endpoint.heads[0], endpoint.bodies[0]
    assert head.startswith("POST /v1/chat/completions HTTP/1.1")
    assert f"authorization: bearer {KEY}" in head.lower()
    assert "idempotency-key" not in head.lower()
    assert body.pop("messages")[1] == {"role": "user", "content": "Task: tax\n²"}
    assert body == {"model": "tiny", "temperature": 0.7, "seed": 5, "max_tokens": 99}


async def test_choices_priority_stop_schema_and_idempotency_key_are_sent_where_given() -> None:
    """What a request may have beyond the least is written into its body, and the key of its call into its head."""
    wanted = {"choices": 3, "priority": 0, "stop": ("END",), "json_schema": {"type": "object"}}
    async with serving(GOOD) as (endpoint, models):
        await models.complete(request(endpoint=endpoint.url, idempotency_key="sha256:ab", **wanted))
    body = endpoint.bodies[0]
    assert (body["n"], body["priority"], body["stop"]) == (3, 0, ["END"])
    assert body["response_format"]["json_schema"] == {"name": "coder", "schema": {"type": "object"}}
    assert "idempotency-key: sha256:ab" in endpoint.heads[0].lower()


async def test_one_choice_is_asked_for_at_temperature_0() -> None:
    """Choices without chance are alike: `n` is left out, which vLLM refuses there."""
    async with serving(GOOD) as (endpoint, models):
        answer = await models.complete(request(endpoint=endpoint.url, choices=3, temperature=0.0))
    assert "n" not in endpoint.bodies[0]
    assert len(answer.choices) == 1


async def test_one_instance_asks_many_endpoints_each_with_its_own_key() -> None:
    """Each request goes where it says; a key goes to its own endpoint and to no other."""
    async with (
        listening(GOOD) as first,
        listening(GOOD) as second,
        listening(GOOD) as third,
        OpenAICompatibleModels({first.url: "key-1", second.url + "/": "key-2"}) as models,
    ):
        for endpoint in (first, second, third):
            answer = await models.complete(request(endpoint=endpoint.url))
            assert answer.endpoint == endpoint.url
    heads = [endpoint.heads[0].lower() for endpoint in (first, second, third)]
    assert "bearer key-1" in heads[0]
    assert "bearer key-2" in heads[1]
    assert "authorization" not in heads[2]


async def test_choices_come_in_order_of_their_index() -> None:
    """Choices may arrive in any order; they count in that of their index, and the usage is of all together."""
    body = completion(choices=[choice("c", 2, "length"), choice("a", 0), choice("b", 1)])
    async with serving(http(200, body)) as (endpoint, models):
        answer = await models.complete(request(endpoint=endpoint.url, choices=3))
    assert [one.text for one in answer.choices] == ["a", "b", "c"]
    assert answer.choices[2].finish_reason is FinishReason.LENGTH
    assert answer.usage.completion_tokens == 2


async def test_fewer_choices_than_asked_for_are_an_answer() -> None:
    """An endpoint that knows no `n` gives one choice."""
    async with serving(GOOD) as (endpoint, models):
        answer = await models.complete(request(endpoint=endpoint.url, choices=4))
    assert len(answer.choices) == 1


async def test_choices_without_an_index_stand_in_order() -> None:
    """Where no choice has an index, the order of the list is theirs."""
    texts = [{"message": {"content": text}, "finish_reason": "stop"} for text in "ab"]
    async with serving(http(200, completion(choices=texts))) as (endpoint, models):
        answer = await models.complete(request(endpoint=endpoint.url, choices=2))
    assert [one.text for one in answer.choices] == ["a", "b"]


async def test_missing_usage_is_estimated_from_the_bytes_of_all_choices() -> None:
    """Endpoints that count no tokens get an estimate of four bytes a token, rounded up, for each text."""
    body = completion(usage=None, choices=[choice("12345", 0), choice("1", 1)])
    async with serving(http(200, body)) as (endpoint, models):
        answer = await models.complete(request(endpoint=endpoint.url, choices=2))
    assert answer.usage == Usage(prompt_tokens=6, completion_tokens=3)


async def test_an_answer_ends_before_the_text_to_stop_at() -> None:
    """Also an endpoint that does not know `stop` gives no text beyond it; what it used is counted in full."""
    body = completion(usage=None, choices=[choice("one two three four", reason="length")])
    async with serving(http(200, body)) as (endpoint, models):
        answer = await models.complete(request(endpoint=endpoint.url, stop=("four", " three")))
    assert answer.choices == (Choice(text="one two", finish_reason=FinishReason.STOP),)
    assert answer.usage.completion_tokens == 5


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("length", "length"), ("content_filter", "content_filter"), ("tool_calls", "other"), ("eos", "other")],
)
async def test_finish_reasons_are_mapped(given: str, wanted: str) -> None:
    """Known finish reasons are kept; others become ``other``."""
    async with serving(http(200, completion(choices=[choice("", reason=given)]))) as (endpoint, models):
        answer = await models.complete(request(endpoint=endpoint.url))
    assert answer.choices[0].finish_reason == wanted


async def test_a_model_that_only_reasoned_up_to_its_limit_gave_an_empty_answer() -> None:
    """No content with the finish reason ``length`` is an empty text that was cut off, not a broken reply."""
    cut = {"index": 0, "message": {"content": None, "reasoning_content": "hm"}, "finish_reason": "length"}
    async with serving(http(200, completion(choices=[cut]))) as (endpoint, models):
        answer = await models.complete(request(endpoint=endpoint.url))
    assert answer.choices == (Choice(text="", finish_reason=FinishReason.LENGTH),)


def refusal(message: str, param: str | None = None) -> bytes:
    """Make a 400 with a message, as OpenAI's endpoints and vLLM send it."""
    return http(400, {"error": {"message": message, "type": "BadRequestError", "param": param, "code": 400}})


@pytest.mark.parametrize(
    ("refused", "field"),
    [
        (refusal("response_format is not supported"), "response_format"),
        (refusal("Grammar error: unimplemented keys in the JSON schema"), "response_format"),
        (refusal("Got priority 3 but Priority scheduling is not enabled."), "priority"),
        (refusal("Unrecognized request argument supplied: n"), "n"),
        (refusal("n must be 1"), "n"),
        (refusal("Only one completion choice is allowed"), "n"),
        (refusal("unexpected value", param="seed"), "seed"),
        (http(422, {"detail": [{"loc": ["body", "stop"], "msg": "Extra inputs", "input": "n seed"}]}), "stop"),
        (http(422, {"detail": [{"loc": ["body", "n"], "msg": "Extra inputs are not permitted"}]}), "n"),
    ],
)
async def test_a_refused_field_is_left_out_from_then_on(refused: bytes, field: str) -> None:
    """One call is one request: the refusal ends it, names the field, and the next attempt goes without it."""
    everything = {"choices": 2, "priority": 3, "stop": ("x",), "json_schema": {"type": "object"}}
    async with serving(refused, GOOD) as (endpoint, models):
        asked = request(endpoint=endpoint.url, **everything)
        with pytest.raises(FieldRefused) as caught:
            await models.complete(asked)
        assert (caught.value.fields, caught.value.sent, caught.value.retryable) == ((field,), True, True)
        assert len(endpoint.bodies) == 1
        await models.complete(asked)
        await models.complete(asked)
        assert models.refused_fields(endpoint.url) == {field}
    assert [field in body for body in endpoint.bodies] == [True, False, False]
    assert endpoint.bodies[0].keys() - endpoint.bodies[1].keys() == {field}


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens",
        "temperature must be non-negative, got n/a",
    ],
)
async def test_refusals_of_something_else_leave_all_fields(message: str) -> None:
    """A refusal that speaks of no field that can be left out is final."""
    async with serving(refusal(message)) as (endpoint, models):
        with pytest.raises(ModelRefused):
            await models.complete(request(endpoint=endpoint.url, choices=2, priority=1))
        assert not models.refused_fields(endpoint.url)


async def test_a_field_that_was_not_sent_is_not_at_fault() -> None:
    """A message that speaks of a field which the request did not carry refuses the call itself."""
    async with serving(refusal("n must be 1, priority is unknown")) as (endpoint, models):
        with pytest.raises(ModelRefused):
            await models.complete(request(endpoint=endpoint.url))


async def test_each_endpoint_has_its_own_refused_fields() -> None:
    """What one endpoint refuses, another is still sent."""
    async with (
        listening(refusal("priority?")) as first,
        listening(GOOD) as second,
        OpenAICompatibleModels({}) as models,
    ):
        with pytest.raises(FieldRefused):
            await models.complete(request(endpoint=first.url, priority=1))
        await models.complete(request(endpoint=second.url, priority=1))
    assert second.bodies[0]["priority"] == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"choices": [',
        b"\xff\xfe",
        b"[" * 100_000,
        json.dumps(completion(choices=[])).encode(),
        json.dumps(completion(choices=["x"])).encode(),
        json.dumps(completion(choices=[{"finish_reason": "stop"}])).encode(),
        json.dumps(completion(choices=[{"message": {"content": None}, "finish_reason": "stop"}])).encode(),
        json.dumps(completion(choices=[{"message": {"content": "x"}, "finish_reason": None}])).encode(),
        json.dumps(completion(choices=[choice(), choice(index=1), choice(index=2)])).encode(),
        json.dumps(completion(choices=[choice(), choice()])).encode(),
        json.dumps(completion(choices=[choice(), {**choice(), "index": None}])).encode(),
        json.dumps(completion(model=None)).encode(),
        json.dumps(completion(usage={"prompt_tokens": -1})).encode(),
        json.dumps(completion(usage={"prompt_tokens": True})).encode(),
        json.dumps(completion(usage=[])).encode(),
    ],
)
async def test_garbled_replies_are_no_answer(body: bytes) -> None:
    """A reply that is not JSON, lacks a part or has more choices than were asked for is never taken for an answer."""
    async with serving(http(200, body)) as (endpoint, models):
        with pytest.raises(ReplyBroken, match="garbled"):
            await models.complete(request(endpoint=endpoint.url, choices=2))


async def test_an_encoded_reply_is_not_unpacked() -> None:
    """A reply is asked for as it is; a packed one could fill the memory."""
    async with serving(http(200, b"\x1f\x8b", Content_Encoding="gzip")) as (endpoint, models):
        with pytest.raises(ReplyBroken, match="gzip"):
            await models.complete(request(endpoint=endpoint.url))
    assert "accept-encoding: identity" in endpoint.heads[0].lower()


async def test_key_and_password_never_show() -> None:
    """Neither the repr, nor a message that quotes the server, nor an answer holds a key or a URL's password."""
    said = {"error": {"message": f"Incorrect API key provided: {KEY}. " + "x" * 5000}}
    async with listening(http(401, said), GOOD) as endpoint:
        secret = endpoint.url.replace("://", "://me:hunter2@")
        async with OpenAICompatibleModels({secret: KEY}) as models:
            with pytest.raises(ModelRefused) as caught:
                await models.complete(request(endpoint=secret))
            answer = await models.complete(request(endpoint=secret))
            shown = f"{models!r} {caught.value} {answer!r}"
    assert KEY not in shown
    assert "hunter2" not in shown
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("http://[::1/v1", ""),
        ("ftp://h/v1", ""),
        ("", ""),
        ("http://h/v1", "schlüssel"),
        ("http://h/v1", "a\nb"),
    ],
)
async def test_unusable_settings_are_bad_input(url: str, key: str) -> None:
    """A URL or a key that cannot be used is said at once, and the key is not shown."""
    with pytest.raises(BadInput) as caught:
        OpenAICompatibleModels({url: key})
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize("endpoint", ["", "http://[::1/v1", "h/v1"])
async def test_a_request_to_no_address_is_refused_unsent(endpoint: str) -> None:
    """A request must name an endpoint that can be asked."""
    async with OpenAICompatibleModels({}) as models:
        with pytest.raises(ModelRefused, match="MILLWRIGHT_MODEL_URL") as caught:
            await models.complete(request(endpoint=endpoint))
    assert not caught.value.sent


async def test_scripted_model_answers_or_refuses() -> None:
    """The scripted model gives what its script gives, and refuses where it has nothing."""
    answer = ModelAnswer(
        choices=(Choice(text="x", finish_reason=FinishReason.STOP),), usage=Usage(), model="m", endpoint="e"
    )
    assert await ScriptedModel(lambda _: answer).complete(request()) == answer
    with pytest.raises(ModelRefused, match="coder"):
        await ScriptedModel(lambda _: None).complete(request())


def test_providers_have_distinct_names() -> None:
    """Each kind of model stands in the list once."""
    names: list[Any] = [name for name, _ in PROVIDERS]
    assert len(set(names)) == len(names) == 2
