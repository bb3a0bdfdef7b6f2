"""The kinds of models there are, and the one that the settings name.

It reads no environment; what the settings leave open stays open.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from millwright.adapters.llm.openai_compatible import OpenAICompatibleModel
from millwright.adapters.llm.scripted import ScriptedModel
from millwright.errors import BadInput
from millwright.ports import Model
from millwright.settings import ModelSettings

PROVIDERS: tuple[tuple[str, type[OpenAICompatibleModel] | type[ScriptedModel]], ...] = (
    ("openai_compatible", OpenAICompatibleModel),
    ("scripted", ScriptedModel),
)
"""Every kind of model by name; a new one is a file beside this and a line here."""


def model_from(settings: ModelSettings) -> OpenAICompatibleModel:
    """Make the model behind the endpoint that the settings name; the caller closes it. Raises BadInput."""
    return OpenAICompatibleModel(settings.url, settings.name, settings.key)


@asynccontextmanager
async def open_model(settings: ModelSettings | None) -> AsyncIterator[Model]:
    """Hold the model that the settings name open.

    Raises:
        BadInput: the settings name no model, or one that cannot be used.
    """
    if settings is None:
        raise BadInput("no model is set: set MILLWRIGHT_MODEL_URL and MILLWRIGHT_MODEL_NAME")
    async with model_from(settings) as model:
        yield model
