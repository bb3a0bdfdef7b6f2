"""One vLLM for all tests of this folder, and clients of it; without a vLLM, each test is skipped by name.

The server is started once, and again only after a test that killed it. Run: ``make test-vllm``.
"""

import os
from collections.abc import AsyncIterator, Iterator

import pytest

from millwright.adapters.llm.openai_compatible import OpenAICompatibleModels
from tests.vllm import environment
from tests.vllm.server import Server


@pytest.fixture(scope="session")
def installed() -> Iterator[Server]:
    """A vLLM on the tiny model, not started yet."""
    python = environment.server_python()
    if python is None:
        pytest.skip("no vLLM: .venv-vllm is not made (make test-vllm makes it)")
    one = Server(python, on_cpu=environment.OWN_PYTHON not in os.environ)
    try:
        yield one
    finally:
        one.close()


@pytest.fixture
def server(installed: Server) -> Server:
    """A running vLLM on the tiny model; started again where an earlier test has killed it."""
    installed.start()
    return installed


@pytest.fixture
async def model() -> AsyncIterator[OpenAICompatibleModels]:
    """Millwright's own client."""
    async with OpenAICompatibleModels() as client:
        yield client
