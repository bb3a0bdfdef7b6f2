"""Measures Python source and finds code that can never run and results that nobody uses.

Only the syntax tree is read; names and types are the tools' affair.
"""

import ast
import copy
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from millwright.core.verification.languages.python_source import (
    Function,
    children,
    code_line_numbers,
    nodes,
    not_compiled,
    parse,
    walk,
)
from schemas.election import Merit
from schemas.specification import TaskSpecification
from schemas.verification import Finding, Severity

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_JUMPS = (ast.Return, ast.Raise, ast.Break, ast.Continue)
_NESTING = (*_LOOPS, ast.If, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_HOLDERS = (ast.Module, ast.stmt, ast.excepthandler, ast.match_case)
"""What has blocks of statements; the ``body`` of an expression is none."""

_OF_TEXT = frozenset(
    {
        *("capitalize", "casefold", "center", "expandtabs", "ljust", "lower", "lstrip", "removeprefix", "removesuffix"),
        *("rjust", "rstrip", "splitlines", "strip", "swapcase", "title", "upper", "zfill"),
    }
)
"""Methods that texts have and nothing that changes: to drop what they return is to do nothing."""

_LAZY = frozenset({"sorted", "reversed", "map", "filter", "zip", "enumerate"})
"""Built-ins that do nothing but return something."""

_QUIET = _LAZY | {"abs", "bool", "len", "list", "max", "min", "range", "repr", "round", "str", "sum", "tuple"}
"""Built-ins that are no reason to keep an expression whose value nobody uses."""


def measure(source: str) -> Merit:
    """Measure code lines, the most complex and the most nested function, and the size in bytes."""
    size = len(source.encode("utf-8", "surrogatepass"))
    tree = parse(source)
    if tree is None:
        return Merit(code_lines=len(code_line_numbers(source)), complexity=1, nesting=0, size_bytes=size)
    functions = [node for node in nodes(tree) if isinstance(node, Function)]
    return Merit(
        code_lines=code_lines(source, tree),
        complexity=max(map(complexity, functions), default=1),
        nesting=max(map(_nesting, functions), default=0),
        size_bytes=size,
    )


def code_lines(source: str, tree: ast.Module) -> int:
    """Count lines of code: without blanks, comments, docstrings, and the imports at the top level.

    Imports are left out since a task's dependencies bring some of their own, which no candidate can help.
    """
    numbers = set(code_line_numbers(source))
    quiet: list[ast.stmt] = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    quiet += [node.body[0] for node in nodes(tree) if isinstance(node, _DOCUMENTED) and _is_documented(node)]
    for node in quiet:
        numbers.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(numbers) + _squeezed(tree, {id(node) for node in quiet})


def _squeezed(tree: ast.Module, quiet: Collection[int]) -> int:
    """Count the statements that stand behind a semicolon: each is a line that was saved and not a line less to read."""
    saved = 0
    for block in _blocks(tree):
        for before, statement in pairwise(block):
            saved += before.end_lineno == statement.lineno and id(statement) not in quiet
    return saved


def _is_documented(node: ast.Module | ast.ClassDef | Function) -> bool:
    return bool(node.body) and ast.get_docstring(node, clean=False) is not None


def without_docstrings(tree: ast.Module) -> ast.Module:
    """Return a copy of the tree in which no definition has a docstring."""
    bare = copy.deepcopy(tree)
    for node in ast.walk(bare):
        if isinstance(node, _DOCUMENTED) and _is_documented(node):
            node.body = node.body[1:] or ([] if isinstance(node, ast.Module) else [ast.Pass()])
    return bare


def complexity(function: Function) -> int:
    """Count McCabe's cyclomatic complexity as ruff's C901 does: a path for each branch, loop, handler and case."""
    return 1 + sum(_paths(node) for node in walk(function) if node is not function)


def _paths(node: ast.AST) -> int:
    match node:
        case ast.If() | ast.FunctionDef() | ast.AsyncFunctionDef():
            return 1
        case ast.For(orelse=other) | ast.AsyncFor(orelse=other) | ast.While(orelse=other):
            return 1 + bool(other)
        case ast.Try(handlers=handlers, orelse=other) | ast.TryStar(handlers=handlers, orelse=other):
            return len(handlers) + bool(other)
        case ast.Match(cases=cases):
            return sum(not _is_wildcard(case) for case in cases)
        case _:
            return 0


def _is_wildcard(case: ast.match_case) -> bool:
    return case.guard is None and isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None


def _nesting(function: Function) -> int:
    """Return how deep compound statements stand inside each other; an ``elif`` stands beside its ``if``."""
    deepest = 0
    pending: list[tuple[ast.AST, int]] = [(function, 0)]
    while pending:
        node, depth = pending.pop()
        deepest = max(deepest, depth)
        for child in children(node):
            is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
            pending.append((child, depth + (isinstance(child, _NESTING) and not is_elif)))
    return deepest


def check_structure(source: str, task: TaskSpecification) -> tuple[Finding, ...]:
    """Find excess over the task's limits, unreachable code and unused results."""
    tree = parse(source)
    if tree is None:
        return (not_compiled(source),)
    return (*_excess(source, tree, task), *_unreachable(tree), *_unused(tree))


def _excess(source: str, tree: ast.Module, task: TaskSpecification) -> Iterator[Finding]:
    lines = code_lines(source, tree)
    if lines > task.max_lines:
        first = min((node.lineno for node in tree.body if isinstance(node, Function)), default=None)
        message = f"{lines} lines of code; the specification allows {task.max_lines}: write it shorter"
        yield Finding(code="too-many-lines", message=message, line=first)
    for node in nodes(tree):
        if isinstance(node, Function) and (paths := complexity(node)) > task.max_complexity:
            allowed = f"the specification allows {task.max_complexity}: use fewer branches, or split it"
            message = f"{node.name} has complexity {paths}; {allowed}"
            yield Finding(code="too-complex", message=message, line=node.lineno)


def _unreachable(tree: ast.Module) -> Iterator[Finding]:
    for block in _blocks(tree):
        for index, statement in enumerate(block[:-1]):
            rest = block[index + 1 :]
            if _ends(statement) and not _is_meant(statement, rest):
                message = "this can never run: what stands before it always leaves"
                yield Finding(code="unreachable", message=message, line=rest[0].lineno)
                break
    for node in nodes(tree):
        if not isinstance(node, ast.If | ast.While):
            continue
        if _is_constant(node.test, truth=False):
            yield Finding(code="unreachable", message="the condition is never true", line=node.lineno)
        elif node.orelse and _is_constant(node.test, truth=True):
            message = "this can never run: the condition before it is always true"
            yield Finding(code="unreachable", message=message, line=node.orelse[0].lineno)


@lru_cache(maxsize=64)
def _blocks(tree: ast.Module) -> tuple[list[ast.stmt], ...]:
    holders = (node for node in nodes(tree) if isinstance(node, _HOLDERS))
    blocks = (getattr(node, field, None) for node in holders for field in ("body", "orelse", "finalbody"))
    return tuple(block for block in blocks if block)


def _ends(statement: ast.stmt) -> bool:
    """Say whether control never goes past the statement."""
    match statement:
        case ast.Return() | ast.Raise() | ast.Break() | ast.Continue():
            return True
        case ast.If(orelse=[_, *_]):
            return all(any(map(_ends, branch)) for branch in _branches(statement))
        case ast.While(test=test, body=body):
            return _is_constant(test, truth=True) and not _breaks(body)
        case ast.Try(finalbody=[_, *_] as final) | ast.TryStar(finalbody=[_, *_] as final) if any(map(_ends, final)):
            return True
        case ast.Try() | ast.TryStar():
            tried = any(map(_ends, (*statement.body, *statement.orelse)))
            return tried and all(any(map(_ends, handler.body)) for handler in statement.handlers)
        case ast.Match(cases=cases):
            return _is_wildcard(cases[-1]) and all(any(map(_ends, case.body)) for case in cases)
        case ast.With(body=body):
            # A context manager may swallow an exception, so that only a jump without one is sure to leave.
            return any(isinstance(inner, ast.Return | ast.Break | ast.Continue) for inner in body)
        case _:
            return False


def _branches(statement: ast.If) -> Iterator[list[ast.stmt]]:
    """Yield the branches of an ``if`` with all its ``elif``, however many; the last is empty without an ``else``."""
    while True:
        yield statement.body
        match statement.orelse:
            case [ast.If() as only]:
                statement = only
            case other:
                yield other
                return


def _breaks(body: Sequence[ast.stmt]) -> bool:
    pending: list[ast.AST] = list(body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Break):
            return True
        if isinstance(node, _LOOPS):
            pending.extend(node.orelse)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            pending.extend(children(node))
    return False


def _is_constant(test: ast.expr, *, truth: bool) -> bool:
    return isinstance(test, ast.Constant) and test.value is not Ellipsis and bool(test.value) is truth


def _is_meant(before: ast.stmt, rest: Sequence[ast.stmt]) -> bool:
    """Allow what is written to be unreachable: a generator's bare yield, a guard after branches that all leave."""
    match rest[0]:
        case ast.Expr(value=ast.Yield()):
            return True
        case ast.Raise() | ast.Assert() | ast.Expr(value=ast.Call(func=ast.Name(id="assert_never"))):
            return not isinstance(before, _JUMPS)
        case _:
            return False


def _unused(tree: ast.Module) -> Iterator[Finding]:
    own_methods = {node.name for node in nodes(tree) if isinstance(node, Function)}
    for node in nodes(tree):
        if not isinstance(node, ast.Expr):
            continue
        severity = _waste(node.value, _OF_TEXT - own_methods)
        if severity is not None:
            message = f"the result of {_shown(node.value)} is not used: use it, or leave it out"
            yield Finding(code="unused-result", message=message, line=node.lineno, severity=severity)


def _shown(node: ast.expr) -> str:
    try:
        words = ast.unparse(node)
    except (RecursionError, ValueError):  # nested deeply, or a literal with more digits than may be written
        return "this expression"
    return words if len(words) <= 40 else words[:37] + "..."


def _waste(value: ast.expr, of_text: Collection[str]) -> Severity | None:
    """Return how bad it is that an expression's value is dropped; None where dropping it is usual."""
    match value:
        case ast.Constant(value=None):
            return Severity.WARNING  # stands for `pass` in much old code
        case ast.Constant(value=constant):
            return None if isinstance(constant, str) or constant is Ellipsis else Severity.ERROR
        case ast.Call(func=ast.Name(id=name)):
            return Severity.ERROR if name in _LAZY else None
        case ast.Call(func=ast.Attribute(attr=name)):
            return Severity.ERROR if name in of_text else None
        case ast.Call() | ast.Await() | ast.Yield() | ast.YieldFrom() | ast.NamedExpr():
            return None
        case ast.Subscript() | ast.Attribute() | ast.BoolOp() | ast.IfExp():
            return Severity.WARNING  # may be there for what it raises, or for a call within
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            return Severity.WARNING
        case ast.Lambda():
            return Severity.ERROR
        case _:
            return Severity.WARNING if _may_act(value) else Severity.ERROR


def _may_act(value: ast.expr) -> bool:
    """Say whether something in an expression may be there for its effect, as ``items.pop() + 1``."""
    for node in walk(value):
        if isinstance(node, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr):
            return True
        if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id in _QUIET):
            return True
    return False
