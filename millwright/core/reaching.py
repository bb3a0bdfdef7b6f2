"""Looks for a way from a few values to another one, through examples of functions.

Values may be taken apart and put together on the way, and never changed: nothing is executed. A way that it finds is
evidence that the functions suffice, and no proof.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from pydantic import JsonValue

from schemas.values import Value, canonical_text, float_text


@dataclass(frozen=True)
class Part:
    """A value taken apart: a key that equal values share, and that of the value with all ints as floats.

    ``parts`` is None for what is not made of anything; ``size`` counts the value and all that is in it.
    """

    key: str
    widened: str
    parts: "tuple[Part, ...] | None"
    size: int


@dataclass(frozen=True)
class Step:
    """One example of a function: what it takes, and what it gives or raises."""

    takes: tuple[Part, ...]
    gives: Part | None
    raises: str | None

    @property
    def size(self) -> int:
        """The size of all its values."""
        return _sizes(self.takes) + (self.gives.size if self.gives else 0)


@dataclass
class Budget:
    """Counts work down, so that a search through huge examples ends."""

    left: int

    def take(self, work: int) -> bool:
        """Take some work; False where too little is left."""
        self.left -= work
        return self.left >= 0


@dataclass
class Pool:
    """The values at hand, by key: True for those that a function gave, or that lie in one; and what was raised."""

    made: dict[str, bool] = field(default_factory=dict)
    raised: set[str] = field(default_factory=set)

    def add(self, part: Part, made: bool) -> None:
        """Add a value and everything in it."""
        for key in (part.key, part.widened):
            self.made[key] = self.made.get(key, False) or made
        for inner in part.parts or ():
            self.add(inner, made)

    def take(self, step: Step) -> None:
        """Add what an example gives, or raises."""
        if step.gives is not None:
            self.add(step.gives, True)
        if step.raises is not None:
            self.raised.add(step.raises)

    def reach(self, part: Part) -> bool | None:
        """Say whether a value is at hand or can be put together, and if so whether a function had a part in it."""
        known = self.made.get(part.key)
        if known is not None or part.parts is None:
            return known
        found = [self.reach(inner) for inner in part.parts]
        return None if None in found else any(found)


def pool_from(inputs: Sequence[Value], steps: Sequence[Step], budget: Budget) -> Pool:
    """Return everything that is reached from some inputs; less where the budget ends before."""
    pool = Pool()
    for value in inputs:
        pool.add(taken_apart(value), False)
    waiting = steps
    while waiting and budget.take(sum(step.size for step in waiting)):
        ready: list[Step] = []
        left: list[Step] = []
        for step in waiting:
            (left if any(pool.reach(part) is None for part in step.takes) else ready).append(step)
        if not ready:
            break
        for step in ready:
            pool.take(step)
        waiting = left
    return pool


def count_values(values: Iterable[JsonValue], most: int) -> int:
    """Count values and everything in them, no further than just past ``most``."""
    waiting, count = list(values), 0
    while waiting and count <= most:
        value = waiting.pop()
        count += 1
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return count


def taken_apart(value: Value) -> Part:
    """Take a value apart, from the inside out: keys are made of keys, so that no text is written twice."""
    match value:
        case ["list" | "tuple" as tag, [*items]]:
            return _joined(str(tag), [taken_apart(item) for item in _values(items)])
        case ["set", [*items]]:
            return _joined("set", [taken_apart(item) for item in _values(items)], ordered=False)
        case ["dict", [*pairs]]:
            entries = [_joined("entry", [taken_apart(side) for side in _values(pair)]) for pair in pairs]
            sides = tuple(side for entry in entries for side in entry.parts or ())
            return replace(_joined("dict", entries, ordered=False), parts=sides)
        case ["record", str(name), [*pairs]]:
            return _joined(f"record {name}", [taken_apart(side) for pair in pairs for side in _values(pair)])
        case ["none"]:
            return Part("none", "none", (), 1)
    return Part(_digest(canonical_text(value)), _digest(canonical_text(_widened(value))), None, 1)


def _joined(tag: str, parts: Sequence[Part], *, ordered: bool = True) -> Part:
    keys, widened = [part.key for part in parts], [part.widened for part in parts]
    if not ordered:
        keys, widened = sorted(keys), sorted(widened)
    return Part(_digest(" ".join([tag, *keys])), _digest(" ".join([tag, *widened])), tuple(parts), 1 + _sizes(parts))


def _values(items: JsonValue) -> list[Value]:
    return [item for item in items if isinstance(item, list)] if isinstance(items, list) else []


def _sizes(parts: Sequence[Part]) -> int:
    return sum(part.size for part in parts)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _widened(value: Value) -> Value:
    """Write an int as the float that it equals: it may stand where a float is wanted."""
    match value:
        case ["int", str(text)] if len(text) < 20 and float(int(text)) == int(text):
            return ["float", float_text(float(int(text)))]
    return value
