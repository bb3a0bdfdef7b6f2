"""The rules that only advise: words in prose, comments and docstrings that make an answer a little less likely.

They never reject, and never look at code: on code, word lists were measured to throw away good answers. What they find
is recorded with its weight.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol

from millwright.core.red_flags.tokens import Piece

_SHOWN = 60


@dataclass(frozen=True)
class Advice:
    """What one rule advises of one answer: how often it hit, and where first; line 0 is in a text without lines.

    ``weight`` is the rule's in the rule set, from 0 to 1; it orders answers for a reader and rejects none.
    """

    rule: str
    weight: float
    times: int
    line: int
    detail: str


class Advisor(Protocol):
    """One kind of words that advise against an answer."""

    @property
    def name(self) -> str:
        """Its name in rule sets."""
        ...

    @property
    def reason(self) -> str:
        """Why it is worth knowing, in a line."""
        ...

    @property
    def weight(self) -> float:
        """Its weight where a rule set names no other."""
        ...

    def find(self, text: str) -> Iterator[re.Match[str]]:
        """Find the words in a text that is prose."""
        ...


class Hedging:
    """Words by which the writer doubts the answer."""

    name: ClassVar = "hedging"
    reason: ClassVar = "who doubts an answer while writing it is right less often"
    weight: ClassVar = 0.1
    _WORDS: ClassVar = re.compile(
        r"\bI(?:['’]m| am) not (?:\w+ )?(?:sure|certain)\b"
        r"|\bnot (?:entirely |quite |really )?sure (?:if|whether|that|how)\b"
        r"|\bI (?:think|guess|believe|suppose) (?:this|that|it)\b|\b(?:may|might) not (?:work|be correct|be right)\b"
        r"|\bshould (?:probably|hopefully) work\b|\bhopefully\b|\bI (?:have|did) not test(?:ed)?\b|\buntested\b"
        r"|\bno idea (?:if|why|how|whether)\b",
        re.IGNORECASE,
    )

    def find(self, text: str) -> Iterator[re.Match[str]]:
        """Find such words."""
        return self._WORDS.finditer(text)


class Unfinished:
    """Marks by which the writer says that something is still to do."""

    name: ClassVar = "unfinished"
    reason: ClassVar = "what its writer calls unfinished often is"
    weight: ClassVar = 0.3
    _WORDS: ClassVar = re.compile(
        r"\b(?:TODO|FIXME|XXX)\b|(?i:\b(?:your|rest of the) (?:code|implementation) (?:goes )?here\b"
        r"|\b(?:add|write|put|insert) your (?:code|implementation|solution)\b|\bnot (?:yet |fully )?implemented\b"
        r"|\bleft as an exercise\b|\bto be (?:done|implemented)\b|\bplaceholder\b)"
    )

    def find(self, text: str) -> Iterator[re.Match[str]]:
        """Find such marks."""
        return self._WORDS.finditer(text)


ADVISORS: tuple[Advisor, ...] = (Hedging(), Unfinished())


def advise(remarks: Iterable[Piece], weights: Iterable[tuple[str, float]]) -> tuple[Advice, ...]:
    """Return what the advisors find in some remarks, each once with its weight; one without a weight is not asked."""
    told = tuple(remarks)
    known = dict(weights)
    found = (_advice(advisor, told, known[advisor.name]) for advisor in ADVISORS if advisor.name in known)
    return tuple(advice for advice in found if advice is not None)


def _advice(advisor: Advisor, remarks: tuple[Piece, ...], weight: float) -> Advice | None:
    hits = [(piece, hit) for piece in remarks for hit in advisor.find(piece.text)]
    if not hits:
        return None
    piece, hit = hits[0]
    line = piece.line + piece.text.count("\n", 0, hit.start()) if piece.line else 0
    around = piece.text[max(0, hit.start() - _SHOWN // 3) : hit.end() + _SHOWN // 3]
    detail = " ".join(around.split())
    return Advice(rule=advisor.name, weight=weight, times=len(hits), line=line, detail=detail)
