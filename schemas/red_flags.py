"""How an archetype's red flags differ from the defaults, as a file of rules says.

Whether the rules that it names exist is the core's to say.
"""

from typing import Annotated

from pydantic import Field

from schemas.base import Schema

Weight = Annotated[float, Field(ge=0, le=1)]


class RuleLimits(Schema):
    """The most that an answer may have; what is None stays as it is. None can be raised above what is safe to read."""

    max_text_bytes: int | None = Field(default=None, ge=1, le=1024 * 1024)
    max_lines: int | None = Field(default=None, ge=1, le=10_000)
    max_bytes: int | None = Field(default=None, ge=1, le=64 * 1024)


class RuleSettings(Schema):
    """One archetype's rules: those that are on, the limits, and what is advised with which weight.

    None stands for the defaults; a list of rules or advice replaces them.
    """

    rules: tuple[str, ...] | None = None
    limits: RuleLimits = RuleLimits()
    advice: dict[str, Weight] | None = None
