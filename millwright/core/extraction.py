"""Takes the one answer out of a model's text, or says why there is none.

It never repairs: an answer that is cut, doubled or malformed is a red flag, since what garbled the form has often
garbled the content too (MAKER, arXiv 2511.09030, found that a repairing parser lets correlated errors through).
Whether code is any good is not its question.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from schemas.election import Flag, RedFlag
from schemas.models import FinishReason

MAX_CODE_BYTES = 64 * 1024
MAX_TEXT_BYTES = 1024 * 1024
MAX_JSON_DEPTH = 100
"""Far below the interpreter's own limit, which depends on how deep the caller already is."""

_FENCE = re.compile(r"([ \t]*)(`{3,}|~{3,})[ \t]*(.*)")
_JSON_TOKEN = re.compile(r'\\.|["\[\]{}]', re.DOTALL)
_REFUSAL = re.compile(
    r"\bI(?:['’]m| am)? (?:can['’]?t|cannot|can not|won['’]t|will not|am unable|unable|not able|must decline|decline)\b"
    r"|\bas an AI\b",
    re.IGNORECASE,
)


def extract_code(
    text: str,
    finish_reason: FinishReason,
    fence_tags: Sequence[str],
    *,
    loads: Callable[[str], bool] | None = None,
) -> str | RedFlag:
    """Extract the one module of an answer, ending in one newline.

    Accepted are one fenced block (tagged with one of ``fence_tags``, without regard to case, or untagged; the same
    block repeated is one), or the whole text where ``loads`` says that it is a module as it stands. ``loads`` must be
    strict: prose that it accepts is taken for code. Blocks in other languages and blank blocks are no candidates.
    """
    sound = _sound(text, finish_reason)
    if isinstance(sound, RedFlag):
        return sound
    # Tried before the fences: a module's docstrings may hold fenced blocks of their own.
    if loads is not None and _size(sound) <= MAX_CODE_BYTES and loads(sound):
        return _module(sound)
    fences = _fences(sound)
    if fences.unclosed:
        return RedFlag(flag=Flag.TRUNCATED, detail="a fenced block is not closed")
    found = _only(fences.of({"", *(tag.casefold() for tag in fence_tags)}))
    if found is None:
        return _nothing(sound, "no fenced code block, and the text is not a module as it stands")
    if isinstance(found, str) and _size(found) > MAX_CODE_BYTES:
        return RedFlag(flag=Flag.TOO_LONG, detail=f"the code has more than {MAX_CODE_BYTES} bytes")
    return found


def extract_json(text: str, finish_reason: FinishReason) -> JsonValue | RedFlag:
    """Extract the one JSON object of an answer: the whole text, or one block fenced as ``json`` or without a tag.

    JSON is read strictly: no NaN, no number beyond a float, no key given twice, no lone surrogate or NUL (no database
    keeps them), at most 100 levels deep.
    """
    sound = _sound(text, finish_reason)
    if isinstance(sound, RedFlag):
        return sound
    if sound.strip()[:1] in ("{", "["):  # checked before the fences: strings may hold fenced blocks of their own
        return _parse_object(sound)
    fences = _fences(sound)
    if fences.unclosed:
        return RedFlag(flag=Flag.TRUNCATED, detail="a fenced block is not closed")
    found = _only(fences.of({"", "json"}))
    if found is None:
        return _nothing(sound, "no JSON object, bare or in a fenced block")
    return found if isinstance(found, RedFlag) else _parse_object(found)


@dataclass(frozen=True)
class _Fences:
    """The closed fenced blocks of a text as (tag, body), and whether one stays open to the end."""

    blocks: tuple[tuple[str, str], ...]
    unclosed: bool

    def of(self, tags: set[str]) -> list[str]:
        return [_module(body) for tag, body in self.blocks if tag in tags and body.strip()]


def _sound(text: str, finish_reason: FinishReason) -> str | RedFlag:
    """Return the text with Unix line ends, or the red flag that stops it before anything is read."""
    if finish_reason is FinishReason.LENGTH:
        return RedFlag(flag=Flag.TRUNCATED, detail="the answer was cut at the token limit")
    if finish_reason is FinishReason.FILTERED:
        return RedFlag(flag=Flag.REFUSES, detail="the answer was stopped by the endpoint's content filter")
    if len(text) > MAX_TEXT_BYTES or _size(text) > MAX_TEXT_BYTES:
        return RedFlag(flag=Flag.TOO_LONG, detail=f"the answer has more than {MAX_TEXT_BYTES} bytes")
    if not text.strip():
        return RedFlag(flag=Flag.NOTHING_EXTRACTABLE, detail="the answer is empty")
    if not _storable(text):
        return RedFlag(flag=Flag.MALFORMED, detail="the answer holds a NUL or half a surrogate pair")
    return text.replace("\r\n", "\n")


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _storable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


def _module(body: str) -> str:
    return body.rstrip() + "\n"


def _only(candidates: Sequence[str]) -> str | RedFlag | None:
    """Return the one candidate, None without any, or the red flag for several that differ."""
    distinct = set(candidates)
    if len(distinct) > 1:
        return RedFlag(flag=Flag.SEVERAL_CANDIDATES, detail=f"{len(distinct)} fenced blocks that differ")
    return next(iter(distinct), None)


def _nothing(text: str, detail: str) -> RedFlag:
    # Words are judged only where there is no code: on code, word lists were measured to be harmful.
    if _REFUSAL.search(text):
        return RedFlag(flag=Flag.REFUSES, detail="the answer declines the task")
    return RedFlag(flag=Flag.NOTHING_EXTRACTABLE, detail=detail)


def _fences(text: str) -> _Fences:
    """Read fenced blocks as CommonMark does, at any indentation (answers put them into lists)."""
    blocks: list[tuple[str, str]] = []
    opened: tuple[int, str, str] | None = None
    body: list[str] = []
    for line in text.split("\n"):  # not splitlines: it also breaks at form feeds and U+2028 inside string literals
        fence = _FENCE.fullmatch(line)
        if opened is None:
            # A backtick in the info string makes it inline code, not a fence.
            if fence is not None and not (fence[2][0] == "`" and "`" in fence[3]):
                opened, body = (len(fence[1]), fence[2], _tag(fence[3])), []
        elif fence is not None and _closes(fence, opened[0], opened[1]):
            blocks.append((opened[2], "\n".join(body)))
            opened = None
        else:
            indent = min(opened[0], len(line) - len(line.lstrip(" \t")))
            body.append(line[indent:])
    return _Fences(tuple(blocks), unclosed=opened is not None)


def _closes(fence: re.Match[str], indent: int, marks: str) -> bool:
    return fence[2].startswith(marks) and not fence[3].strip() and len(fence[1]) < indent + 4


def _tag(info: str) -> str:
    words = info.split()
    return words[0].casefold() if words else ""


def _parse_object(text: str) -> JsonValue | RedFlag:
    if _depth(text) > MAX_JSON_DEPTH:
        return RedFlag(flag=Flag.MALFORMED, detail=f"the JSON is more than {MAX_JSON_DEPTH} levels deep")
    try:
        value: JsonValue = json.loads(
            text, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant, parse_float=_finite
        )
    except ValueError as error:  # JSONDecodeError and our own hooks', and int() on thousands of digits
        return RedFlag(flag=Flag.MALFORMED, detail=f"not strict JSON: {_line(str(error))}")
    if not isinstance(value, dict):
        return RedFlag(flag=Flag.MALFORMED, detail="the JSON is not an object")
    if not all(map(_storable, _strings(value))):
        return RedFlag(flag=Flag.MALFORMED, detail="a string holds a NUL or half a surrogate pair")
    return value


def _depth(text: str) -> int:
    """Return an upper bound of the nesting of what a JSON parser would read of a text."""
    depth = deepest = 0
    inside_string = False
    for token in _JSON_TOKEN.finditer(text):
        match token[0]:
            case '"':
                inside_string = not inside_string
            case "[" | "{" if not inside_string:
                depth += 1
                deepest = max(deepest, depth)
            case "]" | "}" if not inside_string:
                depth -= 1
    return deepest


def _strings(value: JsonValue) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for key, item in value.items():
                yield key
                yield from _strings(item)
        case list():
            for item in value:
                yield from _strings(item)


def _unique_keys(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} is given twice")
    return found


def _refuse_constant(name: str) -> JsonValue:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:40]} is beyond a float")
    return value


def _line(text: str) -> str:
    return " ".join(text.split())[:200]
