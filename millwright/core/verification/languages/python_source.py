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
from functools import lru_cache

from schemas.specification import TaskSpecification

LARGEST_SOURCE = 200_000
"""Characters; far above any atomic task, far below what makes the compiler a way to stop the verifier."""

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


def parse(source: str) -> ast.Module | None:
    """Parse the source; None when it does not compile. The tree is shared: nobody may change it."""
    found = _read(source)
    return None if isinstance(found, Problem) else found


@lru_cache(maxsize=32)  # every layer reads the same few sources again, a batch at a time
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
            compile(source, "<candidate>", "exec", dont_inherit=True)
            return ast.parse(source)
    except SyntaxError as error:
        return Problem(error.msg or "invalid syntax", error.lineno)
    except ValueError as error:
        return Problem(str(error))
    except (RecursionError, MemoryError):
        return Problem("the source is nested too deeply to compile")


def _line_at(source: str, offset: int) -> int:
    return len(lines_of(source[:offset]))


def comments(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and text of each comment; strings that look like one are none."""
    try:
        for token in tokenize.generate_tokens(io.StringIO("\n".join(lines_of(source))).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string
    except (tokenize.TokenError, SyntaxError):
        return  # what the tokenizer cannot read does not compile either, and is reported as such


def code_line_numbers(source: str) -> frozenset[int]:
    """Return the one-based numbers of the lines that hold more than blanks and comments."""
    quiet = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    numbers: set[int] = set()
    try:
        for token in tokenize.generate_tokens(io.StringIO("\n".join(lines_of(source))).readline):
            if token.type not in quiet:
                numbers.update(range(token.start[0], token.end[0] + 1))
    except (tokenize.TokenError, SyntaxError):
        return frozenset(number for number, line in enumerate(lines_of(source), 1) if line.strip())
    return frozenset(numbers)


def function_named(tree: ast.Module, name: str) -> ast.FunctionDef | None:
    """Return the last plain function of this name at the top level."""
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    return found[-1] if found else None


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


def is_any(task: TaskSpecification) -> bool:
    """Say whether the task's own interface or records mention ``Any``, or containers that do not say of what."""
    annotations = [item.type_annotation for item in task.inputs + task.outputs]
    annotations += [field.type_annotation for record in task.records for field in record.fields]
    return any(re.search(r"\bAny\b|\b(?:[Ll]ist|[Dd]ict|[Ss]et|[Tt]uple)\b(?!\s*\[)", text) for text in annotations)


def bindings(tree: ast.Module) -> Iterator[tuple[str, int, ast.AST]]:
    """Yield each name that module-level code binds, with its line and the node that binds it.

    Bodies of functions, classes, lambdas and comprehensions have scopes of their own; a ``global`` statement in them
    reaches out, and counts.
    """
    pending: list[tuple[ast.AST, bool]] = [(statement, True) for statement in reversed(tree.body)]
    while pending:
        node, outer = pending.pop()
        if outer:
            yield from _bound(node)
        if isinstance(node, ast.Global):
            yield from ((name, node.lineno, node) for name in node.names)
        inner = outer and not isinstance(node, _SCOPES)
        pending.extend((child, inner) for child in reversed(list(ast.iter_child_nodes(node))))


_SCOPES = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Lambda,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)


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
