"""Tells the code of a source from its comments and strings, for languages that have no parser here.

It knows no grammar, and takes a regular expression or a nested comment for what it looks like.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class Kind(StrEnum):
    """What a piece of a source is."""

    CODE = "code"
    COMMENT = "comment"
    STRING = "string"
    PROSE = "prose"


@dataclass(frozen=True)
class Piece:
    """A stretch of a text, with the one-based line of its source on which it begins; 0 where it has none."""

    text: str
    line: int
    kind: Kind = Kind.PROSE


@dataclass(frozen=True)
class Lexis:
    """How a language writes comments and strings, each as regular expressions; what is not closed runs to its end."""

    comments: tuple[str, ...]
    strings: tuple[str, ...]


_QUOTED = r'"(?:\\.|[^"\\\n])*(?:"|(?=\n)|\Z)'
_SINGLE_QUOTED = r"'(?:\\.|[^'\\\n])*(?:'|(?=\n)|\Z)"
_BACK_QUOTED = r"`(?:\\.|[^`\\])*(?:`|\Z)"
_CHARACTER = r"'(?:\\[^\n']*'?'|[^'\\\n]')"
_SLASHES = (r"//[^\n]*", r"/\*[\s\S]*?(?:\*/|\Z)")
_HASH = r"\#[^\n]*"
_TRIPLE = (r'"""(?:\\.|[^\\])*?(?:"""|\Z)', r"'''(?:\\.|[^\\])*?(?:'''|\Z)")

C_LIKE = Lexis(_SLASHES, (_QUOTED, _CHARACTER))
"""A lone quote is not a string: Rust writes lifetimes so."""

SCRIPT_LIKE = Lexis(_SLASHES, (_QUOTED, _SINGLE_QUOTED, _BACK_QUOTED))
GO_LIKE = Lexis(_SLASHES, (_QUOTED, _CHARACTER, _BACK_QUOTED))
HASH_LIKE = Lexis((_HASH,), (*_TRIPLE, _QUOTED, _SINGLE_QUOTED))

LEXES = {
    "go": GO_LIKE,
    "javascript": SCRIPT_LIKE,
    "python": HASH_LIKE,
    "ruby": HASH_LIKE,
    "typescript": SCRIPT_LIKE,
}
"""Languages by the name that specifications use; all others are read as C is."""


def split(source: str, lexis: Lexis) -> Iterator[Piece]:
    """Yield the pieces of a source in their order; put together, they are the source."""
    place, line = 0, 1
    for found in _pattern(lexis).finditer(source):
        if found.start() > place:
            yield Piece(source[place : found.start()], line, Kind.CODE)
        line += source.count("\n", place, found.start())
        yield Piece(found[0], line, Kind.COMMENT if found.lastgroup == Kind.COMMENT else Kind.STRING)
        line += found[0].count("\n")
        place = found.end()
    if place < len(source):
        yield Piece(source[place:], line, Kind.CODE)


@lru_cache(maxsize=16)
def _pattern(lexis: Lexis) -> re.Pattern[str]:
    groups = ((Kind.COMMENT, lexis.comments), (Kind.STRING, lexis.strings))
    return re.compile("|".join(_group(kind, patterns) for kind, patterns in groups if patterns), re.DOTALL)


def _group(kind: Kind, patterns: Sequence[str]) -> str:
    return f"(?P<{kind.value}>{'|'.join(patterns)})"
