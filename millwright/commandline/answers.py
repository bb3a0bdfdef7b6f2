"""Where recorded answers come from: JSON lines read one by one, or a text that is one answer.

It judges no answer. A line is read only when the ones before it are done with, so that a file of any length fits.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from millwright.commandline.candidates import LONGEST_LINE, opened
from millwright.errors import BadInput
from schemas.identity import Archetype
from schemas.models import FinishReason

_LINES = (".jsonl", ".ndjson")
_KEYS = ({"task", "completions"}, {"id", "text"})


@dataclass(frozen=True)
class Recorded:
    """One recorded answer; ``function`` and ``archetype`` are None where the file does not say them."""

    id: str
    text: str
    finish_reason: FinishReason = FinishReason.STOP
    function: str | None = None
    archetype: Archetype | None = None


def read_answers(origin: str) -> Iterator[Recorded]:
    """Read the answers of a file, or of stdin for ``-``: JSON lines where its name or first line says so, else a text.

    A line is ``{"task", "completions": [...]}``, where an answer is a text or ``{"text", "finish_reason"}``, or it is
    ``{"id", "text", "finish_reason"}``; both may have ``name``, the function's, and ``archetype``. Blank lines are
    passed over.

    Raises:
        BadInput: the file cannot be read, a line is no such object, or there is no answer at all.
    """
    with opened(origin) as stream:
        first = stream.readline(LONGEST_LINE + 1)
        if not _holds_lines(origin, first):
            yield Recorded(id=origin, text=_whole(stream, first, origin))
            return
        found = False
        for number, line in enumerate(chain([first] if first else [], _rest(stream)), start=1):
            place = f"{origin}, line {number}"
            if len(line) > LONGEST_LINE:
                raise BadInput(f"{place}: longer than {LONGEST_LINE} bytes; give one object a line")
            if line.strip():
                for answer in _of_line(line, place):
                    found = True
                    yield answer
    if not found:
        raise BadInput(f"{origin} holds no answers: give one JSON object a line")


def _holds_lines(origin: str, first: bytes) -> bool:
    if Path(origin).suffix in _LINES:
        return True
    try:
        fields = json.loads(first)
    except (ValueError, RecursionError):
        return False
    return isinstance(fields, dict) and any(keys <= fields.keys() for keys in _KEYS)


def _whole(stream: BinaryIO, first: bytes, origin: str) -> str:
    content = first + stream.read(LONGEST_LINE + 1)
    if len(content) > LONGEST_LINE:
        raise BadInput(f"{origin} is longer than {LONGEST_LINE} bytes: give one answer, or JSON lines")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadInput(f"{origin}, line {line}: not UTF-8 text; give one answer, or JSON lines") from error


def _rest(stream: BinaryIO) -> Iterator[bytes]:
    while line := stream.readline(LONGEST_LINE + 1):
        yield line


def _of_line(line: bytes, place: str) -> Iterator[Recorded]:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{place}: not JSON ({error}); give one object a line") from error
    if not isinstance(fields, dict) or not any(keys <= fields.keys() for keys in _KEYS):
        raise BadInput(f'{place}: give an object with "task" and "completions", or with "id" and "text"')
    archetype = _archetype(fields, place)
    function = _text(fields, "name", place) if "name" in fields else None
    if "completions" not in fields:
        yield _answer(fields, _text(fields, "id", place), function, archetype, place)
        return
    task, completions = _text(fields, "task", place), fields["completions"]
    if not isinstance(completions, list):
        raise BadInput(f'{place}: "completions" must be a list of answers')
    for index, item in enumerate(completions):
        answer = {"text": item} if isinstance(item, str) else item
        if not isinstance(answer, dict) or "text" not in answer:
            raise BadInput(f'{place}: completions[{index}] must be a text, or an object with "text"')
        yield _answer(answer, f"{task}[{index}]", function, archetype, place)


def _answer(
    fields: Mapping[str, object], name: str, function: str | None, archetype: Archetype | None, place: str
) -> Recorded:
    said = fields.get("finish_reason", FinishReason.STOP.value)
    try:
        reason = FinishReason(str(said))
    except ValueError as error:
        raise BadInput(f'{place}: "finish_reason" must be one of {", ".join(FinishReason)}') from error
    return Recorded(name, _text(fields, "text", place), reason, function, archetype)


def _archetype(fields: Mapping[str, object], place: str) -> Archetype | None:
    if "archetype" not in fields:
        return None
    try:
        return Archetype(str(fields["archetype"]))
    except ValueError as error:
        raise BadInput(f'{place}: "archetype" must be one of {", ".join(Archetype)}') from error


def _text(fields: Mapping[str, object], name: str, place: str) -> str:
    value = fields[name]
    if not isinstance(value, str):
        raise BadInput(f'{place}: "{name}" must be a text')
    return value
