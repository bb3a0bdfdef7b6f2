"""Makes the arguments of one call relate: equal, adjacent, contained, as long as, sorted, repeated.

Many faults show only there, and arguments drawn apart hardly ever meet. It evaluates no constraint itself: a value that
its argument's ``fitting`` refuses stays as it was drawn.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from hypothesis import strategies as st

from millwright.adapters.inputs.bounds import Bounds, ranged, sized, spanned
from millwright.adapters.inputs.palette import LONGEST_LIST, LONGEST_TEXT, WIDEST_FLOAT, WIDEST_INTEGER
from schemas.types import Kind, Type

Draw = Callable[[st.SearchStrategy[Any]], Any]
Fitting = Callable[[Any], bool]
_Change = Callable[[Draw, Any, Any], Any]

_NUMBERS = frozenset({Kind.INT, Kind.FLOAT})
_ORDERED = frozenset({Kind.INT, Kind.FLOAT, Kind.STR})
_ROWS = frozenset({Kind.LIST, Kind.VARIADIC})
_SEQUENCES = _ROWS | {Kind.STR}
_MOST_AT_ONCE = 2


@dataclass(frozen=True)
class Argument:
    """What relations need to know of one argument: how it is drawn, its type, its bounds and whether a value fits."""

    drawn: st.SearchStrategy[Any]
    of: Type
    bounds: Bounds
    fitting: Fitting

    def admits(self, value: Any) -> bool:
        """Say whether a value is within the sizes that are generated and satisfies the argument's constraints."""
        match self.of.kind:
            case Kind.INT:
                low, high = ranged(self.bounds, WIDEST_INTEGER)
                return low <= value <= high and self.fitting(value)
            case Kind.FLOAT:
                lowest, highest = spanned(self.bounds, WIDEST_FLOAT)
                return lowest <= value <= highest and self.fitting(value)
            case Kind.LIST | Kind.VARIADIC | Kind.STR:
                smallest, largest = sized(self.bounds, LONGEST_TEXT if self.of.kind is Kind.STR else LONGEST_LIST)
                return smallest <= len(value) <= largest and self.fitting(value)
            case _:
                return self.fitting(value)


@dataclass(frozen=True)
class Relation:
    """A change of the argument at ``at``, in view of the one at ``other``."""

    at: int
    other: int
    change: _Change


def related(arguments: Sequence[Argument]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Return a strategy for argument lists: half of them drawn apart, half with one or two relations between them."""
    apart = st.tuples(*(argument.drawn for argument in arguments))
    within, between = relations_of([argument.of for argument in arguments])
    kinds = [st.sampled_from(relations) for relations in (between, within) if relations]
    if not kinds:
        return apart
    several = st.lists(st.one_of(kinds), min_size=1, max_size=_MOST_AT_ONCE)

    @st.composite
    def together(draw: st.DrawFn) -> tuple[Any, ...]:
        values = list(draw(apart))
        for relation in draw(several):
            changed = relation.change(draw, values[relation.at], values[relation.other])
            if arguments[relation.at].admits(changed):
                values[relation.at] = changed
        return tuple(values)

    return st.one_of(apart, together())


def relations_of(types: Sequence[Type]) -> tuple[list[Relation], list[Relation]]:
    """Return the relations that arguments of these types can have: within one of them, and between two."""
    within = [Relation(at, at, change) for at, of in enumerate(types) for change in _within(of)]
    between = [
        Relation(at, other, change)
        for at, of in enumerate(types)
        for other, towards in enumerate(types)
        if at != other
        for change in _between(of, towards)
    ]
    return within, between


def _within(of: Type) -> Iterator[_Change]:
    if of.kind in _SEQUENCES:
        yield from (_repeated, _mirrored)
    if of.kind in _ROWS and of.arguments[0].kind in _ORDERED:
        yield _ordered


def _between(of: Type, towards: Type) -> Iterator[_Change]:
    if of == towards:
        yield _same
        if of.kind in _NUMBERS:
            yield _adjacent
        if of.kind in _SEQUENCES:
            yield from (_part, _shuffled, _around)
    if towards.kind in _ROWS and towards.arguments[0] == of:
        yield _member
    if of.kind in _ROWS and of.arguments[0] == towards:
        yield _holding
    if of.kind is Kind.INT and towards.kind in _SEQUENCES:
        yield _counting
    if of.kind in _ROWS and towards.kind in _ROWS:
        yield _as_long


def _same(draw: Draw, value: Any, other: Any) -> Any:
    return other


def _adjacent(draw: Draw, value: Any, other: Any) -> Any:
    return round(other + draw(st.sampled_from((1, -1))), 6)  # 2.8 - 1 is meant to be 1.8, for all who see it


def _part(draw: Draw, value: Any, other: Any) -> Any:
    if not other:
        return other
    start = draw(st.integers(0, len(other) - 1))
    return other[start : start + draw(st.sampled_from((1, 2, 3, len(other))))]


def _shuffled(draw: Draw, value: Any, other: Any) -> Any:
    """Return the same members in another order; the one order that says nothing is drawn most often."""
    members = list(other)
    mixed = draw(st.permutations(members))
    return _like(other, mixed if mixed != members else [*members[1:], *members[:1]])


def _around(draw: Draw, value: Any, other: Any) -> Any:
    at = _place(draw, value)
    return value[:at] + other + value[at:]


def _member(draw: Draw, value: Any, other: Any) -> Any:
    return draw(st.sampled_from(other)) if other else value


def _holding(draw: Draw, value: Any, other: Any) -> Any:
    at = _place(draw, value)
    return value[:at] + _like(value, [other]) + value[at + draw(st.sampled_from((0, 1))) :]


def _counting(draw: Draw, value: Any, other: Any) -> Any:
    return max(0, len(other) + draw(st.sampled_from((0, -1, 1))))


def _as_long(draw: Draw, value: Any, other: Any) -> Any:
    return (value * len(other))[: len(other)]


def _repeated(draw: Draw, value: Any, other: Any) -> Any:
    """Put one of the members at one to three other places, or behind itself."""
    if not value:
        return value
    members = list(value)
    places = st.integers(0, len(members) - 1)
    member = members[draw(places)]
    for place in draw(st.lists(places, min_size=1, max_size=3)):
        members[place] = member
    return _like(value, draw(st.sampled_from((members, [*members, member]))))


def _mirrored(draw: Draw, value: Any, other: Any) -> Any:
    half = value[: 1 + len(value) // 2]
    return half + draw(st.sampled_from((half[::-1], half[-2::-1], half)))


def _ordered(draw: Draw, value: Any, other: Any) -> Any:
    return _like(value, sorted(value, reverse=draw(st.booleans())))


def _place(draw: Draw, value: Any) -> int:
    place: int = draw(st.integers(0, len(value)))
    return place


def _like(value: Any, members: Sequence[Any]) -> Any:
    """Return the members in a sequence of the value's class."""
    make: Callable[[Sequence[Any]], Any] = partial(str.join, "") if isinstance(value, str) else type(value)
    return make(members)
