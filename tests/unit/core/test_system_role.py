"""Prompts for models without a system role keep every word."""

from millwright.core.prompts.system_role import without_system
from schemas.identity import Archetype
from schemas.models import Message, Prompt, Role


def _prompt(*messages: tuple[Role, str]) -> Prompt:
    made = tuple(Message(role=role, content=content) for role, content in messages)
    return Prompt(archetype=Archetype.CODER, version="1", messages=made)


def test_the_systems_words_come_first_in_the_users() -> None:
    """No message is lost, and the user speaks first."""
    prompt = _prompt((Role.SYSTEM, "Be brief."), (Role.USER, "Add."), (Role.USER, "Now."))
    assert without_system(prompt) == _prompt((Role.USER, "Be brief.\n\nAdd."), (Role.USER, "Now."))


def test_a_prompt_without_a_system_message_stays_as_it_is() -> None:
    """There is nothing to move; a system message alone becomes the user's."""
    assert without_system(_prompt((Role.USER, "Add."))) == _prompt((Role.USER, "Add."))
    assert without_system(_prompt((Role.SYSTEM, "Add."))) == _prompt((Role.USER, "Add."))
