"""Cuts requirements in prose into numbered statements, each with its place in the text.

It is a reader of layout, not of meaning: headings, lists, tables, blocks and sentences are told apart by rule, so that
a statement's span is a fact and never a model's claim. What a statement is, specifiers say.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from schemas.identity import RequirementId
from schemas.requirements import Statement

MOST_SENTENCES = 400
"""Above so many statements paragraphs are no longer cut into sentences: an answer has to name every number."""

_FENCE = re.compile(r"\s{0,3}(?:```|~~~)")
_HEADING = re.compile(r"\s{0,3}#{1,6}\s+")
_UNDERLINE = re.compile(r"\s{0,3}(?:=+|-+)\s*$")
_RULE = re.compile(r"\s{0,3}(?:[-*_]\s*){3,}$")
_ITEM = re.compile(r"\s{0,12}(?:[-*+•]|\d{1,9}[.)])\s+(?=\S)")
_ROW = re.compile(r"\s*\|.*\|\s*$")
_ROW_RULE = re.compile(r"[\s|:-]+$")
_CODE = re.compile(r"(?: {4}|\t)\s*\S")
_END = re.compile(r"(?P<end>[.!?…][\"')\]”’»*_`]*)(?P<gap>\s+)|(?P<wide>[。！？])")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'])(?:e\.g|i\.e|cf|vs|etc|approx|no|nr|fig|mr|mrs|ms|dr|st|z\.B|d\.h|bzw)\.$", re.IGNORECASE
)


@dataclass(frozen=True)
class _Piece:
    """A span of the prose, and the heading above it."""

    start: int
    end: int
    heading: str


@dataclass(frozen=True)
class _Line:
    """A line of the prose without its line break, and where it begins."""

    start: int
    text: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def body_start(prose: str) -> int:
    """Return where the prose begins after its front matter, a block between two lines of three hyphens; else 0."""
    lines = _lines(prose)
    if not lines or lines[0].text.removeprefix("\ufeff").rstrip() != "---":
        return 0
    for number, line in enumerate(lines[1:], 1):
        if line.text.rstrip() == "---":
            return lines[number + 1].start if number + 1 < len(lines) else len(prose)
    return 0


def head_of(prose: str) -> str:
    """Return the text of the front matter; empty where there is none."""
    lines = _lines(prose[: body_start(prose)])
    return "\n".join(line.text for line in lines[1:] if line.text.rstrip() != "---")


def statements(prose: str) -> tuple[Statement, ...]:
    """Return the numbered statements of a text in their order: R1, R2, …; the same text has the same numbers.

    Front matter and headings are no statements. What is said again in the next statement is numbered once.
    """
    fine = _numbered(prose, _pieces(prose, sentences=True))
    return fine if len(fine) <= MOST_SENTENCES else _numbered(prose, _pieces(prose, sentences=False))


def marked(prose: str, numbered: Sequence[Statement]) -> str:
    """Return the text without its front matter, with each statement's number in brackets before it."""
    parts, at = [], body_start(prose)
    for item in numbered:
        parts += [prose[at : item.start], f"[{item.id}] "]
        at = item.start
    return "".join((*parts, prose[at:])).strip()


def _numbered(prose: str, pieces: Iterator[_Piece]) -> tuple[Statement, ...]:
    found: list[Statement] = []
    breaks = [at for at, character in enumerate(prose) if character == "\n"]
    for piece in pieces:
        text = " ".join(prose[piece.start : piece.end].split())
        again = bool(found) and (found[-1].text, found[-1].heading) == (text, piece.heading)
        if again or not any(character.isalnum() for character in text):
            continue
        found.append(
            Statement(
                id=RequirementId(f"R{len(found) + 1}"),
                text=text,
                start=piece.start,
                end=piece.end,
                first_line=bisect_left(breaks, piece.start) + 1,
                last_line=bisect_left(breaks, piece.end - 1) + 1,
                heading=piece.heading,
            )
        )
    return tuple(found)


def _lines(prose: str) -> list[_Line]:
    found, start = [], 0
    for text in prose.split("\n"):
        found.append(_Line(start, text.rstrip("\r")))
        start += len(text) + 1
    return found


def _pieces(prose: str, *, sentences: bool) -> Iterator[_Piece]:
    """Yield the pieces of a text, block by block."""
    heading = ""
    for block in _blocks(prose):
        title = _title(block)
        if title is not None:
            heading = title
        elif _ROW.match(block[0].text):
            head, rows = _table(block)
            yield from (_Piece(*_bare(line), ": ".join(filter(None, (heading, head)))) for line in rows)
        elif _FENCE.match(block[0].text) or _CODE.match(block[0].text):
            yield _Piece(*_bare(block[0], block[-1]), heading)
        else:
            yield from _said(prose, block, heading, sentences)


def _blocks(prose: str) -> Iterator[list[_Line]]:
    """Yield runs of lines that belong together: a heading, a paragraph, a list item, a table, a block of code."""
    start = body_start(prose)
    block: list[_Line] = []
    fenced = False
    for line in _lines(prose):
        if line.start < start:
            continue
        if fenced:
            block.append(line)
            if _FENCE.match(line.text):
                yield block
                block, fenced = [], False
            continue
        if block and _parts(block, line):
            yield block
            block = []
        if line.text.strip() and (block or not _RULE.match(line.text)):
            block.append(line)
        fenced = bool(_FENCE.match(line.text))
    if block:
        yield block


def _parts(block: Sequence[_Line], line: _Line) -> bool:
    """Say whether a line does not belong to the block before it."""
    first, text = block[0].text, line.text
    if not text.strip() or _HEADING.match(text) or _FENCE.match(text) or _title(block) is not None:
        return True
    if _is_plain(first) and _UNDERLINE.match(text) and len(block) == 1:
        return False  # a heading that is underlined; after a list item or a row such a line is a rule
    if _RULE.match(text) or _ITEM.match(text):
        return True
    return any(kind.match(first) and not kind.match(text) for kind in (_ROW, _CODE)) or (
        bool(_ROW.match(text)) and not _ROW.match(first)
    )


def _is_plain(text: str) -> bool:
    return not (_ITEM.match(text) or _ROW.match(text) or _CODE.match(text))


def _title(block: Sequence[_Line]) -> str | None:
    heading = _HEADING.match(block[0].text)
    if heading:
        return block[0].text[heading.end() :].rstrip().rstrip("#").rstrip()
    underlined = len(block) == 2 and _UNDERLINE.match(block[1].text) and _is_plain(block[0].text)
    return block[0].text.strip() if underlined else None


def _table(block: Sequence[_Line]) -> tuple[str, Sequence[_Line]]:
    """Return a table's head, empty where no rule follows its first row, and its other rows."""
    headed = len(block) > 1 and _ROW_RULE.match(block[1].text)
    rows = [line for line in (block[2:] if headed else block) if not _ROW_RULE.match(line.text)]
    return (" ".join(block[0].text.split()) if headed else ""), rows


def _bare(first: _Line, last: _Line | None = None) -> tuple[int, int]:
    """Return the span of lines without the white space around them."""
    last = last or first
    start = first.start + len(first.text) - len(first.text.lstrip())
    return start, last.start + len(last.text.rstrip())


def _said(prose: str, block: Sequence[_Line], heading: str, sentences: bool) -> Iterator[_Piece]:
    """Yield the sentences of a paragraph or of a list item, or the whole of it."""
    start, end = _bare(block[0], block[-1])
    mark = _ITEM.match(block[0].text)
    if mark:
        start = block[0].start + mark.end()
    at = start
    for ending in _END.finditer(prose, start, end) if sentences else ():
        stop = ending.end("end") if ending["end"] else ending.end()
        if stop < end and _ends(prose, at, ending, end):
            yield _Piece(at, stop, heading)
            at = ending.end()
    if at < end:
        yield _Piece(at, end, heading)


def _ends(prose: str, start: int, ending: re.Match[str], end: int) -> bool:
    """Say whether a full stop ends a sentence: no abbreviation stands before it, no small letter follows it."""
    if ending["wide"]:
        return True
    if prose[ending.end() : ending.end() + 1].islower():
        return False
    before = prose[start : ending.start("end") + 1]
    return prose[ending.start("end")] != "." or not _ABBREVIATION.search(before[-12:])
