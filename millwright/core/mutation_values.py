"""What mutation is made of: the parts, weight and order of tagged values, and small changes of numbers and texts.

It knows no types beyond a value's own tag: containers are changed by ``millwright.core.mutation``.
"""

import base64
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar, cast

from pydantic import JsonValue

from millwright.core.chance import Chance
from millwright.core.verification.shrinking import fits
from schemas.specification import Record
from schemas.types import Kind, Type
from schemas.values import Value, canonical_text, float_text

Vector = tuple[Value, ...]
Records = Mapping[str, Record]
T = TypeVar("T")

FRESH_NUMBERS = (0, 1, 2, -1, 3, 10)
FRESH_TEXTS = ("", "a", " ", "aa", "ab", "A", "0")

_MOST_DIGITS = 6
_LONGEST_EXACT = 15  # digits of an integer that is exact as a float
_LONGEST_NUMBER = 1000  # digits; beyond some thousands, Python refuses to read an integer
_LARGEST_DECIMAL = 1e9  # so that six decimals are exact in a float of 53 bits
_LOWER, _UPPER = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Only ASCII changes case: other letters follow the Unicode tables of the running Python.
_RAISED, _LOWERED = str.maketrans(_LOWER, _UPPER), str.maketrans(_UPPER, _LOWER)
_SWAPPED = str.maketrans(_LOWER + _UPPER, _UPPER + _LOWER)
_TELLING = " \n0159aAzZ-.,_()[]{}<>"


def key_of(vector: Vector) -> str:
    """Return the text that equal argument lists share."""
    return canonical_text(["tuple", [cast(JsonValue, value) for value in vector]])


def weight(vector: Vector) -> int:
    """Count the values in an argument list at every depth, with every digit, character and byte of them."""
    return sum(map(_weight, vector))


def _weight(value: JsonValue) -> int:
    match value:
        case ["int" | "str" | "bytes", str() as text]:
            return 1 + len(text)
        case ["record", str(), list() as fields]:
            return 1 + sum(_weight(item) for _, item in cast(list[tuple[str, Value]], fields))
        case ["dict", list() as pairs]:
            return 1 + sum(_weight(part) for pair in cast(list[list[Value]], pairs) for part in pair)
        case [_, [*items]]:
            return 1 + sum(map(_weight, items))
        case _:
            return 1


class Donors:
    """Values found in argument lists, by the type that they fit."""

    def __init__(self, values: Iterable[Value]) -> None:
        unique = {canonical_text(value): value for value in values}
        self._values = list(unique.values())
        self._fitting: dict[Type, list[Value]] = {}
        self.characters = "".join(dict.fromkeys("".join(_content(value) for value in self._values)))
        self.negatives = any(_content(value, "int", "float").startswith("-") for value in self._values)
        self.digits = max((len(_content(value, "int").lstrip("-")) for value in self._values), default=0)

    def of(self, of: Type, records: Records) -> list[Value]:
        """Return those that fit a type, numbers in ascending order."""
        if of not in self._fitting:
            fitting = [value for value in self._values if fits(value, of, records)]
            self._fitting[of] = sorted(fitting, key=rank) if of.kind in (Kind.INT, Kind.FLOAT) else fitting
        return self._fitting[of]


def _content(value: Value, *tags: str) -> str:
    return str(value[1]) if value[0] in (tags or ("str",)) else ""


def parts(value: Value) -> Iterator[Value]:
    """Yield a value and all that it holds, at every depth."""
    yield value
    match value:
        case ["list" | "tuple" | "set", list() as items]:
            for item in items:
                yield from parts(cast(Value, item))
        case ["dict", list() as pairs]:
            for pair in pairs:
                for part in cast(list[Value], pair):
                    yield from parts(part)
        case ["record", str(), list() as fields]:
            for _, item in cast(list[tuple[str, Value]], fields):
                yield from parts(item)


class Scalars:
    """Changes scalars and orders, near what was seen: ``donor`` gives a value of a type, ``nearby`` is all there is."""

    def __init__(self, chance: Chance, nearby: Donors, donor: Callable[[Type], Value | None]) -> None:
        self._chance = chance
        self._nearby = nearby
        self._donor = donor

    def changed(self, value: Value) -> Value | None:
        match value:
            case ["bool", bool() as flag]:
                return ["bool", not flag]
            case ["int", str() as text]:
                return ["int", self._integer(text)]
            case ["float", str() as text]:
                return ["float", self._float(text)]
            case ["str", str() as text]:
                return ["str", self._text(text)]
            case ["bytes", str() as text]:
                content, other = base64.b64decode(text), self._donor(Type(Kind.BYTES)) or ["bytes", ""]
                return ["bytes", encoded(bytes(self.rearranged(content, base64.b64decode(str(other[1])), _itself)))]
            case _:
                return None

    def _integer(self, text: str) -> str:
        if len(text) > _LONGEST_NUMBER:
            return text
        number = int(text)
        near = (number + 1, number - 1, number + 1, number - 1, number + 2, number - 2, number + 10)
        other, any_such = self._other(number), self._chance.below(10 ** min(len(str(abs(number))) + 1, _MOST_DIGITS))
        far = (number * 2, -number, 0, 1, number // 2, number + other, abs(other - number), any_such, any_such)
        changed = str(self.signed(self._chance.one(near if self._chance.once_in(2) else far)))
        return changed if len(changed.lstrip("-")) <= max(self._nearby.digits, 2) + 1 else text

    def _other(self, number: int) -> int:
        other = self._donor(Type(Kind.INT))
        return number if other is None or len(str(other[1])) > _LONGEST_NUMBER else int(str(other[1]))

    def signed(self, number: T) -> T:
        """Take the minus away, three times in four, where no original has one: most tasks mean their examples."""
        negative = cast(float, number) < 0 and not self._nearby.negatives
        return cast(T, -cast(float, number)) if negative and not self._chance.once_in(4) else number

    def _float(self, text: str) -> str:
        number = 0.0 if text in ("nan", "inf", "-inf") else float.fromhex(text)
        near = (number + 1, number - 1, number + 0.5, number - 0.5, number + 0.1, number - 0.01, number + 0.01)
        far = (number * 2, -number, 0.0, number / 2, float(math.trunc(number)), round(number, 1), 1.0)
        changed = self.signed(self._chance.one(near if self._chance.once_in(2) else far))
        if abs(changed) < _LARGEST_DECIMAL:
            changed = round(changed, 6)  # 2.8 - 1 is meant to be 1.8, for all who see it
        return float_text(changed + 0.0) if math.isfinite(changed) else text  # + 0.0: -0.0 tells apart what is equal

    def _text(self, text: str) -> str:
        other = self._donor(Type(Kind.STR))
        if text and not self._chance.once_in(3):
            return "".join(self.rearranged(text, str(other[1]) if other else text, _itself))
        at = self._chance.below(len(text) + 1)
        written = self._nearby.characters if not self._chance.once_in(4) else _TELLING
        character = self._chance.one(written or _LOWER)
        changed = text[at : at + 1].translate(_SWAPPED)
        ways = (
            text[:at] + character + text[at:],
            text[:at] + character + text[at + 1 :],
            text[:at] + _following(text[at : at + 1]) + text[at + 1 :],
            text[:at] + changed + text[at + 1 :],
            text.translate(self._chance.one((_RAISED, _LOWERED, _SWAPPED))),
            text + text[:: self._chance.one((1, -1))].translate(self._chance.one((_RAISED, _LOWERED, _SWAPPED))),
            self._chance.one((" " + text, text + " ", text[:at] + " " + text[at:], text.replace(" ", ""))),
        )
        return self._chance.one(ways)

    def rearranged(self, items: Sequence[T], other: Sequence[T], order: Callable[[T], object]) -> list[T]:
        """Return the items in another order, fewer, doubled, made equal, or spliced with others."""
        several, size = list(items), len(items)
        if not size:
            return list(other)
        at, to = self._chance.below(size), self._chance.below(size)
        start = self._chance.below(len(other)) if other else 0
        ways: tuple[Callable[[], list[T]], ...] = (
            lambda: _swap(several, at, to),
            lambda: _swap(several, at, (at + 1) % size),
            lambda: several[:at] + several[at + 1 :],
            lambda: several[: at + 1] + several[at:],
            lambda: [*several, several[at]],
            lambda: [*several[:to], several[at], *several[to + 1 :]],
            lambda: several[::-1],
            lambda: sorted(several, key=cast(Callable[[T], float], order), reverse=self._chance.once_in(3)),
            lambda: several[:at] + list(other[start:]),
            lambda: several[:at] + list(other[start : start + 3]) + several[at:],
            lambda: several[min(at, to) : max(at, to) + 1],
            lambda: several + several[:: self._chance.one((1, -1))],
            lambda: [several[at]] * size,
            lambda: several[:at] if self._chance.once_in(2) else [],
        )
        return self._chance.one(ways)()


def _swap(items: list[T], at: int, to: int) -> list[T]:
    swapped = list(items)
    swapped[at], swapped[to] = items[to], items[at]
    return swapped


def _following(character: str) -> str:
    """Return the next printable ASCII character, round about; any other character stays."""
    return chr((ord(character) - 31) % 95 + 32) if character and " " <= character <= "~" else character


def _itself(item: T) -> T:
    return item


def rank(value: Value) -> tuple[float, str]:
    """Order numbers by size, all else by its text."""
    match value:
        case ["int", str() as text] if len(text) < 300:
            return float(int(text)), ""
        case ["float", str() as text] if text != "nan":
            return (float(text) if text.endswith("inf") else float.fromhex(text)), ""
        case ["str", str() as text]:
            return 0.0, text
        case _:
            return 0.0, canonical_text(value)


def measures(value: Value, digits: int) -> Iterator[Value]:
    """Yield integers that a value suggests, of so many digits at most: its length, and the sum of its integers."""
    match value:
        case ["str", str() as text]:
            yield ["int", str(len(text))]
        case ["list" | "tuple", list() as items]:
            yield ["int", str(len(items))]
            texts = [_content(cast(Value, item), "int") for item in items]
            if all(texts) and max(map(len, texts), default=digits) < digits:
                total = str(sum(map(int, texts)))
                if len(total) <= digits:
                    yield ["int", total]


def recast(value: Value) -> Value:
    """Return a number as one of the other type, a float without what is behind its point; any other value itself."""
    match value:
        case ["int", str() as text] if len(text) <= _LONGEST_EXACT:
            return ["float", float_text(float(int(text)))]
        case ["float", str() as text] if text not in ("nan", "inf", "-inf"):
            number = float.fromhex(text)
            return ["int", str(int(number))] if abs(number) < _LARGEST_DECIMAL else value
        case _:
            return value


def hashable(value: JsonValue) -> bool:
    match value:
        case ["list" | "set" | "dict", list()]:
            return False
        case ["tuple", list() as items]:
            return all(map(hashable, items))
        case ["record", str(), list() as fields]:
            return all(hashable(item) for _, item in cast(list[tuple[str, Value]], fields))
        case _:
            return True


def identity(value: Value) -> object:
    """Return what equal members of a set share: 1, 1.0 and True are one member."""
    match value:
        case ["int", str() as text] if len(text) <= _LONGEST_NUMBER:
            return int(text)
        case ["bool", bool() as flag]:
            return flag
        case ["float", str() as text] if text != "nan":
            return float(text) if text.endswith("inf") else float.fromhex(text)
        case ["tuple", list() as items]:
            return tuple(identity(cast(Value, item)) for item in items)
        case _:
            return canonical_text(value)


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
