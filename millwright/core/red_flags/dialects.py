"""What the rules may ask of a target language, made from the language itself where it is one that Millwright writes.

A language that is not among these has no parser here: its fenced code is told from comments and strings by its tokens.
"""

import ast
from collections.abc import Iterator
from functools import partial

from millwright.core.documents import LOOSE
from millwright.core.red_flags.answer import Dialect
from millwright.core.red_flags.tokens import C_LIKE, LEXES, Kind, Lexis, Piece, split
from millwright.core.verification.language import Language
from millwright.core.verification.languages.python_source import comments, nodes, parse

_DOCUMENTED = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def dialect_of(language: Language, function: str | None) -> Dialect:
    """Return the dialect of a language that has a parser; ``function`` is the task's, None where it is not known.

    Without it, no body is taken for a placeholder.
    """
    lexis = LEXES.get(language.name, C_LIKE)
    read = python_remarks if language.name == "python" else partial(_comments, lexis=lexis)
    return Dialect(
        fence_tags=language.fence_tags,
        loads=None if language.name in LOOSE else language.loads,
        placeholder=None if function is None else partial(language.has_placeholder_body, name=function),
        pieces=partial(split, lexis=lexis),
        remarks=read,
    )


def unparsed_dialect(name: str) -> Dialect:
    """Return the dialect of a language that has no parser here, known by its name alone."""
    lexis = LEXES.get(name, C_LIKE)
    return Dialect(
        fence_tags=(name, ""),
        loads=None,
        placeholder=None,
        pieces=partial(split, lexis=lexis),
        remarks=partial(_comments, lexis=lexis),
    )


def python_remarks(source: str) -> Iterator[Piece]:
    """Yield the comments and docstrings of a Python source; only the comments where it does not compile."""
    tree = parse(source)
    if tree is None:
        yield from _comments(source, LEXES["python"])
        return
    for line, text in comments(source):
        yield Piece(text, line, Kind.COMMENT)
    for node in nodes(tree):
        if isinstance(node, _DOCUMENTED) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                value = first.value.value
                if isinstance(value, str):
                    yield Piece(value, first.lineno, Kind.COMMENT)


def _comments(source: str, lexis: Lexis) -> Iterator[Piece]:
    return (piece for piece in split(source, lexis) if piece.kind is Kind.COMMENT)
