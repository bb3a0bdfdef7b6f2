"""Rejects an extracted module before it is verified: one rule, one class, each with its reason.

It judges facts that running would show too, never words or brackets: on real answers word lists and bracket counts
were measured to throw away good code. That an answer holds no single module is ``extraction``'s to say. A later layer
may reject what passes here, and what is flagged here is never verified.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from schemas.election import Flag, RedFlag

MAX_SOURCE_LINES = 400
MAX_SOURCE_BYTES = 64 * 1024


@dataclass(frozen=True)
class Inspection:
    """What the rules know of the target language and the limits.

    ``loads`` returns None where a module loads, else why it does not. ``placeholder`` says whether a module that loads
    has only an empty body. Limits count raw text: comments and blank lines too.
    """

    loads: Callable[[str], str | None]
    placeholder: Callable[[str], bool]
    max_source_lines: int = MAX_SOURCE_LINES
    max_source_bytes: int = MAX_SOURCE_BYTES


class Rule(Protocol):
    """One reason to reject a module unverified."""

    name: Flag
    reason: str

    def check(self, source: str, inspection: Inspection) -> RedFlag | None:
        """Return the flag, or None where the rule has nothing against the module."""
        ...


class TooLong:
    """Flags a module over the limits on raw text."""

    name = Flag.TOO_LONG
    reason = "an atomic task needs little code; answers that run on are wrong far more often"

    def check(self, source: str, inspection: Inspection) -> RedFlag | None:
        """Flag more lines or bytes (UTF-8) than the limits."""
        lines = source.count("\n") + (not source.endswith("\n"))
        size = len(source.encode("utf-8", "surrogatepass"))
        if lines > inspection.max_source_lines:
            return RedFlag(flag=self.name, detail=f"{lines} lines; at most {inspection.max_source_lines}")
        if size > inspection.max_source_bytes:
            return RedFlag(flag=self.name, detail=f"{size} bytes; at most {inspection.max_source_bytes}")
        return None


class DoesNotLoad:
    """Flags a module that the target language cannot load."""

    name = Flag.DOES_NOT_LOAD
    reason = "code that does not load is never right"

    def check(self, source: str, inspection: Inspection) -> RedFlag | None:
        """Flag a module that does not load, with the language's own reason."""
        complaint = inspection.loads(source)
        return None if complaint is None else RedFlag(flag=self.name, detail=" ".join(complaint.split())[:200])


class Placeholder:
    """Flags a module that only stands in for an answer."""

    name = Flag.PLACEHOLDER
    reason = "an empty body is a promise, not an answer"

    def check(self, source: str, inspection: Inspection) -> RedFlag | None:
        """Flag a module whose body is a placeholder."""
        return RedFlag(flag=self.name, detail="the body is a placeholder") if inspection.placeholder(source) else None


RULES: tuple[Rule, ...] = (TooLong(), DoesNotLoad(), Placeholder())
"""In this order: no parser meets a text over the limits, and only what loads is searched for placeholders."""


def first_flag(
    source: str,
    *,
    loads: Callable[[str], str | None],
    placeholder: Callable[[str], bool],
    max_source_lines: int = MAX_SOURCE_LINES,
    max_source_bytes: int = MAX_SOURCE_BYTES,
) -> RedFlag | None:
    """Return the first red flag of an extracted module, or None where it may be verified."""
    inspection = Inspection(loads, placeholder, max_source_lines, max_source_bytes)
    for rule in RULES:
        flag = rule.check(source, inspection)
        if flag is not None:
            return flag
    return None
