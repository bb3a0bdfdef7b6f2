"""The load of our own client, as a program; see ``load``."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.model_client.load import PROMPT, Call, run
from millwright.adapters.llm.openai_compatible import OpenAICompatibleModels
from schemas.identity import Archetype
from schemas.models import Message, ModelRequest, Prompt, Role

_PROMPT = Prompt(archetype=Archetype.CODER, version="load-1", messages=(Message(role=Role.USER, content=PROMPT),))


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Call]:
    """Open the client at a base URL."""
    async with OpenAICompatibleModels({}) as models:

        async def call(seed: int) -> int:
            asked = ModelRequest(
                prompt=_PROMPT,
                model="canned",
                endpoint=url,
                temperature=0.7,
                seed=seed,
                max_tokens=512,
                timeout_seconds=120,
                idempotency_key=str(seed),
            )
            return len((await models.complete(asked)).choices[0].text)

        yield call


if __name__ == "__main__":
    sys.exit(run("millwright", opened))
