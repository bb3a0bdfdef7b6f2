"""Prompts for models whose chat template knows no system message.

It changes no wording: the same text comes first in what the user says.
"""

from schemas.models import Message, Prompt, Role


def without_system(prompt: Prompt) -> Prompt:
    """Return a prompt with its system messages put before its first message of the user, a blank line between."""
    before = [message.content for message in prompt.messages if message.role is Role.SYSTEM]
    said = [message for message in prompt.messages if message.role is not Role.SYSTEM]
    if not before:
        return prompt
    first = said[0].content if said else ""
    text = "\n\n".join(filter(None, (*before, first)))
    return prompt.model_copy(update={"messages": (Message(role=Role.USER, content=text), *said[1:])})
