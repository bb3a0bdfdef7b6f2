"""Reads answers as people type them, on a command line or in a conversation, and refuses at once what can be none.

What is typed is a word of the question, a form with its content (``returns 4``, ``code FILE``), or the JSON object of
the message itself. It sends nothing; texts of code and specifications are stored, so that messages name digests alone.
"""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from millwright.commandline.composition import Composition
from millwright.commandline.requests import read_bytes
from millwright.core import resolution
from millwright.core.resolution import AnswerValue, misunderstood
from millwright.errors import BadInput
from schemas.people import Question
from schemas.shortening import shortened

if TYPE_CHECKING:
    from pydantic import JsonValue

    from millwright.ports import ArtifactStore

_LONGEST_SHOWN = 80
_TEXTS = {resolution.CODE: "text/x-source", resolution.SPECIFICATION: "application/json"}
_DIGESTS = {
    resolution.CODE: resolution.CODE_DIGEST,
    resolution.SPECIFICATION: resolution.SPECIFICATION_DIGEST,
}
FILE = "file"
"""What code may be called by in a conversation too."""

GUIDES = "reject"
"""The word at a gate that has to say why."""


def formed(composition: Composition, form: str, content: str) -> "dict[str, JsonValue]":
    """Make an answer of one field from what stands behind it. Raises BadInput, with what would do."""
    form = resolution.CODE if form == FILE else form
    return {form: _READERS[form](composition, content)}


def checked(question: Question, value: AnswerValue) -> AnswerValue:
    """Return an answer that the question takes; a word in other letters is put right.

    Raises:
        BadInput: it takes no such answer; what it takes is named.
    """
    if isinstance(value, str):
        return _word(question, value)
    if question.gate is not None:
        if set(value) != {resolution.ASSIGN}:
            raise BadInput(f"{question.address} is a gate: it takes {', '.join(question.options)}, or --assign NAME")
        return value
    problem = misunderstood(question, value)
    if problem:
        raise BadInput(f"{question.address} does not take this: {problem}; `millwright show {question.address}`")
    return value


def typed(composition: Composition, question: Question, line: str) -> tuple[AnswerValue, str]:
    """Read a line as an answer to a question, and the note behind a word, if there is one.

    Raises:
        BadInput: it is none.
    """
    line = line.strip()
    if line.startswith("{"):
        value = _json("the answer", line)
        if not isinstance(value, dict):
            raise BadInput(f"{_shown(line)} is no JSON object")
        return checked(question, value), ""
    word, _, rest = line.partition(" ")
    if word in question.options:
        return word, _note(question, word, rest)
    if word.lower() in (*_READERS, FILE) and (rest.strip() or word.lower() == FILE):
        return checked(question, formed(composition, word.lower(), rest.strip())), ""
    word = _word(question, word)
    return word, _note(question, word, rest)


async def stored(value: AnswerValue, artifacts: "ArtifactStore") -> AnswerValue:
    """Store the text of code or of a specification, and name its digest in its place."""
    if isinstance(value, str):
        return value
    for form, media_type in _TEXTS.items():
        if form in value:
            content = value[form]
            text = content if isinstance(content, str) else json.dumps(content, sort_keys=True)
            return {_DIGESTS[form]: await artifacts.put(text.encode("utf-8"), media_type)}
    return value


def _note(question: Question, word: str, rest: str) -> str:
    if question.gate is not None and word == GUIDES and not rest.strip():
        raise BadInput("say why, since it guides what is done again: reject NOTE")
    return rest.strip()


def _word(question: Question, word: str) -> str:
    if word in question.options:
        return word
    like = [option for option in question.options if option.lower() == word.lower().replace("-", "_")]
    if len(like) == 1:
        return like[0]
    raise BadInput(
        f"{_shown(word)} is no answer to {question.address}: it takes {', '.join(question.options)}, or one of the "
        f"forms that `millwright show {question.address}` lists"
    )


def _json(what: str, text: str) -> "JsonValue":
    def refused(word: str) -> "JsonValue":
        raise ValueError(f'write {{"$float": "nan"}}, "inf" or "-inf" for {word}')

    try:
        value: JsonValue = json.loads(text, parse_constant=refused)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise BadInput(f'{what} {_shown(text)} is not JSON ({reason}): give 3, "text", [1, 2], true or null') from error
    return value


def _returned(composition: Composition, text: str) -> "JsonValue":
    return _json("returns", text)


def _example(composition: Composition, text: str) -> "JsonValue":
    return _json("example", text)


def _plain(composition: Composition, text: str) -> "JsonValue":
    return text.strip()


def _code(composition: Composition, file: str) -> "JsonValue":
    if not file:
        raise BadInput("name the file with the code: code FILE")
    try:
        return read_bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{file!r} is not text in UTF-8: save it as UTF-8 and try again") from error


def _specification(composition: Composition, file: str) -> "JsonValue":
    return composition.read_fields(read_bytes(file), file)


def _count(composition: Composition, text: str) -> "JsonValue":
    try:
        return int(text)
    except ValueError as error:
        raise BadInput(f"{_shown(text)} is no number of attempts: give one such as 20") from error


def _shown(text: str) -> str:
    return repr(shortened(text, _LONGEST_SHOWN))


_READERS: "dict[str, Callable[[Composition, str], JsonValue]]" = {
    resolution.RETURNS: _returned,
    resolution.RAISES: _plain,
    resolution.EXAMPLE: _example,
    resolution.SPECIFICATION: _specification,
    resolution.CODE: _code,
    resolution.ATTEMPTS: _count,
    resolution.ASSIGN: _plain,
}
FORMS = tuple(_READERS)
"""The fields of which an answer that is no word has one, as they are typed."""
