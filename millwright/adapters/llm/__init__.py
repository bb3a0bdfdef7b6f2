"""The kinds of models there are.

It opens none: that is its user's, who knows the endpoints and their keys.
"""

from millwright.adapters.llm.openai_compatible import OpenAICompatibleModels
from millwright.adapters.llm.scripted import ScriptedModel

PROVIDERS: tuple[tuple[str, type[OpenAICompatibleModels] | type[ScriptedModel]], ...] = (
    ("openai_compatible", OpenAICompatibleModels),
    ("scripted", ScriptedModel),
)
"""Every kind of model by name; a new one is a file beside this and a line here."""
