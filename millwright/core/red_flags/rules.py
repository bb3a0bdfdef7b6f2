"""The rules that reject an answer before it is verified: one rule, one class, each with its reason.

They judge facts that running would show too, never words in code. A later layer may reject what passes here, and what
is flagged here is never verified. Which of them are on is a rule set's matter.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

from millwright.core.red_flags.answer import MAX_CODE_BYTES, MAX_TEXT_BYTES, Answer, Form, size_of
from millwright.core.red_flags.strict_json import NotStrictJsonError, is_storable
from millwright.core.red_flags.tokens import Kind
from schemas.election import Flag, RedFlag
from schemas.models import FinishReason

MAX_SOURCE_LINES = 400
MAX_SOURCE_BYTES = MAX_CODE_BYTES

_CLOSERS = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True)
class Limits:
    """The most that an answer may have: bytes in UTF-8 of the whole text, and lines and bytes of its code.

    Comments and blank lines count too.
    """

    max_text_bytes: int = MAX_TEXT_BYTES
    max_lines: int = MAX_SOURCE_LINES
    max_bytes: int = MAX_SOURCE_BYTES


DEFAULT_LIMITS = Limits()


class Rule(Protocol):
    """One reason to reject an answer unverified."""

    @property
    def name(self) -> str:
        """Its name in rule sets."""
        ...

    @property
    def reason(self) -> str:
        """Why such answers are rejected, in a line."""
        ...

    @property
    def forms(self) -> tuple[Form, ...]:
        """The forms of answers that it is about."""
        ...

    def check(self, answer: Answer, limits: Limits) -> RedFlag | None:
        """Return the flag, or None where the rule has nothing against the answer."""
        ...


class Truncated:
    """Flags an answer that was cut off."""

    name: ClassVar = Flag.TRUNCATED.value
    reason: ClassVar = "a cut answer is not whole, even where it looks so"
    forms: ClassVar = tuple(Form)

    def check(self, answer: Answer, limits: Limits) -> RedFlag | None:
        """Flag what ended at the token limit, or inside a fenced block."""
        if answer.finish_reason is FinishReason.LENGTH:
            return RedFlag(flag=Flag.TRUNCATED, detail="the answer was cut at the token limit")
        if answer.is_unclosed:
            return RedFlag(flag=Flag.TRUNCATED, detail="a fenced block is not closed")
        return None


class Refuses:
    """Flags an answer that declines the task."""

    name: ClassVar = Flag.REFUSES.value
    reason: ClassVar = "a refusal holds no answer"
    forms: ClassVar = tuple(Form)

    def check(self, answer: Answer, limits: Limits) -> RedFlag | None:
        """Flag what a content filter stopped, and words that decline where there is no candidate."""
        if answer.finish_reason is FinishReason.FILTERED:
            return RedFlag(flag=Flag.REFUSES, detail="the answer was stopped by the endpoint's content filter")
        return RedFlag(flag=Flag.REFUSES, detail="the answer declines the task") if answer.declines else None


class SeveralCandidates:
    """Flags an answer that holds more than one."""

    name: ClassVar = Flag.SEVERAL_CANDIDATES.value
    reason: ClassVar = "two answers are none: nobody says which one is meant"
    forms: ClassVar = (Form.CODE, Form.JSON)

    def check(self, answer: Answer, limits: Limits) -> RedFlag | None:
        """Flag candidates that differ."""
        if len(answer.candidates) < 2:
            return None
        return RedFlag(flag=Flag.SEVERAL_CANDIDATES, detail=f"{len(answer.candidates)} fenced blocks that differ")


class TooLong:
    """Flags an answer, or the code in it, over the limits on raw text."""

    name: ClassVar = Flag.TOO_LONG.value
    reason: ClassVar = "an atomic task needs little code; answers that run on are wrong far more often"
    forms: ClassVar = tuple(Form)

    def check(self, answer: Answer, limits: Limits) -> RedFlag | None:
        """Flag more bytes or lines than the limits."""
        if answer.size > limits.max_text_bytes:
            return self._flag(f"the answer has {answer.size} bytes", limits.max_text_bytes)
        if answer.form is not Form.CODE or not answer.candidates:
            return None
        source = answer.candidate
        lines, size = source.count("\n"), size_of(source)
        if size > limits.max_bytes:
            return self._flag(f"the code has {size} bytes", limits.max_bytes)
        return self._flag(f"the code has {lines} lines", limits.max_lines) if lines > limits.max_lines else None

    def _flag(self, what: str, most: int) -> RedFlag:
        return RedFlag(flag=Flag.TOO_LONG, detail=f"{what}; at most {most}")


class Malformed:
    """Flags what no database keeps, and JSON that is not strict."""

    name: ClassVar = Flag.MALFORMED.value
    reason: ClassVar = "what cannot be stored, or read by its own standard, cannot be a candidate"
    forms: ClassVar = tuple(Form)

    def check(self, answer: Answer, limits: Limits) -> RedFlag | None:
        """Flag a NUL, half a surrogate pair, and a document that is not one strict JSON object."""
        if not is_storable(answer.text):
            return RedFlag(flag=Flag.MALFORMED, detail="the answer holds a NUL or half a surrogate pair")
        if isinstance(answer.document, NotStrictJsonError):
            return RedFlag(flag=Flag.MALFORMED, detail=str(answer.document))
        return None


class NothingExtractable:
    """Flags an answer that holds no candidate."""

    name: ClassVar = Flag.NOTHING_EXTRACTABLE.value
    reason: ClassVar = "there is nothing to verify"
    forms: ClassVar = tuple(Form)

    def check(self, answer: Answer, limits: Limits) -> RedFlag | None:
        """Flag an empty answer, and one without a candidate in the form that was asked for."""
        if answer.candidates:
            return None
        if not answer.text.strip():
            return RedFlag(flag=Flag.NOTHING_EXTRACTABLE, detail="the answer is empty")
        if not answer.is_readable:
            return RedFlag(flag=Flag.NOTHING_EXTRACTABLE, detail="the answer is too long to be searched")
        wanted = "no JSON object, bare or in a fenced block"
        if answer.form is Form.CODE:
            wanted = "no fenced code block, and the text is not a module as it stands"
            if answer.size <= MAX_CODE_BYTES and answer.complaint is not None:
                wanted += f" ({_line(answer.complaint)})"
        return RedFlag(flag=Flag.NOTHING_EXTRACTABLE, detail=wanted)


class Unbalanced:
    """Flags code whose brackets do not match, in languages that have no parser here; strings and comments do not count.

    Where there is a parser it is never asked: on code that loads, bracket counts were measured to throw away good code.
    """

    name: ClassVar = "unbalanced"
    reason: ClassVar = "brackets that do not match never compile; asked only where no parser can say so"
    forms: ClassVar = (Form.CODE,)

    def check(self, answer: Answer, limits: Limits) -> RedFlag | None:
        """Flag the first bracket that closes nothing, or is never closed."""
        dialect = answer.dialect
        if dialect is None or dialect.loads is not None or not answer.candidates:
            return None
        opened: list[tuple[str, int]] = []
        for bracket, line in _brackets(answer):
            if bracket not in _CLOSERS:
                opened.append((bracket, line))
            elif not opened or opened.pop()[0] != _CLOSERS[bracket]:
                return RedFlag(flag=Flag.MALFORMED, detail=f"line {line}: {bracket} closes nothing")
        if opened:
            bracket, line = opened[-1]
            return RedFlag(flag=Flag.MALFORMED, detail=f"line {line}: {bracket} is never closed")
        return None


class DoesNotLoad:
    """Flags a module that the target language cannot load."""

    name: ClassVar = Flag.DOES_NOT_LOAD.value
    reason: ClassVar = "code that does not load is never right"
    forms: ClassVar = (Form.CODE,)

    def check(self, answer: Answer, limits: Limits) -> RedFlag | None:
        """Flag a module that does not load, with the language's own reason."""
        complaint = answer.complaint
        return None if complaint is None else RedFlag(flag=Flag.DOES_NOT_LOAD, detail=_line(complaint))


class Placeholder:
    """Flags a module that only stands in for an answer."""

    name: ClassVar = Flag.PLACEHOLDER.value
    reason: ClassVar = "an empty body is a promise, not an answer"
    forms: ClassVar = (Form.CODE,)

    def check(self, answer: Answer, limits: Limits) -> RedFlag | None:
        """Flag a module that loads and whose function has a placeholder for its body."""
        placeholder = answer.dialect.placeholder if answer.dialect is not None else None
        if placeholder is None or answer.complaint is not None or not placeholder(answer.candidate):
            return None
        return RedFlag(flag=Flag.PLACEHOLDER, detail="the body is a placeholder")


RULES: tuple[Rule, ...] = (
    Truncated(),
    Refuses(),
    SeveralCandidates(),
    TooLong(),
    Malformed(),
    NothingExtractable(),
    Unbalanced(),
    DoesNotLoad(),
    Placeholder(),
)
"""In the order in which they are asked; the first that has something against an answer names its flag."""

ALWAYS_ON = frozenset({Malformed.name})
"""No rule set can do without: what no database keeps can be no candidate."""

OFF_BY_DEFAULT = frozenset({Unbalanced.name})


def _line(text: str) -> str:
    return " ".join(text.split())[:200]


def _brackets(answer: Answer) -> list[tuple[str, int]]:
    """List the brackets in the code of an answer's candidate, with their lines."""
    found: list[tuple[str, int]] = []
    for piece in answer.dialect.pieces(answer.candidate) if answer.dialect is not None else ():
        if piece.kind is Kind.CODE:
            line = piece.line
            for character in piece.text:
                line += character == "\n"
                if character in "()[]{}":
                    found.append((character, line))
    return found
