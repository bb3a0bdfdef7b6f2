"""Gives a candidate's function the annotations that it lacks, at the places where they belong.

It inserts and changes nothing else: no line moves, and an annotation that is there stays, right or wrong. What cannot
be completed safely is left as it is, for the types layer to find.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Sequence

from millwright.core.verification.languages.python_kinds import Interface, functions
from millwright.core.verification.languages.python_source import Function, bindings, lines_of, parse
from schemas.specification import TaskSpecification

_Place = tuple[int, int]
"""A one-based line and a column in characters."""

_WORD = re.compile(r"[A-Za-z_]\w*")
_OPENING, _CLOSING = "([{", ")]}"


def annotated(source: str, task: TaskSpecification) -> str:
    """Insert the annotations of parameters and result that the task's function lacks.

    Only where the parameters are those of the task, by name and in order. Line ends become ``\\n`` where something is
    inserted.

    Raises:
        SpecificationInvalid: a type of the task cannot be parsed.
    """
    tree = parse(source)
    if tree is None:
        return source
    lines = lines_of(source)
    edits = [
        edit
        for function, interface in functions(tree, task)
        if _has_parameters_of(function.args, interface)
        for edit in (*_parameters(function, interface, lines), *_result(function, interface, lines))
    ]
    if not edits or not _means_the_same([text for _, text in edits], tree):
        return source
    for (line, column), text in sorted(edits, reverse=True):
        whole = lines[line - 1]
        lines[line - 1] = whole[:column] + text + whole[column:]
    completed = "\n".join(lines)
    return source if parse(completed) is None else completed


def _has_parameters_of(arguments: ast.arguments, interface: Interface) -> bool:
    if arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.posonlyargs:
        return False
    wanted = [*(["self"] if interface.is_method else []), *(name for name, _ in interface.parameters)]
    return [argument.arg for argument in arguments.args] == wanted


def _parameters(function: Function, interface: Interface, lines: Sequence[str]) -> Iterator[tuple[_Place, str]]:
    own = function.args.args[1:] if interface.is_method else function.args.args
    for argument, (_, of) in zip(own, interface.parameters, strict=True):
        if argument.annotation is None and argument.end_lineno is not None and argument.end_col_offset is not None:
            # The tree counts bytes of UTF-8, lines are cut by characters.
            before = lines[argument.end_lineno - 1].encode()[: argument.end_col_offset]
            yield (argument.end_lineno, len(before.decode())), f": {of}"


def _result(function: Function, interface: Interface, lines: Sequence[str]) -> Iterator[tuple[_Place, str]]:
    place = None if function.returns is not None else _end_of_parameters(function, lines)
    if place is not None:
        yield place, f" -> {interface.result}"


def _end_of_parameters(function: Function, lines: Sequence[str]) -> _Place | None:
    """Return the place behind the closing parenthesis of the parameters."""
    text = "\n".join(lines[function.lineno - 1 :])
    depth = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type != tokenize.OP:
                continue
            depth += (token.string in _OPENING) - (token.string in _CLOSING)
            if token.string == ")" and depth == 0:
                return function.lineno - 1 + token.end[0], token.end[1]
    except (tokenize.TokenError, SyntaxError):
        return None  # the rest of the module is read out of its place, so that the tokenizer may stumble
    return None


def _means_the_same(inserted: Sequence[str], tree: ast.Module) -> bool:
    """Say whether the names in the annotations mean in this module what they mean in a specification."""
    names = {word for text in inserted for word in _WORD.findall(text)}
    return not any(name in names and not isinstance(node, ast.ImportFrom) for name, _, node in bindings(tree))
