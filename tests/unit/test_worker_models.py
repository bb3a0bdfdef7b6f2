"""Which endpoints a worker asks: those of its settings, by URL or by preset, and none without either; and its log."""

import subprocess
import sys
from pathlib import Path

import pytest

from millwright.errors import BadInput
from millwright.model_setup import keys_configured
from millwright.settings import Settings
from schemas.identity import Archetype
from schemas.models import Message, ModelRequest, Prompt, Role

PRESET = """
name: two
models:
  small: {name: small, endpoints: ["http://127.0.0.1:1/v1", "http://127.0.0.1:2/v1"], key: SMALL_KEY}
default: {models: [small]}
"""


def _keys(environment: dict[str, str], *, needed: bool = True) -> dict[str, str]:
    return keys_configured(Settings.read(environment), environment, needed=needed)


def test_a_preset_with_endpoints_needs_no_url(tmp_path: Path) -> None:
    """Its endpoints are asked with the key that its variable has."""
    file = tmp_path / "two.yaml"
    file.write_text(PRESET, encoding="utf-8")
    found = _keys({"MILLWRIGHT_MODEL_PRESET": str(file), "SMALL_KEY": "sk-1"})
    assert found == {"http://127.0.0.1:1/v1": "sk-1", "http://127.0.0.1:2/v1": "sk-1"}


def test_a_url_is_asked_with_its_key() -> None:
    """What the environment names is one endpoint."""
    given = {"MILLWRIGHT_MODEL_URL": "http://h/v1", "MILLWRIGHT_MODEL_NAME": "m", "MILLWRIGHT_MODEL_KEY": "sk-2"}
    assert _keys(given) == {"http://h/v1": "sk-2"}


def test_a_role_that_waits_on_models_needs_one() -> None:
    """Without any, the message names both ways to set one."""
    with pytest.raises(BadInput, match=r"MILLWRIGHT_MODEL_URL.*MILLWRIGHT_MODEL_PRESET"):
        _keys({})


def test_other_roles_need_no_model() -> None:
    """They ask none."""
    assert _keys({}, needed=False) == {}


_ONE_CALL = """
import asyncio, logging, worker
from millwright.adapters.llm.openai_compatible import OpenAICompatibleModels
from millwright.errors import ModelUnavailable
from tests.unit.test_worker_models import request_to

async def main():
    async def failing(reader, writer):
        await reader.readuntil(b"}]")
        writer.write(b"HTTP/1.1 500 no\\r\\nContent-Length: 0\\r\\n\\r\\n")
        await writer.drain()
        writer.close()
    server = await asyncio.start_server(failing, "127.0.0.1", 0)
    url = f"http://user:hidden-word@127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with server, OpenAICompatibleModels({}) as models:
        try:
            await models.complete(request_to(url))
        except ModelUnavailable as error:
            logging.getLogger("millwright").info("seen: %s", error)

worker._log()
asyncio.run(main())
"""


def request_to(url: str) -> ModelRequest:
    """Make a request to an endpoint."""
    prompt = Prompt(archetype=Archetype.CODER, version="1", messages=(Message(role=Role.USER, content="hello"),))
    return ModelRequest(prompt=prompt, model="m", endpoint=url, temperature=0, seed=1, timeout_seconds=20)


def test_a_password_in_an_endpoints_url_is_not_in_the_log() -> None:
    """A worker's log has what befell a call, and no password; httpx would write one with every call."""
    done = subprocess.run([sys.executable, "-c", _ONE_CALL], capture_output=True, text=True, timeout=60, check=False)
    assert "seen: " in done.stderr, done.stderr
    assert "500" in done.stderr
    assert "hidden-word" not in done.stderr
