"""Reads files of data and of prose: their content, why one is malformed, and which of its links lead nowhere.

Nothing is executed and no file is opened; links to other hosts are not followed, and so not judged.
"""

import csv
import io
import json
import math
import posixpath
import re
import tomllib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, time
from html.parser import HTMLParser
from typing import Any

from pydantic import JsonValue

FORMATS = ("json", "toml", "csv", "markdown", "html", "text")
"""Every format that can be asked for."""

LOOSE = frozenset({"csv", "markdown", "html", "text"})
"""Formats as which any prose can be read, so that an answer in one is known by its fence alone."""

_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
_OUTSIDE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)
_LINK = re.compile(r"\[[^\[\]\n]*+\]\(\s*+<?([^)\s>]++)>?[^)\n]*+\)")  # nothing is given back: a line may be long
_HEADING = re.compile(r" {0,3}#{1,6}\s+")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


@dataclass(frozen=True)
class Malformed:
    """Why a text is no file of its format, and the line where that is known."""

    message: str
    line: int | None = None


@dataclass(frozen=True)
class _Read:
    """A file's content, its links with their lines, and what links may point at in it."""

    content: JsonValue
    links: tuple[tuple[int, str], ...] = ()
    anchors: frozenset[str] = frozenset()


def content_of(format_: str, text: str) -> JsonValue | Malformed:
    """Return what a file says: data as JSON has it, rows of texts, or lines without blanks at their end."""
    found = _read(format_, text)
    return found if isinstance(found, Malformed) else found.content


def dead_links(format_: str, text: str, target: str, paths: Collection[str]) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each link into the file itself, or to another of ``paths``, that leads nowhere.

    ``target`` is the file's own path.
    """
    found = _read(format_, text)
    if isinstance(found, Malformed):
        return
    for line, link in found.links:
        if _OUTSIDE.match(link):
            continue
        path, _, anchor = link.partition("#")
        path = path.partition("?")[0]
        if not path:
            if anchor and anchor not in found.anchors:
                yield line, link
        elif posixpath.normpath(posixpath.join(posixpath.dirname(target), path)) not in paths:
            yield line, link


def _read(format_: str, text: str) -> _Read | Malformed:
    return {"json": _json, "toml": _toml, "csv": _csv, "markdown": _markdown, "html": _html}.get(format_, _text)(text)


def _json(text: str) -> _Read | Malformed:
    try:
        return _Read(json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite))
    except json.JSONDecodeError as error:
        return Malformed(error.msg, error.lineno)
    except (ValueError, RecursionError) as error:
        return Malformed("it is nested too deeply" if isinstance(error, RecursionError) else str(error))


def _unique(pairs: list[tuple[str, JsonValue]]) -> JsonValue:
    found: dict[str, JsonValue] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key {name!r} is there twice")
        found[name] = value
    return found


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits[:40]} is more than a float can hold")
    return number


def _refuse(word: str) -> JsonValue:
    raise ValueError(f"{word} is not JSON")


def _toml(text: str) -> _Read | Malformed:
    try:
        return _Read(_plain(tomllib.loads(text)))
    except (ValueError, RecursionError) as error:  # an integer of too many digits is no TOMLDecodeError
        place = re.search(r"at line (\d+)", str(error))
        return Malformed(str(error) or "it is nested too deeply", int(place[1]) if place else None)


def _plain(value: Any) -> JsonValue:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, date | time):
        return value.isoformat()
    plain: JsonValue = value
    return plain


def _csv(text: str) -> _Read | Malformed:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    read: list[JsonValue] = []
    width: int | None = None
    try:
        for row in rows:
            if not row:
                continue
            if width not in (None, len(row)):
                return Malformed(f"a row has {len(row)} fields where the first has {width}", rows.line_num)
            width = len(row)
            read.append(list(row))
    except csv.Error as error:
        return Malformed(str(error), rows.line_num)
    return _Read(read)


def _lines(text: str) -> JsonValue:
    lines: list[JsonValue] = [line.rstrip() for line in text.rstrip().split("\n")]
    return lines


def _text(text: str) -> _Read | Malformed:
    return _Read(_lines(text))


def _markdown(text: str) -> _Read | Malformed:
    links: list[tuple[int, str]] = []
    anchors: dict[str, int] = {}
    fence: tuple[str, int] | None = None
    for number, line in enumerate(text.split("\n"), 1):
        mark = _FENCE.match(line)
        if fence is not None:
            if mark and mark[1].startswith(fence[0]) and not line[mark.end() :].strip():
                fence = None
        elif mark:
            fence = mark[1], number
        else:
            prose = re.sub(r"`[^`\n]*`", "", line)
            links += ((number, link) for link in _LINK.findall(prose[: prose.rfind(")") + 1]))
            heading = _HEADING.match(line)
            if heading:
                _add_anchor(line[heading.end() :].rstrip().rstrip("#").rstrip(), anchors)
    if fence is not None:
        return Malformed("a fenced block is not closed", fence[1])
    return _Read(_lines(text), tuple(links), frozenset(anchors))


def _add_anchor(heading: str, taken: dict[str, int]) -> None:
    """Name a heading as GitHub does: small letters, hyphens for blanks, and a number where the name is taken.

    ``taken`` maps each name to the highest number that was put behind it.
    """
    name = stem = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
    while name in taken:
        taken[stem] += 1
        name = f"{stem}-{taken[stem]}"
    taken[name] = 0


def _html(text: str) -> _Read | Malformed:
    page = _Page()
    try:
        page.feed(text)
        page.close()
    except AssertionError as error:  # so the standard library refuses some marked sections
        return Malformed(str(error), page.getpos()[0])
    if page.fault is None and page.open:
        tag, line = page.open[-1]
        page.fault = Malformed(f"<{tag}> is not closed", line)
    return page.fault or _Read(_lines(text), tuple(page.links), frozenset(page.anchors))


class _Page(HTMLParser):
    """Follows which elements are open, and takes down what points where."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, int]] = []
        self.links: list[tuple[int, str]] = []
        self.anchors: list[str] = []
        self.fault: Malformed | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        line = self.getpos()[0]
        if tag not in _VOID:
            self.open.append((tag, line))
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append((line, value))
            elif name == "id" and value:
                self.anchors.append(value)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if self.fault is None and tag not in _VOID:
            if not self.open or self.open[-1][0] != tag:
                self.fault = Malformed(f"</{tag}> closes nothing that is open there", self.getpos()[0])
            else:
                self.open.pop()
