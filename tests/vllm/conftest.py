"""One vLLM for all tests of this folder, and clients of it; without a vLLM, each test is skipped by name.

The server is started once, and once more by the test that kills it. Run: ``make test-vllm``.
"""

import os
from collections.abc import AsyncIterator, Iterator

import pytest

from millwright.adapters.llm.openai_compatible import OpenAICompatibleModels
from tests.vllm import environment
from tests.vllm.server import Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A running vLLM on the tiny model."""
    python = environment.server_python()
    if python is None:
        pytest.skip("no vLLM: .venv-vllm is not made (make test-vllm makes it)")
    running = Server(python, on_cpu=environment.OWN_PYTHON not in os.environ)
    try:
        running.start()
        yield running
    finally:
        running.close()


@pytest.fixture
async def model() -> AsyncIterator[OpenAICompatibleModels]:
    """Millwright's own client."""
    async with OpenAICompatibleModels() as client:
        yield client
