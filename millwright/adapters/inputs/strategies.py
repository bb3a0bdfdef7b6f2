"""From types and bounds to Hypothesis strategies.

It evaluates no constraint: what bounds do not express is filtered by ``millwright.adapters.inputs.drawing``.
"""

import math
import string
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from millwright.adapters.inputs.bounds import NO_BOUNDS, Bounds, ranged, sized, spanned
from millwright.adapters.inputs.palette import (
    LARGEST_MAPPING,
    LONGEST_LIST,
    LONGEST_TEXT,
    WIDEST_FLOAT,
    WIDEST_INTEGER,
    Palette,
    characters_of,
    fitting_choices,
)
from schemas.types import Kind, Type

_PLAIN = string.ascii_letters + string.digits + string.punctuation + "   "
_UNICODE = "äéßñÇŁœ§€½²漢字かЖαωعא\u0301\u200d😀🚀"

_SMALL = 30
_ALIKE = 6
_ALIKE_LETTERS = 3

_LARGEST_DECIMAL = 1e9  # so that six decimals are exact in a float of 53 bits

Strategy = st.SearchStrategy[Any]


def strategy_of(of: Type, palette: Palette, bounds: Bounds = NO_BOUNDS, hashed: bool = False) -> Strategy:
    """Return a strategy for values of a type within bounds; ``hashed`` values can be members of sets."""
    if bounds.empty:
        return st.nothing()
    choices = fitting_choices(of, bounds)
    if choices:
        return st.sampled_from(choices)
    return _MAKERS[of.kind](of, palette, bounds, hashed)


def _integers(of: Type, palette: Palette, bounds: Bounds, hashed: bool) -> Strategy:
    low, high = ranged(bounds, WIDEST_INTEGER)
    if low > high:
        return st.nothing()
    least, most = _few(low, high, _SMALL)
    return (
        st.one_of(st.integers(least, most), st.integers(low, high))
        if high - low > 2 * _SMALL
        else st.integers(low, high)
    )


def _few(low: int, high: int, count: int) -> tuple[int, int]:
    """Return the ends of a range of about so many integers within the given one, round zero or as near as can be."""
    near = min(max(0, low), high)
    return max(low, near - count // 4), min(high, near + count - count // 4)


def _bytes(of: Type, palette: Palette, bounds: Bounds, hashed: bool) -> Strategy:
    smallest, largest = sized(bounds, LONGEST_TEXT)
    return st.lists(st.integers(0, 255), min_size=smallest, max_size=largest).map(bytes)


def _unions(of: Type, palette: Palette, bounds: Bounds, hashed: bool) -> Strategy:
    return st.one_of([strategy_of(member, palette, bounds, hashed) for member in of.arguments])


def _tuples(of: Type, palette: Palette, bounds: Bounds, hashed: bool) -> Strategy:
    return st.tuples(*(strategy_of(member, palette, hashed=hashed) for member in of.arguments))


def _records(of: Type, palette: Palette, bounds: Bounds, hashed: bool) -> Strategy:
    members = {
        name: strategy_of(field, palette, palette.bounds_of(of.name, name), hashed)
        for name, field in palette.fields[of.name]
    }
    return st.builds(palette.classes[of.name], **members)


def _sequences(of: Type, palette: Palette, bounds: Bounds, hashed: bool) -> Strategy:
    smallest, largest = sized(bounds, LONGEST_LIST)
    member = strategy_of(of.arguments[0], palette, bounds.elements or NO_BOUNDS, hashed)
    several = st.lists(member, min_size=smallest, max_size=largest)
    alike = _alike(of.arguments[0], palette, bounds.elements or NO_BOUNDS)
    if alike is not None:
        several = st.one_of(several, st.lists(alike, min_size=smallest, max_size=largest))
    return several.map(tuple) if of.kind is Kind.VARIADIC else several


def _alike(of: Type, palette: Palette, bounds: Bounds) -> Strategy | None:
    """Return a strategy for few and near values, so that some members of a list are equal or adjacent."""
    if fitting_choices(of, bounds):
        return None
    if of.kind is Kind.INT:
        low, high = ranged(bounds, WIDEST_INTEGER)
        return st.integers(*_few(low, high, _ALIKE)) if low <= high else None
    if of.kind is Kind.STR:
        smallest, largest = sized(bounds, LONGEST_TEXT)
        letters = (characters_of(bounds) or palette.alphabet or "ab")[:_ALIKE_LETTERS]
        longest = min(largest, max(smallest, _ALIKE_LETTERS))
        return st.lists(st.sampled_from(letters), min_size=smallest, max_size=longest).map("".join)
    return None


def _mappings(of: Type, palette: Palette, bounds: Bounds, hashed: bool) -> Strategy:
    smallest, largest = sized(bounds, LARGEST_MAPPING)
    member = strategy_of(of.arguments[0], palette, bounds.elements or NO_BOUNDS, hashed=True)
    if of.kind is Kind.SET:
        return st.sets(member, min_size=smallest, max_size=largest)
    values = strategy_of(of.arguments[1], palette)
    return st.dictionaries(member, values, min_size=smallest, max_size=largest)


def _floats(of: Type, palette: Palette, bounds: Bounds, hashed: bool) -> Strategy:
    """Return floats of at most two and at most six decimals; of a narrow range, any."""
    low, high = spanned(bounds, WIDEST_FLOAT)
    coarse, fine = (_decimals(low, high, scale) for scale in (100, 1_000_000))
    if coarse is None or fine is None:
        any_float = st.floats(low, high, allow_nan=False, allow_infinity=False, allow_subnormal=False)
        return any_float.map(_unsigned_zero)
    return st.one_of(coarse, fine)


def _decimals(low: float, high: float, scale: int) -> Strategy | None:
    if max(abs(low), abs(high)) > _LARGEST_DECIMAL:
        return None
    least, most = math.ceil(low * scale), math.floor(high * scale)
    return st.integers(least, most).map(lambda number: number / scale) if least < most else None


def _unsigned_zero(number: float) -> float:
    return number + 0.0  # -0.0 equals 0.0 but prints otherwise: it would tell apart what no specification does


def _texts(of: Type, palette: Palette, bounds: Bounds, hashed: bool) -> Strategy:
    smallest, largest = sized(bounds, LONGEST_TEXT)
    characters = characters_of(bounds)
    if characters:
        alphabets = [characters]
    else:
        alphabets = [palette.alphabet] * 2 if palette.alphabet else []
        alphabets += [_PLAIN, _PLAIN + _UNICODE]
    alphabets.append((characters or palette.alphabet or "ab")[:_ALIKE_LETTERS])
    # sampled characters instead of st.text(): its alphabet follows the Unicode tables of the running Python
    return st.one_of(
        [st.lists(st.sampled_from(each), min_size=smallest, max_size=largest).map("".join) for each in alphabets]
    )


def _scalars() -> Strategy:
    texts = st.lists(st.sampled_from(_PLAIN), max_size=8).map("".join)
    return st.one_of(st.none(), st.booleans(), st.integers(-100, 100), st.integers(-400, 400).map(_quarter), texts)


def _quarter(number: int) -> float:
    return number / 4


def _anything() -> Strategy:
    keys = st.lists(st.sampled_from(string.ascii_lowercase), max_size=4).map("".join)
    return st.recursive(
        _scalars(),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
        max_leaves=6,
    )


_MAKERS: dict[Kind, Callable[[Type, Palette, Bounds, bool], Strategy]] = {
    Kind.INT: _integers,
    Kind.FLOAT: _floats,
    Kind.BOOL: lambda *_: st.booleans(),
    Kind.NONE: lambda *_: st.none(),
    Kind.STR: _texts,
    Kind.BYTES: _bytes,
    Kind.ANY: lambda of, palette, bounds, hashed: _scalars() if hashed else _anything(),
    Kind.UNION: _unions,
    Kind.TUPLE: _tuples,
    Kind.RECORD: _records,
    Kind.LIST: _sequences,
    Kind.VARIADIC: _sequences,
    Kind.SET: _mappings,
    Kind.DICT: _mappings,
}
