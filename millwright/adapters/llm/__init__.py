"""The kinds of models there are, and how they are opened.

It reads no environment; what the settings leave open stays open.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from millwright.adapters.llm.openai_compatible import OpenAICompatibleModels
from millwright.adapters.llm.scripted import ScriptedModel
from millwright.errors import BadInput
from millwright.ports import Model
from millwright.settings import ModelSettings
from schemas.models import ModelAnswer, ModelRequest

PROVIDERS: tuple[tuple[str, type[OpenAICompatibleModels] | type[ScriptedModel]], ...] = (
    ("openai_compatible", OpenAICompatibleModels),
    ("scripted", ScriptedModel),
)
"""Every kind of model by name; a new one is a file beside this and a line here."""


@dataclass(frozen=True)
class _OneModel:
    """Sends requests that name no endpoint to one."""

    models: Model
    endpoint: str
    model: str

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """Complete a request, see ``millwright.ports.Model``."""
        named = request.endpoint and request.model
        here = request if named else request.model_copy(update={"endpoint": self.endpoint, "model": self.model})
        return await self.models.complete(here)


@asynccontextmanager
async def open_models(keys: Mapping[str, str]) -> AsyncIterator[OpenAICompatibleModels]:
    """Hold the models of all endpoints open; ``keys`` are by base URL, and none is needed where an endpoint asks none.

    Raises:
        BadInput: a URL or a key cannot be used.
    """
    async with OpenAICompatibleModels(keys) as models:
        yield models


@asynccontextmanager
async def open_model(settings: ModelSettings | None) -> AsyncIterator[Model]:
    """Hold the model that the settings name open; requests to it need to name neither endpoint nor model.

    Raises:
        BadInput: the settings name no model, or one that cannot be used.
    """
    if settings is None:
        raise BadInput("no model is set: set MILLWRIGHT_MODEL_URL and MILLWRIGHT_MODEL_NAME")
    async with open_models({settings.url: settings.key}) as models:
        yield _OneModel(models, settings.url, settings.name)
