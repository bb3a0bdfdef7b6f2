"""Reads the inputs that verifier agents propose, and what they claim of the results: as JSON, or as plain asserts.

It evaluates nothing and believes nothing: of the asserts that a real model wrote a third was right, so that they are
good inputs and poor oracles. Whether an input keeps the preconditions is asked where it is run.
"""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from pydantic import JsonValue

from millwright.core.asserts import read_asserted
from millwright.core.extraction import extract_json
from millwright.core.literals import NotLiteral, fitted, read_literal
from millwright.core.red_flags.rule_set import JSON_RULES, RuleSet
from millwright.core.specification import input_types, result_type
from schemas.claims import Claim
from schemas.election import Flag, RedFlag
from schemas.identity import Digest
from schemas.models import FinishReason
from schemas.specification import TaskSpecification
from schemas.types import Kind
from schemas.values import Value, canonical_text, decode_json

__all__ = ["Claim", "Proposals", "agreed", "read_asserts", "read_inputs", "read_proposals", "stored", "unstored"]

MOST_CLAIMS = 100
"""Claims that are read of one answer; what follows is cut off."""

LONGEST_TEXT = 64 * 1024
"""Characters of an answer that are searched for asserts."""

MOST_TRIED = 3 * MOST_CLAIMS
"""Calls that are looked at in one answer: each that is never closed costs a search for its end (about 2 ms)."""

LONGEST_VALUES = 4000
"""Characters of an argument list, or of an expected value: inputs are for edges, not for load."""

_PIECE = re.compile(
    r'(?P<string>"""(?:\\.|[^\\])*?"""|\'\'\'(?:\\.|[^\\])*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\')'
    r"|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<end>[,;\n]|\#)|(?P<lone>[\"'])",
    re.DOTALL,
)
_STATED = re.compile(r"(?:\n|;|\b(?:assert|and|not))[\s(]*\Z")
_NEGATED = re.compile(r"\b(?:assert|and)[\s(]+not[\s(]*\Z")
_ASSERTED = re.compile(r"\b(?:assert|and)[\s(]*\Z")
_EQUALS = re.compile(r"[ \t]*(?:==(?!=)|is(?![A-Za-z0-9_])(?!\s+not\b))[ \t]*")
_BARE = re.compile(r"[ \t)]*(?:[,;\n#]|and\b|\Z)")
_BEFORE = 60
"""Characters before a call that tell whether it is what the assert is about."""


@dataclass(frozen=True)
class Proposals:
    """What one answer proposes: inputs with claims, and ``asserts`` of every call.

    ``dropped`` counts what was left out since it does not fit the declared types, or is no assert.
    """

    claims: tuple[Claim, ...]
    dropped: int = 0
    asserts: tuple[str, ...] = ()


def read_proposals(
    text: str, finish_reason: FinishReason, task: TaskSpecification, rules: RuleSet = JSON_RULES
) -> Proposals | RedFlag:
    """Read an answer of either form: one JSON object, or asserts, of which one that was cut still has whole lines.

    ``rules`` are those of verifiers; what they say of JSON is no fault of asserts, a length or a refusal is.
    """
    answer = extract_json(text, finish_reason, rules)
    if not isinstance(answer, RedFlag):
        return read_inputs(answer, task)
    if finish_reason is FinishReason.FILTERED or answer.flag is Flag.TOO_LONG:
        return answer
    names = [item.name for item in task.inputs]
    found = read_asserts(text, task.name, len(names), names, cut=finish_reason is FinishReason.LENGTH)
    return _fitting(found, task) if found else answer


def read_inputs(answer: JsonValue, task: TaskSpecification) -> Proposals | RedFlag:
    """Read a JSON answer, ``{"cases": [{"inputs": {…}, "expected": …}], "asserts": […]}``, by the task's types."""
    cases = answer.get("cases") if isinstance(answer, dict) else None
    if not isinstance(cases, list):
        return RedFlag(flag=Flag.MALFORMED, detail="the answer has no list of cases")
    if not cases:
        return RedFlag(flag=Flag.NOTHING_EXTRACTABLE, detail="the answer proposes no case")
    claims = read_cases(cases, task)
    asserts, unread = read_asserted(answer, task)
    return Proposals(claims, dropped=len(cases) - len(claims) + unread, asserts=asserts)


def read_cases(cases: Sequence[JsonValue], task: TaskSpecification) -> tuple[Claim, ...]:
    """Read the cases of an answer that fit the declared types of the task."""
    read = (_case(item, task) for item in cases[:MOST_CLAIMS])
    return tuple(claim for claim in read if claim is not None)


def _case(item: JsonValue, task: TaskSpecification) -> Claim | None:
    given = item.get("inputs") if isinstance(item, dict) else None
    names = [parameter.name for parameter in task.inputs]
    if not isinstance(item, dict) or not isinstance(given, dict) or set(given) != set(names):
        return None
    records = {record.name: record for record in task.known_records}
    try:
        types = zip(names, input_types(task), strict=True)
        arguments = tuple(decode_json(given[name], of, records, name) for name, of in types)
    except (ValueError, OverflowError):
        return None
    if _is_long(arguments):
        return None
    if "expected" not in item:
        return Claim(arguments=arguments)
    try:
        expected = decode_json(item["expected"], result_type(task), records, "expected")
    except (ValueError, OverflowError):
        return Claim(arguments=arguments)
    return Claim(arguments=arguments, expected=None if _is_long([expected]) else expected)


def read_asserts(
    text: str, function: str, inputs: int, names: Sequence[str] = (), *, cut: bool = False
) -> tuple[Claim, ...]:
    """Read the calls of a function with so many literal arguments out of asserts, in their order.

    ``assert f(…) == literal`` claims the literal, ``assert f(…)`` True and ``assert not f(…)`` False; a call inside
    anything else is an input without a claim. The text may go on where a prompt ended in ``assert``. Keywords are
    understood where the ``names`` of the inputs are given. Of a text that was ``cut`` a claim at the very end is not
    believed. Values are tagged as Python reads them, before any declared type is asked.
    """
    source = "assert " + text[:LONGEST_TEXT].replace("\r\n", "\n")
    found: list[Claim] = []
    places = re.finditer(rf"(?<![\w.])(?<!def ){re.escape(function)}[ \t]*\(", source)
    for place in islice(places, MOST_TRIED):
        end = _end_of(source, place.end() - 1, place.end() - 1 + LONGEST_VALUES, closing=True)
        arguments = None if end is None else _arguments(source[place.start() : end], inputs, names)
        if end is None or arguments is None:
            continue
        before = source[max(0, place.start() - _BEFORE) : place.start()]
        found.append(Claim(arguments=arguments, expected=_expected(source, before, end, cut)))
        if len(found) >= MOST_CLAIMS:
            break
    return tuple(found)


def _end_of(source: str, start: int, limit: int, *, closing: bool) -> int | None:
    """Find where an expression ends: behind its closing bracket, or before what cannot be part of it.

    None: it is cut, or longer than the limit.
    """
    depth = 0
    for piece in _PIECE.finditer(source, start, min(limit, len(source))):
        match piece.lastgroup:
            case "open":
                depth += 1
            case "close" if depth == 0:
                return piece.start()
            case "close":
                depth -= 1
                if closing and depth == 0:
                    return piece.end()
            case "end" if depth == 0 and not closing:
                return piece.start()
            case "lone":
                return None
    return len(source) if depth == 0 and not closing and limit >= len(source) else None


def _arguments(call: str, inputs: int, names: Sequence[str]) -> tuple[Value, ...] | None:
    node = _parsed(call)
    if not isinstance(node, ast.Call):
        return None
    keywords = {keyword.arg: keyword.value for keyword in node.keywords}
    rest = list(names[len(node.args) :])
    if keywords and (set(keywords) != set(rest) or len(names) != inputs):
        return None
    given = [*node.args, *(keywords[name] for name in rest if name in keywords)]
    if len(given) != inputs:
        return None
    try:
        arguments = tuple(map(read_literal, given))
    except NotLiteral:
        return None
    return None if _is_long(arguments) else arguments


def _expected(source: str, before: str, end: int, cut: bool) -> Value | None:
    """Return what an assert claims of the call that ends at ``end``; None where it claims nothing that is read here."""
    if not _STATED.search(before):
        return None
    equals = _EQUALS.match(source, end)
    if equals is None:
        if not _BARE.match(source, end):
            return None
        return ["bool", False] if _NEGATED.search(before) else ["bool", True] if _ASSERTED.search(before) else None
    stop = _end_of(source, equals.end(), equals.end() + LONGEST_VALUES, closing=False)
    if stop is None or _NEGATED.search(before) or (cut and stop == len(source)):
        return None
    node = _parsed(source[equals.end() : stop].strip())
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        node = node.values[0]
    try:
        value = None if node is None else read_literal(node)
    except NotLiteral:
        return None
    return None if value is None or _is_long([value]) else value


def _parsed(source: str) -> ast.expr | None:
    try:
        return ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _fitting(claims: Iterable[Claim], task: TaskSpecification) -> Proposals:
    """Give claims the form of the declared types; an expected value that is not of the result's type claims nothing."""
    types, result = input_types(task), result_type(task)
    kept: list[Claim] = []
    dropped = 0
    for claim in claims:
        arguments = [fitted(value, of) for value, of in zip(claim.arguments, types, strict=True)]
        known = tuple(value for value in arguments if value is not None)
        if len(known) != len(arguments):
            dropped += 1
            continue
        expected = claim.expected
        if expected is not None:
            # Under Any a bare assert would claim True of whatever is true.
            loose = result.kind is Kind.ANY and expected[0] == "bool"
            expected = None if loose else fitted(expected, result)
        kept.append(Claim(arguments=known, expected=expected))
    return Proposals(tuple(kept), dropped)


def _is_long(values: Iterable[Value]) -> bool:
    return sum(len(canonical_text(value)) for value in values) > LONGEST_VALUES


def agreed(answers: Sequence[Sequence[Claim]]) -> tuple[Claim, ...]:
    """Merge the claims of many answers: each claim once, with the number of answers that make it.

    Answers are taken in turns, the first claims of all before the second ones, so that no agent crowds out the others.
    """
    turns = sorted((turn, number) for number, answer in enumerate(answers) for turn in range(len(answer)))
    first: dict[Digest, Claim] = {}
    for turn, number in turns:
        claim = answers[number][turn]
        first.setdefault(claim.digest, claim)
    votes = Counter(digest for answer in answers for digest in {claim.digest for claim in answer})
    return tuple(claim.model_copy(update={"votes": votes[digest]}) for digest, claim in first.items())


def stored(proposals: Proposals) -> str:
    """Write what an answer proposes as text to be stored."""
    claims = [claim.model_dump(mode="json") for claim in proposals.claims]
    data: dict[str, object] = {"claims": claims, "dropped": proposals.dropped}
    if proposals.asserts:
        data["asserts"] = list(proposals.asserts)
    return json.dumps(data, sort_keys=True, ensure_ascii=True)


def unstored(text: str) -> Proposals:
    """Read what ``stored`` wrote."""
    data = json.loads(text)
    claims = tuple(Claim.model_validate_json(json.dumps(item)) for item in data["claims"])
    return Proposals(claims, data["dropped"], tuple(data.get("asserts", ())))
