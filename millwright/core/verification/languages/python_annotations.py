"""Gives a candidate's function the annotations that it lacks, at the places where they belong.

It inserts and changes nothing else: no line moves, and an annotation that is there stays, right or wrong. What cannot
be completed safely is left as it is, for the types layer to find.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Sequence

from millwright.core.verification.languages.python_source import bindings, function_named, lines_of, parse
from millwright.core.verification.languages.python_syntax import parameter_type, return_type
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
    function = function_named(tree, task.name) if tree is not None else None
    if tree is None or function is None or not _has_parameters_of(function.args, task):
        return source
    lines = lines_of(source)
    edits = [*_parameters(function, task, lines), *_result(function, task, lines)]
    if not edits or not _means_the_same([text for _, text in edits], tree):
        return source
    for (line, column), text in sorted(edits, reverse=True):
        whole = lines[line - 1]
        lines[line - 1] = whole[:column] + text + whole[column:]
    completed = "\n".join(lines)
    return source if parse(completed) is None else completed


def _has_parameters_of(arguments: ast.arguments, task: TaskSpecification) -> bool:
    if arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.posonlyargs:
        return False
    return [argument.arg for argument in arguments.args] == [item.name for item in task.inputs]


def _parameters(
    function: ast.FunctionDef, task: TaskSpecification, lines: Sequence[str]
) -> Iterator[tuple[_Place, str]]:
    for argument, item in zip(function.args.args, task.inputs, strict=True):
        if argument.annotation is None and argument.end_lineno is not None and argument.end_col_offset is not None:
            # The tree counts bytes of UTF-8, lines are cut by characters.
            before = lines[argument.end_lineno - 1].encode()[: argument.end_col_offset]
            yield (argument.end_lineno, len(before.decode())), f": {parameter_type(task, item)}"


def _result(function: ast.FunctionDef, task: TaskSpecification, lines: Sequence[str]) -> Iterator[tuple[_Place, str]]:
    place = None if function.returns is not None else _end_of_parameters(function, lines)
    if place is not None:
        yield place, f" -> {return_type(task)}"


def _end_of_parameters(function: ast.FunctionDef, lines: Sequence[str]) -> _Place | None:
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
