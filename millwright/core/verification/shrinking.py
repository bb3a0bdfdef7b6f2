"""Proposes simpler argument lists for a counter-example.

It keeps the declared types and nothing else: whether a proposal satisfies constraints and preconditions, and whether it
still breaks anything, is for others to find out. Every proposal is strictly smaller, so that shrinking ends.
"""

import base64
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import TypeVar, cast

from pydantic import JsonValue

from millwright.core.signature import records_of
from millwright.core.verification.evidence import Arguments
from millwright.core.verification.simplicity import LONGEST_INTEGER, size
from schemas.specification import Record, TaskSpecification
from schemas.types import ANY, Kind, Type, parse_type
from schemas.values import Value, canonical_text, float_text

Records = Mapping[str, Record]
MOST_PROPOSALS = 40
"""Proposals for one argument list."""

_MOST_EXAMINED = 400
_MOST_POSITIONS = 10
_MOST_HALVINGS = 8
_FALSE: list[Value] = [["bool", False]]

T = TypeVar("T")


def smaller(arguments: Arguments, task: TaskSpecification) -> tuple[Arguments, ...]:
    """Propose simpler argument lists of the declared types, the simplest first, at most ``MOST_PROPOSALS``.

    Raises:
        TypeSyntaxError: a declared type cannot be parsed.
    """
    records = records_of(task)
    types = [parse_type(item.type_annotation, records) for item in task.inputs]
    simpler = [
        list(islice(_simpler(value, of, records), MOST_PROPOSALS)) for value, of in zip(arguments, types, strict=True)
    ]
    streams = [_all_at_once(arguments, simpler)]
    streams += [_with_one(arguments, index, values) for index, values in enumerate(simpler)]
    bound = size(arguments)
    found: dict[str, Arguments] = {}
    for proposal in islice(_in_turn(streams), _MOST_EXAMINED):
        if len(found) == MOST_PROPOSALS:
            break
        if size(proposal) < bound:
            found.setdefault(_text(proposal), proposal)
    return tuple(sorted(found.values(), key=lambda item: (size(item), _text(item))))


def fits(value: JsonValue, of: Type, records: Records) -> bool:
    """Say whether a tagged value is of the type, at every depth."""
    match of.kind, value:
        case Kind.ANY, _:
            return True
        case Kind.UNION, _:
            return any(fits(value, member, records) for member in of.arguments)
        case Kind.NONE, ["none"]:
            return True
        case Kind.LIST | Kind.SET | Kind.VARIADIC, [tag, list() as items]:
            wanted = "tuple" if of.kind is Kind.VARIADIC else of.kind.value
            return tag == wanted and all(fits(item, of.arguments[0], records) for item in items)
        case Kind.TUPLE, ["tuple", list() as items]:
            pairs = list(zip(items, of.arguments, strict=False))
            return len(items) == len(of.arguments) and all(fits(item, type_, records) for item, type_ in pairs)
        case Kind.DICT, ["dict", list() as pairs]:
            both = cast(list[tuple[Value, Value]], pairs)
            return all(all(map(fits, pair, of.arguments, (records, records))) for pair in both)
        case Kind.RECORD, ["record", name, list() as fields]:
            types = _field_types(of.name, records)
            named = cast(list[tuple[str, Value]], fields)
            return name == of.name and all(fits(item, types[key], records) for key, item in named if key in types)
        case _, [tag, _]:
            return tag == of.kind.value
    return False


def _text(arguments: Arguments) -> str:
    return "\n".join(map(canonical_text, arguments))


def _in_turn(streams: Iterable[Iterator[T]]) -> Iterator[T]:
    """Take one from each stream in turn, until all are spent."""
    left = list(streams)
    while left:
        for stream in list(left):
            try:
                yield next(stream)
            except StopIteration:
                left.remove(stream)


def _all_at_once(arguments: Arguments, simpler: Sequence[Sequence[Value]]) -> Iterator[Arguments]:
    """Yield all arguments at their simplest, at their second simplest, and so on for a few ranks."""
    for rank in range(3):
        yield tuple(
            values[min(rank, len(values) - 1)] if values else value
            for value, values in zip(arguments, simpler, strict=True)
        )


def _with_one(arguments: Arguments, index: int, values: Iterable[Value]) -> Iterator[Arguments]:
    """Yield the arguments with the one at the index replaced by each of the values."""
    for value in values:
        yield (*arguments[:index], value, *arguments[index + 1 :])


def _field_types(name: str, records: Records) -> dict[str, Type]:
    if name not in records:
        return {}
    return {field.name: parse_type(field.type_annotation, records) for field in records[name].fields}


def _simpler(value: Value, of: Type, records: Records) -> Iterator[Value]:
    """Yield simpler values of the type, great leaps first; some may be no smaller, and some may come twice."""
    if of.kind is not Kind.UNION:
        return _simpler_scalars(value) or _simpler_containers(value, of, records)
    member = next((item for item in of.arguments if fits(value, item, records)), None)
    none: list[Value] = [["none"]] if fits(["none"], of, records) else []
    return chain(none, _simpler(value, member, records) if member is not None else ())


def _simpler_scalars(value: Value) -> Iterator[Value] | None:
    match value:
        case ["bool", bool()]:
            return iter(_FALSE)
        case ["int", str() as text]:
            return (["int", number] for number in _simpler_integers(text))
        case ["float", str() as text]:
            return (["float", float_text(number)] for number in _simpler_floats(text))
        case ["str", str() as text]:
            return (["str", shorter] for shorter in _simpler_texts(text))
        case ["bytes", str() as text]:
            return (["bytes", shorter] for shorter in _simpler_bytes(text))
        case _:
            return None


def _simpler_containers(value: Value, of: Type, records: Records) -> Iterator[Value]:
    match value:
        case ["list" | "tuple" | "set" as tag, list() as items]:
            return _simpler_sequences(str(tag), items, of, records)
        case ["dict", list() as pairs]:
            return _simpler_dicts(cast(list[list[Value]], pairs), of, records)
        case ["record", str() as name, list() as fields]:
            return _simpler_records(name, cast(list[tuple[str, Value]], fields), records)
        case _:
            return iter(())


def _simpler_integers(text: str) -> Iterator[str]:
    if len(text) > LONGEST_INTEGER:
        yield from ("0", text[: len(text) // 2])
        return
    number = int(text)
    yield from ("0", "1", "-1", "2")
    if number < 0:
        yield str(-number)
    sign = -1 if number < 0 else 1
    for power in range(1, _MOST_HALVINGS + 1):
        yield str(number - sign * (abs(number) >> power))
        if power == 1:
            yield str(number - sign)


def _simpler_floats(text: str) -> Iterator[float]:
    number = float(text) if text in ("nan", "inf", "-inf") else float.fromhex(text)
    yield from (0.0, 1.0)
    if not math.isfinite(number):
        return
    yield float(math.trunc(number))
    yield abs(number)
    if number.is_integer():
        yield from (float(whole) for whole in _simpler_integers(str(int(number))))
    else:
        yield from (round(number, 1), round(number, 2), round(number, 4))


def _simpler_texts(text: str) -> Iterator[str]:
    def changed() -> Iterator[str]:
        yield "a" * len(text)
        yield "".join("a" if character.isalpha() else character for character in text)
        yield "".join("0" if character.isdigit() else character for character in text)
        yield text.lower()
        for index in _spread(len(text)):
            for simple in "0a":
                yield text[:index] + simple + text[index + 1 :]

    return _in_turn([("".join(part) for part in _shorter(text)), changed()])


def _simpler_bytes(encoded: str) -> Iterator[str]:
    content = base64.b64decode(encoded)

    def changed() -> Iterator[bytes]:
        yield bytes(len(content))
        for index in _spread(len(content)):
            yield content[:index] + b"\0" + content[index + 1 :]

    for proposal in _in_turn([(bytes(part) for part in _shorter(content)), changed()]):
        yield base64.b64encode(proposal).decode("ascii")


def _simpler_sequences(tag: str, items: list[JsonValue], of: Type, records: Records) -> Iterator[Value]:
    values = cast(list[Value], items)
    fixed = of.kind is Kind.TUPLE
    types = of.arguments if fixed else (of.arguments[0] if of.arguments else ANY,) * len(values)
    if len(types) != len(values):
        return
    shorter: Iterator[Sequence[Value]] = iter(()) if fixed else _shorter(values)
    for proposal in _in_turn([shorter, _one_changed(values, types, records)]):
        kept = list(proposal)
        if tag == "set":
            unique = {canonical_text(item): item for item in kept}
            kept = [unique[text] for text in sorted(unique)]
        yield [tag, cast(JsonValue, kept)]


def _simpler_dicts(pairs: list[list[Value]], of: Type, records: Records) -> Iterator[Value]:
    types = of.arguments if of.kind is Kind.DICT else (ANY, ANY)
    flat = [part for pair in pairs for part in pair]

    def changed() -> Iterator[list[list[Value]]]:
        for parts in _one_changed(flat, types * len(pairs), records):
            proposal = [[key, item] for key, item in zip(parts[::2], parts[1::2], strict=True)]
            if len({canonical_text(key) for key, _ in proposal}) == len(proposal):
                yield proposal

    for proposal in _in_turn([map(list, _shorter(pairs)), changed()]):
        yield ["dict", cast(JsonValue, proposal)]


def _simpler_records(name: str, fields: list[tuple[str, Value]], records: Records) -> Iterator[Value]:
    types = _field_types(name, records)
    keys = [key for key, _ in fields]
    for changed in _one_changed([item for _, item in fields], [types.get(key, ANY) for key in keys], records):
        yield ["record", name, [[key, cast(JsonValue, item)] for key, item in zip(keys, changed, strict=True)]]


def _one_changed(values: Sequence[Value], types: Sequence[Type], records: Records) -> Iterator[list[Value]]:
    """Yield the values with one of them simpler, positions taking turns."""

    def at(index: int) -> Iterator[list[Value]]:
        for simple in _simpler(values[index], types[index], records):
            yield [*values[:index], simple, *values[index + 1 :]]

    return _in_turn([at(index) for index in _spread(len(values))])


def _shorter(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield what is left without all, a half, a quarter and single members, at positions spread evenly."""
    count = len(items)
    if not count:
        return
    yield items[:0]
    yield from (items[: count // 2], items[(count + 1) // 2 :])
    for quarter in range(4 if count > 4 else 0):
        left, right = quarter * count // 4, (quarter + 1) * count // 4
        yield [*items[:left], *items[right:]]
    for index in _spread(count):
        yield [*items[:index], *items[index + 1 :]]


def _spread(count: int) -> Sequence[int]:
    """Return up to ``_MOST_POSITIONS`` positions from first to last."""
    if count <= _MOST_POSITIONS:
        return range(count)
    return [step * (count - 1) // (_MOST_POSITIONS - 1) for step in range(_MOST_POSITIONS)]
