"""Makes new argument lists out of given ones by small changes of their values, each of the declared types.

It knows types and nothing else: whether a mutation satisfies constraints and preconditions is for others to find out.
Equal, adjacent, sorted, duplicated and contained values come often: many faults show only between those.
"""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import cast

from pydantic import JsonValue

from millwright.core.chance import Chance
from millwright.core.mutation_values import (
    FRESH_NUMBERS,
    FRESH_TEXTS,
    Donors,
    Scalars,
    encoded,
    hashable,
    identity,
    key_of,
    measures,
    parts,
    rank,
    recast,
    weight,
)
from millwright.core.verification.shrinking import fits
from schemas.specification import Record
from schemas.types import ANY, NONE, Kind, Type, parse_type
from schemas.values import Value, canonical_text, float_text

Vector = tuple[Value, ...]
Records = Mapping[str, Record]

GROWTH, ROOM = 2, 16
"""A mutation weighs at most this times the heaviest original, and so much more."""

EACH = 3
"""Mutations that a given argument list should have at least."""

_TRIES = 20
_MOST_DONORS = 300
_MOST_MEASURES = 20
_MOST_DEPTH = 4
_KINDS = {kind.value: kind for kind in (Kind.INT, Kind.FLOAT, Kind.BOOL, Kind.STR, Kind.BYTES)}
_NUMBERS = frozenset({Kind.INT, Kind.FLOAT})
_LEAVES = _NUMBERS | {Kind.STR}
_HELD = {
    "list": Type(Kind.LIST, (ANY,)),
    "tuple": Type(Kind.VARIADIC, (ANY,)),
    "set": Type(Kind.SET, (ANY,)),
    "dict": Type(Kind.DICT, (ANY, ANY)),
    "none": NONE,
}


def mutations(
    vectors: Sequence[Vector], types: Sequence[Type], seed: int, count: int, records: Records
) -> tuple[Vector, ...]:
    """Return up to ``count`` argument lists that are small changes of the given ones, which take turns.

    Of more than ``count / EACH`` given ones only the first have a turn, as long as enough comes of them: one mutation
    of each of many tells less than several of each of a few.

    They fit the types where the given ones do, differ from these and from each other, and weigh (``weight``) at most
    ``GROWTH`` times the heaviest of them plus ``ROOM``. The same for the same arguments, on every platform.

    Raises:
        TypeSyntaxError: a field of a record has a type that cannot be parsed.
    """
    if not vectors or not types or count <= 0:
        return ()
    known = {key_of(vector) for vector in vectors}
    most = GROWTH * max(map(weight, vectors)) + ROOM
    chance = Chance("mutations", seed)
    nearby = Donors(islice((part for vector in vectors for item in vector for part in parts(item)), _MOST_DONORS))
    mutators: dict[int, _Mutator] = {}
    first = min(len(vectors), -(-count // EACH))
    found: dict[str, Vector] = {}
    for attempt in range(_TRIES * count + 4 * len(vectors)):
        if len(found) == count:
            break
        place = attempt % (first if attempt < 4 * count else len(vectors))
        if place not in mutators:
            mutators[place] = _Mutator(vectors, place, types, records, chance, nearby)
        mutant = mutators[place].mutant()
        key = key_of(mutant)
        if key not in known and weight(mutant) <= most:
            found.setdefault(key, mutant)
    return tuple(found.values())


class _Mutator:
    """Changes one argument list; its own values are the first to be copied, those of the others come second."""

    def __init__(
        self,
        vectors: Sequence[Vector],
        place: int,
        types: Sequence[Type],
        records: Records,
        chance: Chance,
        nearby: Donors,
    ) -> None:
        self._vectors = vectors
        self._base = vectors[place]
        self._types = types
        self._records = records
        self._chance = chance
        own = list(islice((part for item in self._base for part in parts(item)), _MOST_DONORS))
        measured = [number for part in own for number in measures(part, max(nearby.digits, 2))]
        self._own = Donors([*own, *measured[:_MOST_MEASURES]])
        self._nearby = nearby
        self._scalars = Scalars(chance, nearby, self._donor)

    def mutant(self) -> Vector:
        """Return the argument list with one to three of its values changed."""
        changed = list(self._base)
        for _ in range(self._chance.one((1, 1, 2, 2, 3))):
            at = self._chance.below(len(changed))
            if len(changed) > 1 and self._chance.once_in(6):
                self._exchange(changed, at)
            else:
                changed[at] = self._changed(changed[at], self._types[at])
        return tuple(changed)

    def _exchange(self, changed: list[Value], at: int) -> None:
        """Swap an argument with another one of a type that fits, else take it from another argument list."""
        other = self._chance.below(len(changed))
        both = (changed[other], self._types[at]), (changed[at], self._types[other])
        if changed[at] != changed[other] and all(fits(value, of, self._records) for value, of in both):
            changed[at], changed[other] = changed[other], changed[at]
        else:
            changed[at] = self._chance.one(self._vectors)[at]

    def _changed(self, value: Value, of: Type, hashed: bool = False, depth: int = 0) -> Value:
        """Return a value of the type that is near the given one or near another that was seen; it may be the same."""
        if of.kind is Kind.UNION and self._chance.once_in(4):
            of, cast_to = self._chance.one(of.arguments), recast(value)
            same = cast_to != value and fits(cast_to, of, self._records)
            return cast_to if same else self._another(of, hashed, depth) or value
        if of.kind is Kind.ANY and self._chance.once_in(6):
            return recast(value)
        of = self._narrowed(value, of)
        if self._chance.once_in(2 if of.kind in _LEAVES else 3):
            donor = self._donor(of, hashed, value)
            if donor is not None and self._chance.once_in(2):
                return donor
            value = donor or value
        return self._scalars.changed(value) or self._container(value, of, hashed, depth)

    def _narrowed(self, value: Value, of: Type) -> Type:
        """Return the member of a union that a value is of, and for Any the type that its tag tells."""
        if of.kind is Kind.UNION:
            of = next((member for member in of.arguments if fits(value, member, self._records)), ANY)
        if of.kind is not Kind.ANY:
            return of
        tag = str(value[0])
        if tag == "record":
            return Type(Kind.RECORD, name=str(value[1]))
        return _HELD.get(tag) or Type(_KINDS.get(tag, Kind.ANY))

    def _donor(self, of: Type, hashed: bool = False, value: Value | None = None) -> Value | None:
        """Return a value of the type that was seen, another one than that given; of numbers often the outermost."""
        first, second = (self._own, self._nearby) if not self._chance.once_in(4) else (self._nearby, self._own)
        for source in (first, second):
            found = [donor for donor in source.of(of, self._records) if donor != value]
            if found:
                outermost = of.kind in _NUMBERS and self._chance.once_in(2)
                chosen = self._chance.one((found[0], found[-1]) if outermost else found)
                return None if hashed and not hashable(chosen) else chosen
        return None

    def _another(self, of: Type, hashed: bool = False, depth: int = 0) -> Value | None:
        """Return a value of the type: one that was seen, or one near it, or a fresh one; None where there is none."""
        donor = self._donor(of, hashed)
        if donor is None or self._chance.once_in(8):
            return self._fresh(of, hashed, depth) or donor
        return donor if depth >= _MOST_DEPTH or self._chance.once_in(2) else self._changed(donor, of, hashed, depth + 1)

    def _fresh(self, of: Type, hashed: bool, depth: int) -> Value | None:
        match of.kind:
            case Kind.INT | Kind.ANY:
                return ["int", str(self._scalars.signed(self._chance.one(FRESH_NUMBERS)))]
            case Kind.FLOAT:
                return ["float", float_text(self._scalars.signed(self._chance.one(FRESH_NUMBERS) / 2) + 0.0)]
            case Kind.BOOL:
                return ["bool", self._chance.once_in(2)]
            case Kind.STR:
                return ["str", self._chance.one(FRESH_TEXTS)]
            case Kind.BYTES:
                return ["bytes", encoded(self._chance.one(FRESH_TEXTS).encode("ascii"))]
            case Kind.NONE:
                return ["none"]
            case Kind.UNION:
                ways = [self._fresh(member, hashed, depth) for member in of.arguments]
                made = [way for way in ways if way is not None]
                return self._chance.one(made) if made else None
            case Kind.TUPLE | Kind.RECORD:
                return self._fresh_product(of, hashed, depth)
            case _:
                return None if hashed and of.kind is not Kind.VARIADIC else [_tag_of(of), []]

    def _fresh_product(self, of: Type, hashed: bool, depth: int) -> Value | None:
        if depth >= _MOST_DEPTH:
            return None
        fields = {} if of.kind is Kind.TUPLE else self._fields(of.name)
        made = [self._another(member, hashed, depth + 1) for member in fields.values() or of.arguments]
        whole = [part for part in made if part is not None]
        if len(whole) < len(made) or (of.kind is Kind.RECORD and not fields):
            return None
        if of.kind is Kind.TUPLE:
            return ["tuple", cast(JsonValue, whole)]
        pairs = [[name, cast(JsonValue, part)] for name, part in zip(fields, whole, strict=True)]
        return ["record", of.name, cast(JsonValue, pairs)]

    def _fields(self, name: str) -> dict[str, Type]:
        if name not in self._records:
            return {}
        return {field.name: parse_type(field.type_annotation, self._records) for field in self._records[name].fields}

    def _container(self, value: Value, of: Type, hashed: bool, depth: int) -> Value:
        match value:
            case ["list" | "tuple" as tag, list() as items]:
                return [tag, cast(JsonValue, self._sequence(cast(list[Value], items), of, hashed, depth))]
            case ["set", list() as items]:
                return ["set", cast(JsonValue, self._set(cast(list[Value], items), of, depth))]
            case ["dict", list() as pairs]:
                return ["dict", cast(JsonValue, self._dict(cast(list[list[Value]], pairs), of, depth))]
            case ["record", str() as name, list() as fields]:
                return ["record", name, cast(JsonValue, self._record(name, cast(list[list[Value]], fields), depth))]
            case _:
                return value

    def _sequence(self, items: list[Value], of: Type, hashed: bool, depth: int) -> list[Value]:
        if of.kind is Kind.TUPLE:
            return self._one_changed(items, of.arguments, hashed, depth)
        member = of.arguments[0]
        if items and self._chance.once_in(3):
            return self._one_changed(items, (member,) * len(items), hashed, depth)
        if not items or self._chance.once_in(4):
            added = self._another(member, hashed, depth + 1)
            at = self._chance.below(len(items) + 1)
            return items if added is None else [*items[:at], added, *items[at:]]
        donor = self._donor(of, hashed)
        return self._scalars.rearranged(items, cast(list[Value], donor[1]) if donor else items, rank)

    def _one_changed(self, items: list[Value], types: Sequence[Type], hashed: bool, depth: int) -> list[Value]:
        if not items:
            return items
        at = self._chance.below(len(items))
        return [*items[:at], self._changed(items[at], types[at], hashed, depth + 1), *items[at + 1 :]]

    def _set(self, items: list[Value], of: Type, depth: int) -> list[Value]:
        way = self._chance.below(3)
        changed = list(items)
        if items and way == 0:
            del changed[self._chance.below(len(items))]
        elif items and way == 1:
            changed = self._one_changed(items, of.arguments * len(items), True, depth)
        else:
            added = self._another(of.arguments[0], True, depth + 1)
            changed += [] if added is None else [added]
        unique = {identity(item): item for item in changed}
        return sorted(unique.values(), key=canonical_text)

    def _dict(self, pairs: list[list[Value]], of: Type, depth: int) -> list[list[Value]]:
        way = self._chance.below(5)
        changed = list(pairs)
        at = self._chance.below(len(pairs)) if pairs else 0
        if pairs and way == 0:
            del changed[at]
        elif pairs and way == 1:
            changed[at] = [pairs[at][0], self._chance.one(pairs)[1]]
        elif pairs and way in (2, 3):
            place = way - 2
            both = list(pairs[at])
            both[place] = self._changed(both[place], of.arguments[place], place == 0, depth + 1)
            changed[at] = both
        else:
            added = [self._another(part, index == 0, depth + 1) for index, part in enumerate(of.arguments)]
            changed += [[part for part in added if part is not None]] if None not in added else []
        unique = {identity(pair[0]): pair for pair in changed}
        return list(unique.values())

    def _record(self, name: str, fields: list[list[Value]], depth: int) -> list[list[Value]]:
        types = self._fields(name)
        at = self._chance.below(len(fields)) if fields else 0
        if not fields:
            return fields
        key = cast(str, fields[at][0])
        changed = self._changed(fields[at][1], types.get(key, ANY), depth=depth + 1)
        return [*fields[:at], [cast(Value, key), changed], *fields[at + 1 :]]


def _tag_of(of: Type) -> str:
    return "tuple" if of.kind is Kind.VARIADIC else of.kind.value
