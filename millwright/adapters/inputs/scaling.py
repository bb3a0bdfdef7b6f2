"""Makes one task's inputs at growing sizes, for timing: lists, texts and numbers in ratio 1:2:4, up to a stated bound.

It evaluates no constraint: ``millwright.adapters.inputs.drawing`` says which vectors hold.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from millwright.adapters.inputs.bounds import NO_BOUNDS, Bounds, ranged
from millwright.adapters.inputs.content import INNER, Content, Style, TooFew, weight_of
from millwright.adapters.inputs.palette import WIDEST_INTEGER, Palette, fitting_choices
from schemas.types import Kind, Type

MOST_ELEMENTS = 20_000
"""All elements of one vector: a square of it is over any time limit of seconds, and it is some hundred kilobytes."""

LARGEST_NUMBER = 1_000_000
"""Beyond a million a number is a quantity rather than a size, and bounds such as a machine word's are no promise that a
loop runs so often."""

DEFAULT_LARGEST = 200

_PARTS = (4, 2, 1)
_DRAWS = 4
"""Draws of each style: an ordinary number beside a list may be out of place at first."""

_CAPS = (MOST_ELEMENTS, MOST_ELEMENTS // 10, MOST_ELEMENTS // 100)
_COLLECTIONS = frozenset({Kind.LIST, Kind.VARIADIC, Kind.SET, Kind.DICT, Kind.STR, Kind.BYTES})


@dataclass(frozen=True)
class Scale:
    """How an input scales: its type (one member of a union), the greatest size, and whether that one is stated."""

    of: Type
    largest: int
    stated: bool
    counted: bool
    sign: int = 1


@dataclass(frozen=True)
class Sized:
    """Values at one size."""

    values: tuple[Any, ...]
    size: int
    stated: bool


class Scaling:
    """The sized inputs of a task with these types and bounds; equal seeds give equal values, in any process.

    ``holds`` says whether values satisfy all conditions, None where that takes too long to be known.
    """

    def __init__(
        self,
        types: Sequence[Type],
        bounds: Sequence[Bounds],
        palette: Palette,
        seed: str,
        holds: Callable[[Sequence[Any]], bool | None],
    ) -> None:
        self._types = types
        self._bounds = bounds
        self._palette = palette
        self._seed = seed
        self._holds = holds

    def vectors(self) -> list[Sized]:
        """Return three sizes that are stated, and three that are not; neither where nothing fits the conditions."""
        found: list[Sized] = []
        for stated in (True, False):
            for cap in _CAPS if stated else _CAPS[:1]:
                several, slow = self._three(stated, cap)
                found.extend(several)
                if several or not slow:
                    break
        return found

    def _three(self, stated: bool, cap: int) -> tuple[list[Sized], bool]:
        """Return three sizes of the first way of scaling and style that fit, and whether any took too long to tell."""
        for scales in self._ways(stated, cap):
            for number, (style, inner) in enumerate(self._styles()):
                for draw in range(_DRAWS):
                    seed = f"{self._seed} {stated} {cap} {number} {draw}"
                    several = self._drawn(scales, style, inner, stated, seed)
                    if several is None:
                        return [], True
                    if several:
                        return several, False
        return [], False

    def _drawn(
        self, scales: Sequence[Scale | None], style: Style, inner: bool, stated: bool, seed: str
    ) -> list[Sized] | None:
        """Return three sizes; none where one does not hold, None where that takes too long to be known."""
        found: list[Sized] = []
        for part in _PARTS:
            content = self._content(seed, style)
            others = self._content(f"{seed} others", style)  # of its own, so that they are the same at every size
            size = _size(scales, part)
            if inner and size * size > MOST_ELEMENTS:
                return []
            row = size if inner else INNER
            try:
                values = [
                    others.small(of, bounds) if scale is None else _value(content, bounds, scale, part, row)
                    for of, bounds, scale in zip(self._types, self._bounds, scales, strict=True)
                ]
            except TooFew:
                return []
            holds = self._holds(values)
            if holds is None:
                return None
            if not holds:
                return []
            found.append(Sized(tuple(values), size, stated))
        return found

    def _content(self, seed: str, style: Style) -> Content:
        return Content(Random(seed), self._palette, style)  # noqa: S311 - reproducible, and no secret

    def _ways(self, stated: bool, cap: int) -> Iterator[list[Scale | None]]:
        """Yield what to scale: what is stated (or what is not) and nothing else; then all that is counted alike."""
        every = [scale_of(of, bounds) for of, bounds in zip(self._types, self._bounds, strict=True)]
        chosen = [scale if scale is not None and scale.stated is stated else None for scale in every]
        if not any(chosen):
            return
        yield self._capped(chosen, cap)
        least = min((scale.largest for scale in chosen if scale is not None and scale.counted), default=None)
        if stated and least is not None:
            alike = [replace(scale, largest=least) if scale is not None and scale.counted else scale for scale in every]
            if alike != chosen:
                yield self._capped(alike, cap)

    def _capped(self, scales: Sequence[Scale | None], cap: int) -> list[Scale | None]:
        weights = [weight_of(scale.of, self._palette) for scale in scales if scale is not None and scale.counted]
        most = cap // max(1, sum(weights))
        return [
            replace(scale, largest=min(scale.largest, most)) if scale is not None and scale.counted else scale
            for scale in scales
        ]

    def _styles(self) -> Iterator[tuple[Style, bool]]:
        for style in Style:
            yield style, False
        if any(of.kind is Kind.LIST and of.arguments[0].kind is Kind.LIST for of in self._types):
            yield Style.ANY, True


def scale_of(of: Type, bounds: Bounds = NO_BOUNDS) -> Scale | None:
    """Say how values of a type within bounds scale; None where they do not."""
    if bounds.empty or fitting_choices(of, bounds):
        return None
    if of.kind is Kind.UNION:
        members = (scale_of(member, bounds) for member in of.arguments)
        return next((scale for scale in members if scale is not None), None)
    if of.kind is Kind.INT:
        return _number(of, bounds)
    if of.kind not in _COLLECTIONS:
        return None
    least = max(1, bounds.min_size or 0)
    largest = bounds.max_size
    if largest is None:
        return Scale(of, max(DEFAULT_LARGEST, 4 * least), stated=False, counted=True)
    return Scale(of, largest, stated=True, counted=True) if largest // 4 >= least else None


def _number(of: Type, bounds: Bounds) -> Scale | None:
    low, high = ranged(bounds, WIDEST_INTEGER)
    if bounds.high is not None and high >= 4:
        largest = min(high, LARGEST_NUMBER)
        return Scale(of, largest, stated=True, counted=False) if low <= largest // 4 else None
    if bounds.low is not None and bounds.high is not None and low <= -4:
        largest = min(-low, LARGEST_NUMBER)
        return Scale(of, largest, stated=True, counted=False, sign=-1) if high >= -(largest // 4) else None
    return None


def _value(content: Content, bounds: Bounds, scale: Scale, part: int, row: int) -> Any:
    """Make one input's value at this part of its greatest size. Raises TooFew."""
    count = max(1, scale.largest // part)
    return content.large(scale.of, bounds, count, row) if scale.counted else scale.sign * count


def _size(scales: Sequence[Scale | None], part: int) -> int:
    """Count the elements of the longest input that scales; where only numbers do, the magnitude of the greatest."""
    chosen = [scale for scale in scales if scale is not None]
    counted = [scale for scale in chosen if scale.counted]
    return max(max(1, scale.largest // part) for scale in counted or chosen)
