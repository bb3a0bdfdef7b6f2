"""Makes wrong variants of a correct function by small changes of its syntax tree.

Whether a variant is in fact wrong is not known here: some changes alter nothing that can be seen.
"""

import ast
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

Change = tuple[str, ast.AST]
"""What is done to a node, in words, and what stands there instead."""

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_ARITHMETIC: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add,),
    ast.FloorDiv: (ast.Div, ast.Mod),
    ast.Div: (ast.FloorDiv,),
    ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
}
_FUNCTIONS = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list", "sum": "max", "abs": "int"}
_BOMB = 3 * 10**9
"""Bytes: beyond what a candidate may have, and nothing that the machine itself would miss."""


@dataclass(frozen=True)
class Mutant:
    """A variant of a source: what was done, and at which line of the original."""

    operator: str
    line: int
    source: str


def mutants(source: str, function: str) -> list[Mutant]:
    """Return every variant that differs from the source and from the others, in the order of the text.

    ``function`` is the name of the function that is asked for; what replaces its whole behaviour is done to it alone.
    """
    made: dict[str, Mutant] = {}
    original = ast.unparse(ast.parse(source))
    for place, _ in enumerate(ast.walk(ast.parse(source))):
        for turn in range(len(_changes(_at(ast.parse(source), place), function))):
            tree = ast.parse(source)
            node = _at(tree, place)
            operator, instead = _changes(node, function)[turn]
            changed = ast.fix_missing_locations(_Exchange(node, instead).visit(tree))
            text = ast.unparse(changed) + "\n"
            if text.rstrip("\n") != original and text not in made:
                made[text] = Mutant(operator, getattr(node, "lineno", 1), text)
    return sorted(made.values(), key=lambda mutant: mutant.line)


def chosen(found: Sequence[tuple[str, Mutant]], count: int, seed: int) -> list[tuple[str, Mutant]]:
    """Choose so many of all, the operators in turn, so that rare ones are among them; the same for the same seed."""
    draw = random.Random(seed)
    by_operator: dict[str, list[tuple[str, Mutant]]] = {}
    for each in found:
        by_operator.setdefault(each[1].operator, []).append(each)
    for several in by_operator.values():
        draw.shuffle(several)
    picked: list[tuple[str, Mutant]] = []
    while len(picked) < min(count, len(found)):
        for several in by_operator.values():
            if several and len(picked) < count:
                picked.append(several.pop())
    return picked


def _at(tree: ast.AST, place: int) -> ast.AST:
    return next(node for index, node in enumerate(ast.walk(tree)) if index == place)


class _Exchange(ast.NodeTransformer):
    """Puts one node in the place of another."""

    def __init__(self, node: ast.AST, instead: ast.AST) -> None:
        self._node = node
        self._instead = instead

    def visit(self, node: ast.AST) -> ast.AST:
        """Visit a node, or leave the other in its place; what was put there is not looked into."""
        if node is self._node:
            return self._instead
        visited: ast.AST = self.generic_visit(node)
        return visited


def _changes(node: ast.AST, function: str) -> list[Change]:
    return [change for maker in _MAKERS for change in maker(node, function)]


def _comparisons(node: ast.AST, function: str) -> Iterator[Change]:
    if isinstance(node, ast.Compare):
        for index, operator in enumerate(node.ops):
            for other in _COMPARISONS.get(type(operator), ()):
                operators = [*node.ops[:index], other(), *node.ops[index + 1 :]]
                yield "comparison", ast.Compare(node.left, operators, node.comparators)


def _arithmetic(node: ast.AST, function: str) -> Iterator[Change]:
    match node:
        case ast.BinOp(left=left, op=operator, right=right):
            for other in _ARITHMETIC.get(type(operator), ()):
                yield "arithmetic", ast.BinOp(left, other(), right)
        case ast.AugAssign(target=target, op=operator, value=value):
            for other in _ARITHMETIC.get(type(operator), ()):
                yield "arithmetic", ast.AugAssign(target, other(), value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            yield "sign dropped", operand
        case _:
            return


def _truths(node: ast.AST, function: str) -> Iterator[Change]:
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            yield "and for or", ast.BoolOp(ast.Or(), values)
        case ast.BoolOp(op=ast.Or(), values=values):
            yield "and for or", ast.BoolOp(ast.And(), values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "negation dropped", operand
        case ast.If(test=test, body=body, orelse=orelse):
            yield "negation", ast.If(_not(test), body, orelse)
        case ast.While(test=test, body=body, orelse=orelse):
            yield "negation", ast.While(_not(test), body, orelse)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield "negation", ast.IfExp(_not(test), body, orelse)
        case ast.comprehension(target=target, iter=source, ifs=[first, *others]):
            yield "negation", ast.comprehension(target, source, [_not(first), *others], 0)
            yield "filter dropped", ast.comprehension(target, source, list(others), 0)
        case _:
            return


def _not(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), test)


def _constants(node: ast.AST, function: str) -> Iterator[Change]:
    match node:
        case ast.Constant(value=bool() as truth):
            yield "constant", ast.Constant(not truth)
        case ast.Constant(value=int() | float() as number):
            yield "constant", ast.Constant(number + 1)
            yield "constant", ast.Constant(number - 1)
        case ast.Constant(value=str() as text):
            yield "constant", ast.Constant(text[:-1] if text else "mutant")
        case ast.Constant(value=None):
            return
        case _:
            return


def _calls(node: ast.AST, function: str) -> Iterator[Change]:
    match node:
        case ast.Call(func=ast.Name(id="range") as called, args=[*others, last]):
            yield "range", ast.Call(called, [*others, ast.BinOp(last, ast.Add(), ast.Constant(1))], [])
            yield "range", ast.Call(called, [*others, ast.BinOp(last, ast.Sub(), ast.Constant(1))], [])
            if not others:
                yield "range", ast.Call(called, [ast.Constant(1), last], [])
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=keywords):
            if name in _FUNCTIONS:
                kept = keywords if _FUNCTIONS[name] in ("min", "max") else []
                yield "another function", ast.Call(ast.Name(_FUNCTIONS[name]), arguments, kept)
            for index in range(len(keywords)):
                yield "default", ast.Call(ast.Name(name), arguments, keywords[:index] + keywords[index + 1 :])
        case _:
            return


def _slices(node: ast.AST, function: str) -> Iterator[Change]:
    match node:
        case ast.Slice(lower=lower, upper=upper, step=step):
            if lower is not None:
                yield "slice", ast.Slice(None, upper, step)
            if upper is not None:
                yield "slice", ast.Slice(lower, None, step)
            if step is not None:
                yield "slice", ast.Slice(lower, upper, None)
        case _:
            return


def _statements(node: ast.AST, function: str) -> Iterator[Change]:
    match node:
        case ast.For() | ast.While():
            yield "loop removed", ast.Pass()
        case ast.AugAssign():
            yield "assignment removed", ast.Pass()
        case ast.If(body=body, orelse=[]):
            yield "condition removed", ast.If(ast.Constant(True), body, [])
            yield "branch removed", ast.Pass()
        case ast.Raise():
            yield "error swallowed", ast.Pass()
        case ast.Return(value=ast.expr() as value):
            yield "value dropped", ast.Return(None)
            yield "text for value", ast.Return(_call("str", value))
            yield "truth for value", ast.Return(_call("bool", value))
            yield "in a list", ast.Return(ast.List([value], ast.Load()))
        case _:
            return


def _whole(node: ast.AST, function: str) -> Iterator[Change]:
    """Change all that the function does; each stands before its body, so that the body cannot matter."""
    if not isinstance(node, ast.FunctionDef) or node.name != function:
        return
    arguments = ", ".join(argument.arg for argument in node.args.args)
    for operator, text in (
        ("loop without end", "while True:\n    pass"),
        ("error raised", "raise ValueError('mutant')"),
        ("process ended", "raise SystemExit(0)"),
        ("recursion without end", f"return {function}({arguments})"),
        ("memory bomb", f"hoard = bytearray({_BOMB})\nhoard[-1] = 1"),
        ("nothing done", "return None"),
    ):
        body = [*ast.parse(text).body, *node.body]
        yield operator, ast.FunctionDef(node.name, node.args, body, node.decorator_list, node.returns)


def _call(name: str, value: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name), [value], [])


_MAKERS: tuple[Callable[[ast.AST, str], Iterator[Change]], ...] = (
    _comparisons,
    _arithmetic,
    _truths,
    _constants,
    _calls,
    _slices,
    _statements,
    _whole,
)
