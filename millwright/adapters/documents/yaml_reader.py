"""Reads YAML by JSON's scalar rules, and knows on which line each value stands.

It has no dates, no ``yes`` and ``no``, no octal and no tags, and refuses aliases: what it returns is what the same text
written as JSON would say.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml
from pydantic import JsonValue

from millwright.errors import BadInput

Path = tuple[str | int, ...]
"""The way to a value: keys of mappings and indices of lists."""

_DEEPEST = 60
_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORDS: dict[str, JsonValue] = {"null": None, "": None, "true": True, "false": False}
_MOST_DIGITS = 1000


class DocumentSyntaxError(ValueError):
    """A text is not a document; ``line`` is one-based, ``path`` leads to the place where it is known."""

    def __init__(self, message: str, line: int, path: Path = ()) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.path = path


@dataclass(frozen=True)
class Located:
    """A document's value, and the one-based line on which each part of it begins."""

    value: JsonValue
    lines: dict[Path, int]

    def line_of(self, path: Path) -> int | None:
        """Return the line of the part at ``path``, or of the nearest part around it."""
        return next((self.lines[path[:end]] for end in range(len(path), -1, -1) if path[:end] in self.lines), None)


def read_small_yaml(content: bytes, origin: str, largest: int, kind: str) -> Located:
    """Read a file of at most so many bytes; ``origin`` names it in messages, and ``kind`` says what it is.

    Raises:
        BadInput: too large, no UTF-8, or no YAML, which is told with its line.
    """
    if len(content) > largest:
        raise BadInput(f"{origin} has {len(content)} bytes; {kind} may have at most {largest}")
    try:
        return read_yaml(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadInput(f"{origin} is not text in UTF-8: save it as UTF-8 and try again") from error
    except DocumentSyntaxError as error:
        raise BadInput(f"{origin}, line {error.line}: {error.message}") from error


def read_yaml(text: str) -> Located:
    """Read one YAML document.

    Raises:
        DocumentSyntaxError: not YAML, several documents, an alias, a tag, a key twice, or nested deeper than 60 levels.
    """
    try:
        return _Reader(yaml.parse(text, Loader=_LOADER)).read()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise DocumentSyntaxError(
            f"not YAML: {error.problem or error.context}", mark.line + 1 if mark else 1
        ) from error
    except yaml.YAMLError as error:
        raise DocumentSyntaxError(f"not YAML: {error}", 1) from error


class _Reader:
    """Builds a value from the parser's events."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self._events = events
        self._lines: dict[Path, int] = {}

    def read(self) -> Located:
        value: JsonValue = None
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _fault(event, "there is more than one document", ())
            elif isinstance(event, yaml.NodeEvent):
                value = self._value(event, ())
        return Located(value, self._lines)

    def _value(self, event: yaml.Event, path: Path) -> JsonValue:
        self._check(event, path)
        self._lines.setdefault(path, _line(event))
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event, path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return self._mapping(path)

    def _sequence(self, path: Path) -> JsonValue:
        items: list[JsonValue] = []
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._value(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> JsonValue:
        mapping: dict[str, JsonValue] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            self._check(event, path)
            if not isinstance(event, yaml.ScalarEvent):
                raise _fault(event, "a key must be a word, not a list or a mapping", path)
            key = event.value
            if key in mapping:
                raise _fault(event, f"the key {key!r} is there twice", (*path, key))
            self._lines[(*path, key)] = _line(event)
            mapping[key] = self._value(next(self._events), (*path, key))
        return mapping

    def _check(self, event: yaml.Event, path: Path) -> None:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise _fault(event, "anchors and aliases are not allowed: write the value out", path)
        if getattr(event, "tag", None) not in (None, "!"):
            raise _fault(event, f"the tag {getattr(event, 'tag', '')} is not allowed", path)
        if len(path) > _DEEPEST:
            raise _fault(event, f"nested deeper than {_DEEPEST} levels", path)


def _scalar(event: yaml.ScalarEvent, path: Path) -> JsonValue:
    text: str = event.value
    if not event.implicit[0]:  # quoted or a block: a string, whatever it looks like
        return text
    if text in _WORDS:
        return _WORDS[text]
    if not _NUMBER.fullmatch(text):
        return text
    if len(text) > _MOST_DIGITS:
        raise _fault(event, f"a number of more than {_MOST_DIGITS} digits", path)
    if _INTEGER.fullmatch(text):
        return int(text)
    number = float(text)
    if math.isinf(number):
        raise _fault(event, f"the number {text} is too large for a float", path)
    return number


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark is not None else 1


def _fault(event: yaml.Event, message: str, path: Path) -> DocumentSyntaxError:
    return DocumentSyntaxError(message, _line(event), path)
