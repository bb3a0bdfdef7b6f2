"""Prompt variants: one more section at the end of a prompt, so that the agents of a swarm do not all think alike.

The section comes last: all before it is the same for every vote of a task, and computed once where prefixes are kept.
"""

from collections.abc import Mapping

from millwright.core.prompts.wording import section
from schemas.models import Prompt
from schemas.presets import Variant

VERSION = "variants-1"

MINDED: Mapping[Variant, str] = {
    Variant.CLARITY: "Write it so that a reader sees at once that it is right: say each step where it happens.",
    Variant.PERFORMANCE: "Mind the cost for large inputs: do no work twice, and search for nothing that can be known.",
    Variant.CORRECTNESS: "Mind the edges first: empty, single, equal, negative, the first and the last; then the rest.",
    Variant.SIMPLICITY: "Use as few ideas as will do: the fewest names, branches and special cases.",
    Variant.IDIOM: "Write what an expert of the language would: its own constructs and its standard library.",
}
"""What each variant asks an agent to mind."""


def varied(prompt: Prompt, variant: Variant) -> Prompt:
    """Add a variant's section to the last message of a prompt, and its name to the version."""
    last = prompt.messages[-1]
    added = section("Above all", [MINDED[variant]]).rstrip()
    message = last.model_copy(update={"content": f"{last.content.rstrip()}\n\n{added}\n"})
    version = f"{prompt.version}+{VERSION}-{variant.value}"
    return prompt.model_copy(update={"version": version, "messages": (*prompt.messages[:-1], message)})
