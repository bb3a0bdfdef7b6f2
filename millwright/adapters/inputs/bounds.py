"""Reads a generator's bounds out of constraints such as ``0 <= n <= 1000`` or ``all(c in "ab" for c in s)``.

It understands simple forms and passes over the rest, which the generator filters by.
"""

import ast
import string
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import isfinite

Scalar = bool | int | float | str | bytes | None

_MIRRORED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.Gt,
    ast.LtE: ast.GtE,
    ast.Gt: ast.Lt,
    ast.GtE: ast.LtE,
    ast.Eq: ast.Eq,
}
_ALPHABETS = {
    "isdigit": string.digits,
    "isdecimal": string.digits,
    "isalpha": string.ascii_letters,
    "isalnum": string.ascii_letters + string.digits,
    "isspace": " ",
    "islower": string.ascii_lowercase,
    "isupper": string.ascii_uppercase,
}


@dataclass(frozen=True)
class Bounds:
    """What simple constraints say of a value; ``..._open`` leaves that end itself out; ``elements`` bounds members."""

    low: float | None = None
    low_open: bool = False
    high: float | None = None
    high_open: bool = False
    min_size: int | None = None
    max_size: int | None = None
    choices: tuple[Scalar, ...] | None = None
    elements: "Bounds | None" = None

    @property
    def empty(self) -> bool:
        """Whether nothing can lie within."""
        if self.choices == ():
            return True
        if self.min_size is not None and self.max_size is not None and self.min_size > self.max_size:
            return True
        if self.low is None or self.high is None:
            return False
        return self.low > self.high or (self.low == self.high and (self.low_open or self.high_open))

    def within(self, other: "Bounds") -> "Bounds":
        """Return what both say."""
        low, low_open = _tighter(self.low, self.low_open, other.low, other.low_open, 1)
        high, high_open = _tighter(self.high, self.high_open, other.high, other.high_open, -1)
        return Bounds(
            low=low,
            low_open=low_open,
            high=high,
            high_open=high_open,
            min_size=max((size for size in (self.min_size, other.min_size) if size is not None), default=None),
            max_size=min((size for size in (self.max_size, other.max_size) if size is not None), default=None),
            choices=_common(self.choices, other.choices),
            elements=self.elements.within(other.elements or Bounds()) if self.elements else other.elements,
        )


NO_BOUNDS = Bounds()


def bounds_of(name: str, expressions: Iterable[str]) -> Bounds:
    """Return what validated expressions say of the variable ``name`` in forms that are understood."""
    found = Bounds()
    for expression in expressions:
        for conjunct in _conjuncts(ast.parse(expression, mode="eval").body):
            found = found.within(_said(name, conjunct))
    return found


def _conjuncts(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        for value in node.values:
            yield from _conjuncts(value)
    else:
        yield node


def _said(name: str, node: ast.expr) -> Bounds:
    match node:
        case ast.Compare():
            found = Bounds()
            operands = (node.left, *node.comparators)
            for left, operator, right in zip(operands, node.ops, operands[1:], strict=False):
                found = found.within(_comparison(name, left, operator, right))
            return found
        case ast.Call(func=ast.Name(id="all"), args=[ast.GeneratorExp() as every]):
            return _members(name, every)
        case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=method), args=[]) if owner == name:
            if method in _ALPHABETS:
                return Bounds(min_size=1, elements=Bounds(choices=tuple(_ALPHABETS[method])))
    return Bounds()


def _members(name: str, every: ast.GeneratorExp) -> Bounds:
    match every.generators:
        case [ast.comprehension(target=ast.Name(id=member), iter=ast.Name(id=owner), ifs=[])] if owner == name:
            found = Bounds()
            for conjunct in _conjuncts(every.elt):
                found = found.within(_said(member, conjunct))
            return Bounds(elements=found)
    return Bounds()


def _comparison(name: str, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> Bounds:
    if isinstance(operator, ast.In):
        return Bounds(choices=_members_of(right)) if _is_name(left, name) else Bounds()
    number = _number(right)
    if number is not None:
        return _limit(name, left, type(operator), number)
    number = _number(left)
    if number is not None and type(operator) in _MIRRORED:
        return _limit(name, right, _MIRRORED[type(operator)], number)
    return Bounds()


def _limit(name: str, subject: ast.expr, operator: type[ast.cmpop], number: float) -> Bounds:
    if _is_name(subject, name):
        return _range(operator, number)
    match subject:
        case ast.Call(func=ast.Name(id="len"), args=[argument]) if _is_name(argument, name):
            return _sizes(operator, int(number))
        case ast.Call(func=ast.Name(id="abs"), args=[argument]) if _is_name(argument, name):
            bounds = _range(operator, number)
            if bounds.high is not None:
                return Bounds(low=-bounds.high, low_open=bounds.high_open, high=bounds.high, high_open=bounds.high_open)
    return Bounds()


def _range(operator: type[ast.cmpop], number: float) -> Bounds:
    if operator in (ast.Lt, ast.LtE):
        return Bounds(high=number, high_open=operator is ast.Lt)
    if operator in (ast.Gt, ast.GtE):
        return Bounds(low=number, low_open=operator is ast.Gt)
    return Bounds(low=number, high=number) if operator is ast.Eq else Bounds()


def _sizes(operator: type[ast.cmpop], size: int) -> Bounds:
    bounds = _range(operator, size)
    smallest = None if bounds.low is None else int(bounds.low) + bounds.low_open
    largest = None if bounds.high is None else int(bounds.high) - bounds.high_open
    return Bounds(min_size=smallest, max_size=largest)


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _number(node: ast.expr) -> int | float | None:
    match node:
        case ast.Constant(value=bool()):
            return None
        case ast.Constant(value=int() | float() as number):
            return number if isfinite(number) else None
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            positive = _number(operand)
            return None if positive is None else -positive
        case ast.BinOp(left=ast.Constant(value=int() as base), op=ast.Pow(), right=ast.Constant(value=int() as power)):
            return int(base**power) if abs(base) <= 1000 and 0 <= power <= 64 else None
    return None


def _members_of(node: ast.expr) -> tuple[Scalar, ...] | None:
    match node:
        case ast.Constant(value=str() as text):
            return tuple(dict.fromkeys(text))
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            found: list[Scalar] = []
            for element in elements:
                number = _number(element)
                if number is not None:
                    found.append(number)
                elif isinstance(element, ast.Constant) and isinstance(element.value, bool | str | bytes | None):
                    found.append(element.value)
                else:
                    return None
            return tuple(found)
    return None


def _tighter(
    one: float | None, one_open: bool, other: float | None, other_open: bool, sign: int
) -> tuple[float | None, bool]:
    if one is None or other is None:
        return (other, other_open) if one is None else (one, one_open)
    if one == other:
        return one, one_open or other_open
    return (one, one_open) if (one - other) * sign > 0 else (other, other_open)


def _common(one: tuple[Scalar, ...] | None, other: tuple[Scalar, ...] | None) -> tuple[Scalar, ...] | None:
    if one is None or other is None:
        return other if one is None else one
    return tuple(choice for choice in one if choice in other)


def sized(bounds: Bounds, longest: int) -> tuple[int, int]:
    """Return the least and the greatest size to generate: what is stated, within ``longest`` where nothing is."""
    smallest = bounds.min_size or 0
    largest = longest if bounds.max_size is None else bounds.max_size
    return smallest, max(smallest, largest if bounds.max_size is None else min(largest, 4 * longest))


def ranged(bounds: Bounds, widest: int) -> tuple[int, int]:
    """Return the least and the greatest integer: what is stated; where one end is open, ``widest`` from the other."""
    low = None if bounds.low is None else _above(bounds.low, bounds.low_open)
    high = None if bounds.high is None else -_above(-bounds.high, bounds.high_open)
    if low is None:
        low = min(-widest, high - widest) if high is not None else -widest
    if high is None:
        high = max(widest, low + widest)
    return low, high


def spanned(bounds: Bounds, widest: float) -> tuple[float, float]:
    """Return the least and the greatest float, as ``ranged`` does for integers."""
    low, high = bounds.low, bounds.high
    if low is None:
        low = min(-widest, high - widest) if high is not None else -widest
    if high is None:
        high = max(widest, low + widest)
    return float(low), float(high)


def _above(limit: float, left_out: bool) -> int:
    least = -int(-limit // 1)
    return least + 1 if left_out and least == limit else least
