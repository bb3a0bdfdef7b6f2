"""Finds the fenced blocks of a model's text, and what stands outside them.

It reads them as CommonMark does, at any indentation, since answers put them into lists; it does not judge them.
"""

import re
from dataclasses import dataclass

_FENCE = re.compile(r"([ \t]*)(`{3,}|~{3,})[ \t]*(.*)")


@dataclass(frozen=True)
class Fences:
    """The fenced blocks of a text as (tag, body), the prose outside them, and whether the last one stays open."""

    blocks: tuple[tuple[str, str], ...]
    outside: str
    unclosed: bool


def find_fences(text: str) -> Fences:
    """Read the blocks of a text with Unix line ends; one that stays open reaches to the end of the text."""
    blocks: list[tuple[str, str]] = []
    outside: list[str] = []
    opened: tuple[int, str, str] | None = None
    body: list[str] = []
    for line in text.split("\n"):  # not splitlines: it also breaks at form feeds and U+2028 inside string literals
        fence = _FENCE.fullmatch(line)
        if opened is None:
            # A backtick in the info string makes it inline code, not a fence.
            if fence is not None and not (fence[2][0] == "`" and "`" in fence[3]):
                opened, body = (len(fence[1]), fence[2], _tag(fence[3])), []
            # A line for a line, so that the prose keeps the numbers of its lines.
            outside.append("" if fence is not None else line)
        elif fence is not None and _closes(fence, opened[0], opened[1]):
            blocks.append((opened[2], "\n".join(body)))
            opened = None
            outside.append("")
        else:
            indent = min(opened[0], len(line) - len(line.lstrip(" \t")))
            body.append(line[indent:])
            outside.append("")
    if opened is not None:
        blocks.append((opened[2], "\n".join(body)))
    return Fences(tuple(blocks), "\n".join(outside), unclosed=opened is not None)


def _closes(fence: re.Match[str], indent: int, marks: str) -> bool:
    return fence[2].startswith(marks) and not fence[3].strip() and len(fence[1]) < indent + 4


def _tag(info: str) -> str:
    words = info.split()
    return words[0].casefold() if words else ""
