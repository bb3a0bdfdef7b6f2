"""When two values are equal, and what makes two candidates the same vote.

It compares and digests tagged values (``schemas.values``) only; it never sees a candidate's objects, and runs nothing.
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from pydantic import JsonValue

from millwright.core.specification_vocabulary import result_type
from schemas.execution import Outcome, OutcomeKind
from schemas.identity import Digest
from schemas.specification import Record, TaskSpecification
from schemas.types import ANY, Kind, Type, TypeSyntaxError, parse_type
from schemas.values import Value, canonical_text, float_text

Records = Mapping[str, Record]

SIGNIFICANT_DIGITS = 12
"""Digits of a float that enter a signature without a tolerance: the order of a sum must not split a vote."""

_SEQUENCES = frozenset({Kind.LIST, Kind.SET, Kind.VARIADIC})
_LONGEST_INTEGER = 4000
"""Digits beyond which an int stays text: Python refuses to convert more than 4300 (sys.set_int_max_str_digits)."""


def records_of(task: TaskSpecification) -> dict[str, Record]:
    """Return the records that the task's types may name, by name."""
    return {record.name: record for record in task.known_records}


def equal(a: Value, b: Value, of: Type, tolerance: float | None = None, records: Records | None = None) -> bool:
    """Say whether two values of the declared type are equal.

    ``bool`` is never ``int``; under ``float`` an equal ``int`` is equal; a list is not a tuple unless the type is
    ``Any``; the order of dicts and sets is irrelevant; NaN equals NaN; an object of another class equals nothing, not
    even itself. ``tolerance`` is absolute and holds for floats at any depth, but not for the keys of dicts.
    """
    known = records or {}
    if _holds_object(a) or _holds_object(b):
        return False
    if a == b:
        return True
    if tolerance is None:
        return canonical(a, of, None, known) == canonical(b, of, None, known)
    return _close(_normal(a, of, float_text, known), _normal(b, of, float_text, known), tolerance)


def canonical(value: Value, of: Type, tolerance: float | None = None, records: Records | None = None) -> str:
    """Write a value of the declared type as text that is the same for equal values.

    With a tolerance each float is rounded to its nearest multiple. That only approximates ``equal``: two values closer
    than the tolerance may still fall to either side of a boundary.
    """
    if tolerance is None:
        return canonical_text(_normal(value, of, float_text, records or {}))
    step = tolerance
    return canonical_text(_normal(value, of, lambda number: _to_step(number, step), records or {}))


def behaviour_signature(
    outcomes: Sequence[Outcome], of: Type, tolerance: float | None = None, records: Records | None = None
) -> Digest:
    """Digest what a candidate did on each input: its canonical output, its exception's class, or that it was lost.

    Floats are rounded to the tolerance, or without one to ``SIGNIFICANT_DIGITS``.
    """

    def written(number: float) -> str:
        return _significant(number) if not tolerance else _to_step(number, tolerance)

    entries: list[JsonValue] = []
    for outcome in outcomes:
        if outcome.kind is OutcomeKind.RETURNED and outcome.value is not None:
            entries.append(["returned", canonical_text(_normal(outcome.value, of, written, records or {}))])
        elif outcome.kind is OutcomeKind.RAISED:
            entries.append(["raised", outcome.exception])
        else:
            entries.append(["lost"])
    text = json.dumps(entries, ensure_ascii=True, separators=(",", ":"))
    return Digest(hashlib.sha256(text.encode("ascii")).hexdigest())


def is_useless(outcomes: Sequence[Outcome], task: TaskSpecification) -> bool:
    """Say whether a candidate never gave a value: it raised or was lost on every input, or returned None on every one.

    It is not useless where the specification demands just that: a function without outputs, or only such examples.
    """
    if not outcomes:
        return False
    cases = task.test_cases
    if all(outcome.kind is not OutcomeKind.RETURNED for outcome in outcomes):
        return not (cases and all(case.raises is not None for case in cases))
    if not task.outputs or _only_none(task):
        return False
    if cases and all(case.raises is None and case.expected_output is None for case in cases):
        return False
    return all(outcome.value == ["none"] for outcome in outcomes)


def is_deterministic(first: Sequence[Outcome], second: Sequence[Outcome]) -> bool:
    """Say whether two runs over the same inputs did the same; what either run lost is left out of the comparison."""
    return len(first) == len(second) and all(_same(a, b) for a, b in zip(first, second, strict=True))


def _only_none(task: TaskSpecification) -> bool:
    try:
        return result_type(task).kind is Kind.NONE
    except TypeSyntaxError:
        return False


def _same(a: Outcome, b: Outcome) -> bool:
    if OutcomeKind.LOST in (a.kind, b.kind):
        return True
    if a.kind is not b.kind or a.exception != b.exception:
        return False
    return a.value is None or b.value is None or canonical_text(a.value) == canonical_text(b.value)


def _holds_object(value: JsonValue) -> bool:
    pending = [value]
    while pending:
        match pending.pop():
            case ["object", str()]:
                return True
            case ["str" | "bytes" | "int" | "float", str()]:
                continue
            case [*items]:
                pending.extend(items)
    return False


Written = Callable[[float], str]


def _normal(value: Value, of: Type, written: Written, records: Records) -> Value:
    """Rewrite a value so that equal values of the type have equal canonical texts."""
    match value:
        case ["float", str() as text]:
            return ["float", written(_number(text))]
        case ["int", str() as text] if _admits_float(of):
            return _as_float(text, written)
        case ["list" | "tuple" | "set" as tag, list() as items]:
            return _normal_items(str(tag), items, of, written, records)
        case ["dict", list() as pairs]:
            return ["dict", _normal_pairs(pairs, of, written, records)]
        case ["record", str() as name, list() as fields]:
            return ["record", name, _normal_fields(name, fields, written, records)]
        case _:
            return value


def _normal_items(tag: str, items: list[JsonValue], of: Type, written: Written, records: Records) -> Value:
    member = _member(tag, len(items), of)
    if member.kind is Kind.TUPLE and len(member.arguments) == len(items):
        types = member.arguments
    elif member.kind in _SEQUENCES:
        types = member.arguments * len(items)
    else:
        types = (ANY,) * len(items)
    normal = [_normal(cast(Value, item), type_, written, records) for item, type_ in zip(items, types, strict=True)]
    # Under Any a list and a tuple are the same; under a declared type the tags stay apart.
    return ["list" if tag == "tuple" and member.kind is Kind.ANY else tag, cast(JsonValue, normal)]


def _normal_pairs(pairs: list[JsonValue], of: Type, written: Written, records: Records) -> JsonValue:
    member = _member("dict", len(pairs), of)
    key_type, value_type = member.arguments if member.kind is Kind.DICT else (ANY, ANY)
    normal: list[JsonValue] = []
    for pair in pairs:
        key, item = cast(tuple[Value, Value], pair)
        normal.append([_normal(key, key_type, written, records), _normal(item, value_type, written, records)])
    return normal


def _normal_fields(name: str, fields: list[JsonValue], written: Written, records: Records) -> JsonValue:
    types: dict[str, Type] = {}
    if name in records:
        types = {field.name: parse_type(field.type_annotation, records) for field in records[name].fields}
    normal: list[JsonValue] = []
    for field in fields:
        key, item = cast(tuple[str, Value], field)
        normal.append([key, _normal(item, types.get(key, ANY), written, records)])
    return normal


_TAGS: dict[str, tuple[Kind, ...]] = {
    "list": (Kind.LIST,),
    "tuple": (Kind.TUPLE, Kind.VARIADIC),
    "set": (Kind.SET,),
    "dict": (Kind.DICT,),
}


def _member(tag: str, size: int, of: Type) -> Type:
    """Return the member of a union that a container of this tag and size belongs to; the type itself otherwise."""
    if of.kind is not Kind.UNION:
        return of
    fitting = [member for member in of.arguments if member.kind in _TAGS[tag]]
    exact = [member for member in fitting if member.kind is not Kind.TUPLE or len(member.arguments) == size]
    loose = [member for member in of.arguments if member.kind is Kind.ANY]
    return (exact or fitting or loose or [of])[0]


def _admits_float(of: Type) -> bool:
    return of.kind is Kind.FLOAT or (of.kind is Kind.UNION and any(map(_admits_float, of.arguments)))


def _as_float(text: str, written: Written) -> Value:
    if len(text) > _LONGEST_INTEGER:
        return ["int", text]
    integer = int(text)
    try:
        number = float(integer)
    except OverflowError:
        return ["int", text]
    return ["float", written(number)] if number == integer else ["int", text]


def _number(text: str) -> float:
    number = float(text) if text in ("nan", "inf", "-inf") else float.fromhex(text)
    return 0.0 if number == 0 else number  # -0.0 equals 0.0


def _to_step(number: float, step: float) -> str:
    if not math.isfinite(number) or step == 0:
        return float_text(number)
    quotient = number / step
    if not math.isfinite(quotient):
        return float_text(number)
    return str(round(quotient))


def _significant(number: float) -> str:
    return float_text(float(f"{number:.{SIGNIFICANT_DIGITS}g}") + 0.0)


def _close(a: JsonValue, b: JsonValue, tolerance: float) -> bool:
    match a, b:
        case ["float", str() as x], ["float", str() as y]:
            return _near(x, y, tolerance)
        case ["set", list() as xs], ["set", list() as ys]:
            return _matched(xs, ys, tolerance)
        case ["dict", list() as xs], ["dict", list() as ys]:
            return _close_pairs(xs, ys, tolerance)
        case ["list" | "tuple", list() as xs], ["list" | "tuple", list() as ys]:
            return a[0] == b[0] and _all_close(xs, ys, tolerance)
        case ["record", str() as x, list() as xs], ["record", str() as y, list() as ys]:
            return x == y and _close_fields(xs, ys, tolerance)
        case _:
            return a == b


def _near(x: str, y: str, tolerance: float) -> bool:
    left, right = _number(x), _number(y)
    if math.isfinite(left) and math.isfinite(right):
        return abs(left - right) <= tolerance
    return left == right or (math.isnan(left) and math.isnan(right))


def _all_close(xs: list[JsonValue], ys: list[JsonValue], tolerance: float) -> bool:
    return len(xs) == len(ys) and all(_close(x, y, tolerance) for x, y in zip(xs, ys, strict=True))


def _matched(xs: list[JsonValue], ys: list[JsonValue], tolerance: float) -> bool:
    """Match the members of two sets one to one, in order of size where they are floats, so that greed is enough."""
    left, right = sorted(xs, key=_rank), sorted(ys, key=_rank)
    return _all_close(left, right, tolerance)


def _rank(value: JsonValue) -> tuple[float, str]:
    match value:
        case ["float", str() as text]:
            number = _number(text)
            return (math.inf if math.isnan(number) else number, text)
        case _:
            return (math.inf, canonical_text(cast(Value, value)))


def _close_pairs(xs: list[JsonValue], ys: list[JsonValue], tolerance: float) -> bool:
    left, right = _by_key(xs), _by_key(ys)
    return left.keys() == right.keys() and all(_close(left[key], right[key], tolerance) for key in left)


def _by_key(pairs: list[JsonValue]) -> dict[str, Value]:
    return {canonical_text(key): item for key, item in cast(list[tuple[Value, Value]], pairs)}


def _close_fields(xs: list[JsonValue], ys: list[JsonValue], tolerance: float) -> bool:
    left, right = (dict(cast(list[tuple[str, Value]], fields)) for fields in (xs, ys))
    return left.keys() == right.keys() and all(_close(left[key], right[key], tolerance) for key in left)
