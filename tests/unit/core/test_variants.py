"""Prompt variants: the last section differs, all before it is shared."""

from millwright.core.prompts.coder import code_prompt
from millwright.core.prompts.variants import MINDED, varied
from schemas.presets import Variant
from tests.unit.activity_fakes import task


def test_every_variant_has_words_and_a_version_of_its_own() -> None:
    """No two agents of different variants read the same."""
    prompt = code_prompt(task("double"), "def double(n: int) -> int:", ())
    found = [varied(prompt, variant) for variant in Variant]
    assert set(MINDED) == set(Variant)
    assert len({each.version for each in found}) == len({each.messages for each in found}) == len(Variant)


def test_all_but_the_last_section_is_the_same_for_every_vote() -> None:
    """A server that keeps prefixes computes the whole task once: variants differ only behind the plain prompt."""
    prompt = code_prompt(task("double"), "def double(n: int) -> int:", ())
    texts = ["\n".join(message.content for message in varied(prompt, variant).messages) for variant in Variant]
    plain = "\n".join(message.content for message in prompt.messages).rstrip()
    assert all(text.startswith(plain) for text in texts)
    assert max(map(len, texts)) - len(plain) < 160
