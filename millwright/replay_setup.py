"""The stack of one replay: a server on a temporary home, workers in this process, and an empty store in memory.

A part of the composition roots. It asks no model: what the store does not know is refused.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from temporalio.client import Client as TemporalClient
from temporalio.worker import Worker

from millwright.adapters.embedded.home import Home
from millwright.adapters.embedded.temporal_server import TemporalServer
from millwright.adapters.storage.memory import MemoryStore
from millwright.client import Client
from millwright.errors import ModelRefused
from millwright.ports import Model
from millwright.settings import Settings
from millwright.temporal import connect
from millwright.toolbox import Toolbox, open_toolbox
from schemas.models import TASK_LINE, ModelAnswer, ModelRequest
from schemas.presets import Preset

NOWHERE = "http://record.invalid/v1"
"""Where calls would go that the record does not answer; nothing is ever sent there."""

Serving = Callable[[TemporalClient, MemoryStore, Toolbox, Model, Preset, Settings], Sequence[Worker]]
"""Makes the workers of all roles, to which every answer that the store knows counts."""


class Unasked:
    """A model that is never asked: whoever comes to it has a call that the record does not answer."""

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """Refuse, see ``millwright.ports.Model``. Raises ModelRefused."""
        lines = [line for message in request.prompt.messages for line in message.content.splitlines()]
        task = next((line.removeprefix(TASK_LINE) for line in lines if line.startswith(TASK_LINE)), "")
        raise ModelRefused(
            f"the record has no answer to a call of {request.model!r} for a {request.prompt.archetype.value}"
            f"{f' about {task}' if task else ''} (seed {request.seed})",
            sent=False,
        )


@asynccontextmanager
async def open_scratch(
    settings: Settings, preset: Preset, serving: Serving
) -> AsyncIterator[tuple[Client, MemoryStore, Path]]:
    """Run the stack of one replay; yields a client of it, its store and its home, which is gone afterwards.

    Raises:
        TemporalUnavailable: the server did not start.
        SandboxUnavailable: no engine can confine a candidate here.
    """
    store = MemoryStore()
    with TemporaryDirectory(prefix="millwright-replay-") as place:
        home = Home(Path(place))
        home.prepare()
        async with AsyncExitStack() as open_:
            server = await open_.enter_async_context(TemporalServer(home, ui=False))
            tools = await open_.enter_async_context(open_toolbox(settings.cache, runs=True))
            temporal = await connect(server.address)
            for worker in serving(temporal, store, tools, Unasked(), _nowhere(preset), settings):
                await open_.enter_async_context(worker)
            yield Client(temporal, store, store), store, home.path


def _nowhere(preset: Preset) -> Preset:
    """Give each model an endpoint that does not exist, so that a call without a known answer is refused at once."""
    models = {key: entry.model_copy(update={"endpoints": (NOWHERE,)}) for key, entry in preset.models.items()}
    return preset.model_copy(update={"models": models})
