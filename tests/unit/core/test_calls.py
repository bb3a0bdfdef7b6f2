"""What makes two calls the same, and two attempts the same call."""

from typing import Any

import pytest

from millwright.core.calls import call_digest, idempotency_key
from schemas.identity import Archetype, NodePath, ProjectId
from schemas.models import CallKey, Message, ModelRequest, Prompt, Role

PROMPT = Prompt(
    archetype=Archetype.CODER,
    version="coder-1",
    messages=(Message(role=Role.SYSTEM, content="Role: coder"), Message(role=Role.USER, content="Task: a\ud800")),
)
REQUEST = ModelRequest(prompt=PROMPT, model="m", endpoint="http://a/v1", temperature=0.4, seed=7)


@pytest.mark.parametrize(
    "change",
    [
        {"endpoint": "http://b/v1"},
        {"priority": 3},
        {"timeout_seconds": 1.0},
        {"idempotency_key": "x"},
        {"prompt": PROMPT.model_copy(update={"version": "coder-2"})},
    ],
)
def test_what_changes_no_answer_changes_no_digest(change: dict[str, Any]) -> None:
    """Where a call is sent, how urgent it is, and what its prompt's version is called, do not count."""
    assert call_digest(REQUEST.model_copy(update=change), "r") == call_digest(REQUEST, "r")


@pytest.mark.parametrize(
    "change",
    [
        {"model": "n"},
        {"temperature": 0.7},
        {"seed": 8},
        {"choices": 2},
        {"max_tokens": 10},
        {"stop": ("\n",)},
        {"json_schema": {"type": "object"}},
        {"prompt": PROMPT.model_copy(update={"messages": PROMPT.messages[:1]})},
    ],
)
def test_whatever_may_change_an_answer_changes_the_digest(change: dict[str, Any]) -> None:
    """Prompt, parameters, seed and model are what is asked; so is the model's revision."""
    assert call_digest(REQUEST.model_copy(update=change), "r") != call_digest(REQUEST, "r")
    assert call_digest(REQUEST, "r2") != call_digest(REQUEST, "r")


def test_attempts_share_their_key_and_calls_do_not() -> None:
    """The key tells calls apart, also those that ask the same, and shows nothing of the project."""
    key = CallKey(project=ProjectId("shop"), path=NodePath("root.a"), purpose="code", round=0, index=0)
    digest = call_digest(REQUEST, "r")
    assert idempotency_key(key, digest) == idempotency_key(key, digest)
    others = [key.model_copy(update=change) for change in ({"index": 1}, {"round": 1}, {"revision": 2})]
    assert len({idempotency_key(each, digest) for each in (key, *others)}) == 4
    assert "shop" not in idempotency_key(key, digest)
