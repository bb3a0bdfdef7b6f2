"""Reads Python source that may be anything at all: parses it, or says why it cannot be parsed.

It compiles and never executes; it judges nothing.
"""

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from millwright.core.verification.remembered import remembered
from schemas.specification import TaskSpecification
from schemas.verification import Finding

LARGEST_SOURCE = 200_000
"""Characters; far above any atomic task, far below what makes the compiler a way to stop the verifier."""

DEEPEST_TREE = 400
"""Levels of the syntax tree: above any code that people write, below what the interpreter can recurse into."""

MOST_FINALLY = 4
"""``finally`` blocks inside each other: compiler and type checker take each twice, so that twenty never end."""

Function = ast.FunctionDef | ast.AsyncFunctionDef

_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Problem:
    """Why a source does not compile; ``line`` is one-based."""

    message: str
    line: int | None = None


def lines_of(source: str) -> list[str]:
    """Split at the line ends that Python knows (``str.splitlines`` knows more, and would miscount)."""
    return _LINE_END.split(source)


def problem_of(source: str) -> Problem | None:
    """Return why the source does not compile; None when it does."""
    found = _read(source)
    return found if isinstance(found, Problem) else None


def not_compiled(source: str) -> Finding:
    """Say as a finding why the source does not compile."""
    problem = problem_of(source) or Problem("the source does not compile")
    return Finding(code="does-not-compile", message=problem.message, line=problem.line)


def parse(source: str) -> ast.Module | None:
    """Parse the source; None when it does not compile. The tree is shared: nobody may change it."""
    found = _read(source)
    return None if isinstance(found, Problem) else found


@lru_cache(maxsize=64)  # every layer reads the same few sources again, a batch at a time
def _read(source: str) -> ast.Module | Problem:
    if len(source) > LARGEST_SOURCE:
        return Problem(f"the source is longer than {LARGEST_SOURCE} characters")
    if "\x00" in source:
        return Problem("the source holds a NUL character", _line_at(source, source.index("\x00")))
    try:
        source.encode("utf-8")
    except UnicodeEncodeError as error:
        return Problem("the source holds half of a surrogate pair", _line_at(source, error.start))
    try:
        with warnings.catch_warnings():  # a warning about an odd literal says nothing about whether it compiles
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
            # Before it is compiled: the compiler is the one whom such code can keep busy.
            problem = _nesting_problem(source, tree)
            if problem is None:
                compile(source, "<candidate>", "exec", dont_inherit=True)
            return problem or tree
    except SyntaxError as error:
        return Problem(error.msg or "invalid syntax", error.lineno or None)
    except (ValueError, OverflowError) as error:
        return Problem(str(error))
    except (RecursionError, MemoryError):
        return Problem("the source is nested too deeply to compile")


def _nesting_problem(source: str, tree: ast.Module) -> Problem | None:
    """Return where the source is nested more deeply than anything can be expected to follow."""
    if source.count("finally") <= MOST_FINALLY and sum(1 for _ in _levels(tree)) <= DEEPEST_TREE:
        return None  # nearly all sources: they need no closer look
    pending: list[tuple[ast.AST, int, int, int]] = [(tree, 0, 0, 1)]
    while pending:
        node, depth, finals, line = pending.pop()
        line = getattr(node, "lineno", line)
        if depth > DEEPEST_TREE:
            return Problem("the source is nested too deeply", line)
        if finals > MOST_FINALLY:
            return Problem(f"more than {MOST_FINALLY} finally blocks stand inside each other", line)
        last = node.finalbody if isinstance(node, ast.Try | ast.TryStar) else []
        final = {id(statement) for statement in last}
        pending.extend((child, depth + 1, finals + (id(child) in final), line) for child in children(node))
    return None


@lru_cache(maxsize=16_384)  # nodes, of a batch; a check goes through a tree at a time
def children(node: ast.AST) -> tuple[ast.AST, ...]:
    """Return what ``ast.iter_child_nodes`` yields, of a tree that nobody changes."""
    found: list[ast.AST] = []
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, ast.AST):
            found.append(value)
        elif isinstance(value, list):
            found.extend(item for item in value if isinstance(item, ast.AST))
    return tuple(found)


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and all inside it, outermost first, as ``ast.walk`` does, of a tree that nobody changes."""
    for level in _levels(node):
        yield from level


def _levels(node: ast.AST) -> Iterator[list[ast.AST]]:
    level = [node]
    while level:
        yield level
        level = [child for parent in level for child in children(parent)]


@lru_cache(maxsize=64)
def nodes(tree: ast.Module) -> tuple[ast.AST, ...]:
    """Return all that ``walk`` yields, once for all checks of a source."""
    return tuple(walk(tree))


def _line_at(source: str, offset: int) -> int:
    return len(lines_of(source[:offset]))


def comments(source: str) -> tuple[tuple[int, str], ...]:
    """Return the line and text of each comment; strings that look like one are none."""
    return _scanned(source).comments if "#" in source else ()


def code_line_numbers(source: str) -> frozenset[int]:
    """Return the one-based numbers of the lines that hold more than blanks and comments."""
    return _scanned(source).code_lines


@dataclass(frozen=True)
class _Scanned:
    """What the tokens of a source say: its comments by line, and the lines that hold code."""

    comments: tuple[tuple[int, str], ...]
    code_lines: frozenset[int]


_QUIET = frozenset({tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER})


@lru_cache(maxsize=64)
def _scanned(source: str) -> _Scanned:
    """Read the tokens once; what the tokenizer cannot read does not compile either, and is reported as such."""
    found: list[tuple[int, str]] = []
    numbers: set[int] = set()
    lines = lines_of(source)
    try:
        for kind, text, (first, _), (last, _), _ in tokenize.generate_tokens(io.StringIO("\n".join(lines)).readline):
            if kind == tokenize.COMMENT:
                found.append((first, text))
            elif kind not in _QUIET:
                numbers.update((first,) if first == last else range(first, last + 1))
    except (tokenize.TokenError, SyntaxError):
        numbers = {number for number, line in enumerate(lines, 1) if line.strip()}
    return _Scanned(tuple(found), frozenset(numbers))


def imported_names(source: str) -> frozenset[tuple[str, str]]:
    """Return the (module, name) pairs that the source itself imports at its top level under their own name."""
    tree = parse(source)
    if tree is None:
        return frozenset()
    return frozenset(
        (node.module, alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None
        for alias in node.names
        if alias.asname in (None, alias.name)
    )


@remembered
def is_any(task: TaskSpecification) -> bool:
    """Say whether the task's own interface or records mention ``Any``, or containers that do not say of what."""
    annotations = [item.type_annotation for item in task.inputs + task.outputs]
    annotations += [field.type_annotation for record in task.known_records for field in record.fields]
    return any(re.search(r"\bAny\b|\b(?:[Ll]ist|[Dd]ict|[Ss]et|[Tt]uple)\b(?!\s*\[)", text) for text in annotations)


@lru_cache(maxsize=64)
def bindings(tree: ast.Module) -> tuple[tuple[str, int, ast.AST], ...]:
    """Return each name that module-level code binds, with its line and the node that binds it; ``*`` stands for any.

    Bodies of functions, classes, lambdas and comprehensions have scopes of their own. What reaches out of them counts:
    a ``global`` statement, ``:=`` in a comprehension, and what is evaluated where a function is defined.
    """
    found: list[tuple[str, int, ast.AST]] = []
    pending: list[tuple[ast.AST, _Scope]] = [(statement, _Scope.MODULE) for statement in reversed(tree.body)]
    while pending:
        node, scope = pending.pop()
        if scope is _Scope.MODULE:
            found.extend(_bound(node))
        elif scope is _Scope.COMPREHENSION and isinstance(node, ast.NamedExpr):
            found.extend(_bound(node.target))
        if isinstance(node, ast.Global):
            found.extend((name, node.lineno, node) for name in node.names)
        pending.extend((child, _scope_of(node, child, scope)) for child in reversed(children(node)))
    return tuple(found)


class _Scope(Enum):
    """Where a name lives that is bound."""

    MODULE = 1
    COMPREHENSION = 2
    OTHER = 3


_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def _scope_of(node: ast.AST, child: ast.AST, scope: _Scope) -> _Scope:
    """Return the scope of a child of ``node``, which itself stands in ``scope``."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return _Scope.OTHER if any(child is statement for statement in node.body) else scope
        case ast.Lambda():
            return _Scope.OTHER if child is node.body else scope
        case ast.arguments() | ast.arg():
            return scope
        case _ if isinstance(node, _COMPREHENSIONS):
            return _Scope.COMPREHENSION if scope is _Scope.MODULE else scope
        case _:
            return scope


def _bound(node: ast.AST) -> Iterator[tuple[str, int, ast.AST]]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name, node.lineno, node
        case ast.Import() | ast.ImportFrom():
            for alias in node.names:
                yield (alias.asname or alias.name.partition(".")[0]), node.lineno, node
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name, node.lineno, node
        case ast.ExceptHandler(name=str() as name):
            yield name, node.lineno, node
        case ast.MatchAs(name=str() as name) | ast.MatchStar(name=str() as name) | ast.MatchMapping(rest=str() as name):
            yield name, node.lineno, node
        case _:
            return
