"""A model that answers from a script, in this process: for tests and for demonstrations without a server.

It reads no files: where the scripted answers come from is the caller's choice.
"""

from collections.abc import Callable

from millwright.errors import ModelRefused
from schemas.models import ModelAnswer, ModelRequest

Script = Callable[[ModelRequest], ModelAnswer | None]
"""Answers a request, or None where the script has nothing for it; equal requests get equal answers."""


class ScriptedModel:
    """Answers each request by its script alone."""

    def __init__(self, script: Script) -> None:
        self._script = script

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """Answer from the script, see ``millwright.ports.Model``. Raises ModelRefused where it has no answer."""
        answer = self._script(request)
        if answer is None:
            asked = request.prompt.archetype.value
            raise ModelRefused(f"the script has no answer to this prompt for a {asked}: add one, or use a real model")
        return answer
