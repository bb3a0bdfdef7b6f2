"""Finds what keeps Python source from being one checkable module with the function that was asked for.

It asks no tool: ``mypy`` is the types layer's affair.
"""

import ast
import re
from collections.abc import Iterator

from millwright.core.specification_vocabulary import result_type
from millwright.core.verification.languages.python_source import (
    bindings,
    comments,
    function_named,
    is_any,
    parse,
    problem_of,
)
from millwright.errors import SpecificationInvalid
from schemas.specification import Fault, Parameter, TaskSpecification
from schemas.types import Kind, Type, TypeSyntaxError, parse_type
from schemas.verification import Finding, Severity

_SUPPRESSION = re.compile(
    r"#\s*(?:type|mypy|pyright|pyre|pytype|ruff|flake8|isort|pylint)\s*:|#\s*(?:noqa|nosec|pyre-)", re.IGNORECASE
)
_COOKIE = re.compile(r"coding[:=]\s*([-\w.]+)")  # PEP 263
_UTF_8 = frozenset({"utf-8", "utf8", "utf_8"})
_HIDERS = frozenset({"TYPE_CHECKING", "MYPY", "no_type_check", "no_type_check_decorator"})
"""Names that make a type checker see other code than the interpreter, or none."""


def check_syntax(source: str, task: TaskSpecification) -> tuple[Finding, ...]:
    """Find what keeps the source from compiling, being checked as it stands, or defining the function once."""
    problem = problem_of(source)
    if problem is not None:
        return (Finding(code="does-not-compile", message=problem.message, line=problem.line),)
    tree = parse(source)
    if tree is None:
        return (Finding(code="does-not-compile", message="the source does not compile"),)
    return (*_suppressions(source), *_definitions(tree, task), *_redefinitions(tree, task))


def _suppressions(source: str) -> Iterator[Finding]:
    for line, text in comments(source):
        if _SUPPRESSION.search(text):
            message = f"a comment addresses a checker: {text.strip()[:60]}; nothing may be suppressed"
            yield Finding(code="suppression", message=message, line=line)
        cookie = _COOKIE.search(text) if line <= 2 else None
        if cookie and cookie.group(1).lower() not in _UTF_8:
            message = f"the source declares the encoding {cookie.group(1)}; it must be UTF-8"
            yield Finding(code="encoding", message=message, line=line)


def _definitions(tree: ast.Module, task: TaskSpecification) -> Iterator[Finding]:
    name = task.name
    found = [(line, node) for bound, line, node in bindings(tree) if bound == name]
    if not found:
        yield Finding(code="not-defined", message=f"the module does not define the function {name}")
        return
    line, first = found[0]
    if isinstance(first, ast.AsyncFunctionDef):
        yield Finding(
            code="not-a-function", message=f"{name} is asynchronous; a plain function is asked for", line=line
        )
    elif not isinstance(first, ast.FunctionDef):
        yield Finding(code="not-a-function", message=f"{name} is not defined by a def statement", line=line)
    elif first not in tree.body:
        yield Finding(code="not-a-function", message=f"{name} is not defined at the top level", line=line)
    for line, _ in found[1:]:
        yield Finding(code="defined-twice", message=f"{name} is defined or bound again", line=line)


def _redefinitions(tree: ast.Module, task: TaskSpecification) -> Iterator[Finding]:
    given = {item.name for item in task.records} | {item.name for item in task.errors}
    for name, line, node in bindings(tree):
        if name in given and isinstance(node, ast.ClassDef):
            message = f"{name} is given by the specification and imported; it must not be defined again"
            yield Finding(code="redefines", message=message, line=line)


def parameter_type(task: TaskSpecification, parameter: Parameter) -> Type:
    """Return the type of an input or output. Raises SpecificationInvalid."""
    try:
        return parse_type(parameter.type_annotation, {record.name for record in task.records})
    except TypeSyntaxError as error:
        raise SpecificationInvalid([Fault(where=f"{task.id}.{parameter.name}", what=str(error))]) from error


def return_type(task: TaskSpecification) -> Type:
    """Return the type of the result: None, one output, or a tuple of several. Raises SpecificationInvalid."""
    try:
        return result_type(task)
    except TypeSyntaxError as error:
        raise SpecificationInvalid([Fault(where=f"{task.id}.outputs", what=str(error))]) from error


def check_signature(source: str, task: TaskSpecification) -> tuple[Finding, ...]:
    """Find differences between the ``def`` and the specification, and escapes from the type checker.

    Raises:
        SpecificationInvalid: a type of the task cannot be parsed.
    """
    tree = parse(source)
    function = function_named(tree, task.name) if tree is not None else None
    if tree is None or function is None:
        return (Finding(code="not-defined", message=f"the module does not define the function {task.name}"),)
    return (*_parameters(function, task), *_return(function, task), *_escapes(tree, task))


def _parameters(function: ast.FunctionDef, task: TaskSpecification) -> Iterator[Finding]:
    arguments = function.args
    line = function.lineno
    if arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.posonlyargs:
        message = f"{function.name} must take plain parameters only: no *, no /, no *args, no **kwargs"
        yield Finding(code="parameters-differ", message=message, line=line)
        return
    given = [argument.arg for argument in arguments.args]
    wanted = [item.name for item in task.inputs]
    if given != wanted:
        message = f"the parameters are ({', '.join(given)}); the specification asks for ({', '.join(wanted)})"
        yield Finding(code="parameters-differ", message=message, line=line)
        return
    if arguments.defaults:
        message = "a parameter has a default value, which the specification does not have"
        yield Finding(code="default-value", message=message, line=line, severity=Severity.WARNING)
    for argument, item in zip(arguments.args, task.inputs, strict=True):
        what = f"the parameter {item.name}"
        yield from _annotation(argument.annotation, parameter_type(task, item), what, argument.lineno, task)


def _return(function: ast.FunctionDef, task: TaskSpecification) -> Iterator[Finding]:
    yield from _annotation(function.returns, return_type(task), "the result", function.lineno, task)


def _annotation(
    given: ast.expr | None, wanted: Type, what: str, line: int, task: TaskSpecification
) -> Iterator[Finding]:
    if given is None:
        yield Finding(code="missing-annotation", message=f"{what} has no annotation; it is {wanted}", line=line)
        return
    plain = _unparsed(given)
    try:
        found = parse_type(plain, {record.name for record in task.records})
    except TypeSyntaxError:
        same = plain == str(wanted)
    else:
        same = _ordered(found) == _ordered(wanted)
    if not same:
        message = f"{what} is annotated {plain}; the specification says {wanted}"
        yield Finding(code="annotation-differs", message=message, line=line)


def _unparsed(annotation: ast.expr) -> str:
    try:
        return ast.unparse(_Plain().visit(ast.parse(ast.unparse(annotation), mode="eval")))
    except (SyntaxError, ValueError, RecursionError):
        return "<unreadable>"


class _Plain(ast.NodeTransformer):
    """Rewrites the older spellings of a type: text, ``typing.X``, ``Union[...]``."""

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if not isinstance(node.value, str):
            return node
        inner: ast.expr = self.visit(ast.parse(node.value.strip(), mode="eval").body)
        return inner

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if isinstance(node.value, ast.Name) and node.value.id in ("typing", "t"):
            return ast.Name(id=node.attr, ctx=ast.Load())
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id == "Union":
            parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            joined = parts[0]
            for part in parts[1:]:
                joined = ast.BinOp(left=joined, op=ast.BitOr(), right=part)
            return joined
        return node


def _ordered(of: Type) -> Type:
    """Order the members of unions, which have none."""
    arguments = tuple(_ordered(argument) for argument in of.arguments)
    return Type(of.kind, tuple(sorted(arguments, key=str)) if of.kind is Kind.UNION else arguments, of.name)


def _escapes(tree: ast.Module, task: TaskSpecification) -> Iterator[Finding]:
    """Find what a type checker would be blinded by: Any beyond the specification, and code hidden from it."""
    any_allowed = is_any(task)
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                line = node.lineno
            case ast.ImportFrom(names=names) if any(alias.name == "Any" and alias.asname for alias in names):
                name, line = "Any", node.lineno
            case _:
                continue
        if name in _HIDERS:
            message = f"{name} hides code from the type checker"
            yield Finding(code="hidden-from-checker", message=message, line=line)
        elif name == "Any" and not any_allowed:
            message = "Any is not part of the specification's types; say which type it is"
            yield Finding(code="explicit-any", message=message, line=line)
