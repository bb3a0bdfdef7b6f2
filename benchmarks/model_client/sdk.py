"""The load of the openai SDK making the bare calls, as a program; see ``load``.

It runs in an environment of its own: the package is no dependency of the project, and nothing of the project is loaded.
"""

import importlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from benchmarks.model_client.load import PROMPT, Call, run

MISSING = 3
"""The exit code where the package is not installed."""


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Call]:
    """Open the SDK's client at a base URL; it retries nothing."""
    client: Any = importlib.import_module("openai").AsyncOpenAI(
        base_url=url, api_key="none", max_retries=0, timeout=120
    )
    async with client:

        async def call(seed: int) -> int:
            reply = await client.chat.completions.create(
                model="canned",
                messages=[{"role": "user", "content": PROMPT}],
                temperature=0.7,
                seed=seed,
                max_tokens=512,
            )
            return len(reply.choices[0].message.content)

        yield call


def main() -> int:
    """Run the measurement; returns ``MISSING`` where there is no SDK."""
    try:
        version = importlib.import_module("openai").__version__
    except ImportError:
        return MISSING
    return run(f"openai {version}", opened)


if __name__ == "__main__":
    sys.exit(main())
