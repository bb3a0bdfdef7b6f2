"""The data converter: plain JSON in both directions, and input that does not fit is refused at once."""

import json

import pytest
from hypothesis import given, settings
from temporalio.api.common.v1 import Payload
from temporalio.exceptions import ApplicationError

from millwright.temporal import data_converter
from schemas.project import NodeInput, Policy, ProjectInput
from tests.strategies import policies

CONVERTER = data_converter.payload_converter


def _json(text: str) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=text.encode())


def test_plain_json_is_a_projects_input() -> None:
    """What the stock command line sends is enough."""
    (given_,) = CONVERTER.from_payloads([_json('{"requirements": "Add."}')], [ProjectInput])
    assert given_ == ProjectInput(requirements="Add.")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"requirement": "x"}', "requirement: Extra"),
        ('{"k": 0}', "k: Input should be greater"),
        ('{"on_exhausted": "panic"}', "on_exhausted"),
        ('"text"', "input: Input should"),
        ("{", "input: Invalid JSON"),
    ],
)
def test_input_that_does_not_fit_fails_for_good_and_says_why(text: str, words: str) -> None:
    """A workflow with such input ends with a readable error instead of trying its task for ever."""
    with pytest.raises(ApplicationError, match=words) as failure:
        CONVERTER.from_payloads([_json(text)], [ProjectInput])
    assert (failure.value.type, failure.value.non_retryable) == ("PayloadValidationError", True)


@settings(max_examples=30)
@given(policies())
def test_models_survive_the_wire(policy: Policy) -> None:
    """What is sent is what arrives, as JSON that a person can read."""
    sent = NodeInput.model_validate({"project": "shop", "path": "root", "policy": policy})
    (payload,) = CONVERTER.to_payloads([sent])
    assert json.loads(payload.data)["project"] == "shop"
    assert CONVERTER.from_payloads([payload], [NodeInput]) == [sent]


def test_values_without_a_hint_are_plain() -> None:
    """Heartbeat details and memos come back as they went."""
    details = {"syntax": {"a": "passed"}}
    assert CONVERTER.from_payloads(CONVERTER.to_payloads([details, None, b"x"])) == [details, None, b"x"]
