"""What can be known of a model's answer without running it: its size, its blocks, and the one candidate in it.

These are facts for rules to judge; nothing here rejects, and nothing repairs. What garbled the form of an answer has
often garbled its content too (MAKER, arXiv 2511.09030, found that a repairing parser lets correlated errors through).
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from pydantic import JsonValue

from millwright.core.red_flags.fences import Fences, find_fences
from millwright.core.red_flags.strict_json import NotStrictJsonError, is_storable, read_object, strings_of
from millwright.core.red_flags.tokens import Piece
from schemas.models import FinishReason

MAX_CODE_BYTES = 64 * 1024
MAX_TEXT_BYTES = 1024 * 1024

_PROSE_KEY = "description"
"""The one key of specifications under which prose stands; other strings are names, types and expressions."""

_REFUSAL = re.compile(
    r"\bI(?:['’]m| am)? (?:can['’]?t|cannot|can not|won['’]t|will not|am unable|unable|not able|must decline|decline)\b"
    r"|\bas an AI\b",
    re.IGNORECASE,
)
_APOLOGY = re.compile(r"\s*(?:(?:I['’]m |I am )?(?:very |so )?sorry\b[,.!;:]?\s*(?:but\s+)?)?", re.IGNORECASE)


class Form(StrEnum):
    """What an answer is asked to be."""

    CODE = "code"
    JSON = "json"
    PROSE = "prose"


@dataclass(frozen=True)
class Dialect:
    """What rules may ask of the language that code is to be written in.

    ``loads`` returns None where a module loads, else why it does not; it must be strict, since prose that it accepts is
    taken for code. A language without a parser has none, and its code is known by its fence alone. ``placeholder`` says
    whether a module that loads has only an empty body. ``pieces`` tells the code, comments and strings of a source
    apart, ``remarks`` finds its comments and docstrings.
    """

    fence_tags: tuple[str, ...]
    loads: Callable[[str], str | None] | None
    placeholder: Callable[[str], bool] | None
    pieces: Callable[[str], Iterable[Piece]]
    remarks: Callable[[str], Iterable[Piece]]


@dataclass(frozen=True)
class Answer:
    """One answer of a model, and what follows from its text alone; each fact is worked out once, when it is asked for.

    ``dialect`` is the language of an answer in code, and None for other forms.
    """

    text: str
    finish_reason: FinishReason
    form: Form
    dialect: Dialect | None = None

    @cached_property
    def size(self) -> int:
        """Its bytes in UTF-8."""
        return size_of(self.text)

    @cached_property
    def is_readable(self) -> bool:
        """Whether it is searched for candidates at all: it has text, a database keeps it, and it is no flood."""
        return self.size <= MAX_TEXT_BYTES and bool(self.text.strip()) and is_storable(self.text)

    @cached_property
    def body(self) -> str:
        """The text with Unix line ends."""
        return self.text.replace("\r\n", "\n")

    @cached_property
    def is_bare(self) -> bool:
        """Whether the whole text is the candidate as it stands.

        Asked before the fences, since docstrings and strings may hold fenced blocks of their own.
        """
        match self.form:
            case Form.CODE:
                loads = self.dialect.loads if self.dialect is not None else None
                return loads is not None and size_of(self.body) <= MAX_CODE_BYTES and loads(self.body) is None
            case Form.JSON:
                return self.body.strip()[:1] in ("{", "[")
            case Form.PROSE:
                return True

    @cached_property
    def fences(self) -> Fences:
        """Its fenced blocks, whether or not they matter."""
        return find_fences(self.body)

    @cached_property
    def is_unclosed(self) -> bool:
        """Whether it breaks off inside a fenced block; one that a filter stopped was stopped, and did not break off."""
        stopped = self.finish_reason is FinishReason.FILTERED
        return self.is_readable and not stopped and not self.is_bare and self.fences.unclosed

    @cached_property
    def candidates(self) -> tuple[str, ...]:
        """The different candidates in it, in their order: the same block repeated is one.

        Code ends in one newline. Blank blocks, and blocks in other languages, are none.
        """
        if not self.is_readable:
            return ()
        if self.is_bare:
            return (_module(self.body) if self.form is Form.CODE else self.body,)
        tags = {"json"} if self.dialect is None else {tag.casefold() for tag in self.dialect.fence_tags}
        found = [_module(body) for tag, body in self.fences.blocks if tag in {"", *tags} and body.strip()]
        return tuple(dict.fromkeys(found))

    @cached_property
    def candidate(self) -> str:
        """The first candidate; the whole text where there is none, for rule sets that let such answers pass."""
        return self.candidates[0] if self.candidates else _module(self.body)

    @cached_property
    def complaint(self) -> str | None:
        """Why its candidate does not load; None where it does, or nobody can say."""
        loads = self.dialect.loads if self.dialect is not None else None
        # Bare text was asked already. Only blank space at its end was taken off, which a line joined to it may need.
        if loads is None or (self.is_readable and self.is_bare and not self.candidate.endswith("\\\n")):
            return None
        return loads(self.candidate)

    @cached_property
    def declines(self) -> bool:
        """Whether it declines the task: prose that begins so, or words to that effect where there is no candidate.

        Words are judged only where there is no code: on code, word lists were measured to be harmful.
        """
        if not self.is_readable:
            return False
        if self.form is Form.PROSE:
            apology = _APOLOGY.match(self.body)
            return _REFUSAL.match(self.body, apology.end() if apology else 0) is not None
        return not self.candidates and _REFUSAL.search(self.body) is not None

    @cached_property
    def document(self) -> dict[str, JsonValue] | NotStrictJsonError | None:
        """The object that an answer in JSON holds, or why it is none; None where that cannot be asked."""
        if self.form is not Form.JSON or not self.candidates:
            return None
        try:
            return read_object(self.candidates[0])
        except NotStrictJsonError as error:
            return error

    @cached_property
    def remarks(self) -> tuple[Piece, ...]:
        """What it says in words: prose outside code, comments, docstrings, and descriptions in JSON."""
        if self.form is Form.PROSE:
            return (Piece(self.body, 1),)
        outside = () if self.is_bare else (Piece(self.fences.outside, 1),)
        if self.dialect is not None:
            return (*outside, *self.dialect.remarks(self.candidate))
        if isinstance(self.document, dict):
            told = (text for key, text in strings_of(self.document) if key == _PROSE_KEY and text != key)
            return (*outside, *(Piece(text, 0) for text in told))
        return outside


def size_of(text: str) -> int:
    """Count the bytes of a text in UTF-8; half of a surrogate pair is three."""
    return len(text.encode("utf-8", "surrogatepass"))


def _module(body: str) -> str:
    return body.rstrip() + "\n"
