"""Finds what keeps Python source from being one checkable module with the function that was asked for.

It asks no tool: ``mypy`` is the types layer's affair.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from millwright.core.verification.languages.python_kinds import (
    CONSTRUCTOR,
    Interface,
    definition,
    functions,
    interfaces,
    method_named,
)
from millwright.core.verification.languages.python_source import (
    Function,
    bindings,
    comments,
    is_any,
    nodes,
    not_compiled,
    parse,
    walk,
)
from millwright.core.verification.remembered import remembered
from schemas.specification import TaskKind, TaskSpecification
from schemas.types import Kind, Type, TypeSyntaxError, parse_type
from schemas.verification import Finding, Severity

_SUPPRESSION = re.compile(
    r"#\s*(?:type|mypy|(?:based)?pyright|pyre|pyrefly|pytype|ruff|flake8|isort|pylint|crosshair)\s*:"
    r"|#\s*(?:noqa|nosec|nosemgrep|nosonar|nolint|noinspection|pyre-|ty\s*:\s*ignore)",
    re.IGNORECASE,
)
_COOKIE = re.compile(r"coding[:=]\s*([-\w.]+)")  # PEP 263
_UTF_8 = frozenset({"utf-8", "utf8", "utf_8"})
_WORD = re.compile(r"[A-Za-z_]\w*")
_TAKE_TYPES = frozenset({"cast", "NewType", "TypeVar", "TypedDict", "NamedTuple"})
_WANTED = {TaskKind.CLASS: "class"}
"""What a kind is defined by, where it is no function."""

_HIDERS = frozenset({"TYPE_CHECKING", "MYPY", "no_type_check", "no_type_check_decorator"})
"""Names that make a type checker see other code than the interpreter, or none."""


def check_syntax(source: str, task: TaskSpecification) -> tuple[Finding, ...]:
    """Find what keeps the source from compiling, being checked as it stands, or defining the function once."""
    tree = parse(source)
    if tree is None:
        return (not_compiled(source),)
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
    everything = bindings(tree)
    found = [(line, node) for bound, line, node in everything if bound == name]
    for line in (line for bound, line, _ in everything if bound == "*"):
        message = f"import * may define {name} again; import what is needed by name"
        yield Finding(code="star-import", message=message, line=line)
    wanted = _WANTED.get(task.kind, "function")
    if not found:
        others = [node for node in tree.body if isinstance(node, Function | ast.ClassDef)]
        seen = f"; it defines {others[0].name}" if others else ""
        message = f"the module does not define the {wanted} {name}{seen}"
        yield Finding(code="not-defined", message=message, line=others[0].lineno if others else 1)
        return
    line, first = found[0]
    problem = _misfit(first, task.kind)
    if problem is not None:
        yield Finding(code=f"not-a-{wanted}", message=f"{name} {problem}", line=line)
    elif first not in tree.body:
        yield Finding(code=f"not-a-{wanted}", message=f"{name} is not defined at the top level", line=line)
    for line, _ in found[1:]:
        yield Finding(code="defined-twice", message=f"{name} is defined or bound again", line=line)


def _misfit(node: ast.AST, kind: TaskKind) -> str | None:
    """Say what is wrong with how the task's own name is defined, for its kind."""
    match kind, node:
        case (TaskKind.CLASS, ast.ClassDef()) | (TaskKind.ASYNC_FUNCTION, ast.AsyncFunctionDef()):
            return None
        case TaskKind.CLASS, _:
            return "is not defined by a class statement"
        case TaskKind.ASYNC_FUNCTION, ast.FunctionDef():
            return "is a plain function; an asynchronous one is asked for: async def"
        case TaskKind.ASYNC_FUNCTION, _:
            return "is not defined by an async def statement"
        case _, ast.AsyncFunctionDef():
            return "is asynchronous; a plain function is asked for"
        case _, ast.FunctionDef():
            return None
        case _:
            return "is not defined by a def statement"


def _redefinitions(tree: ast.Module, task: TaskSpecification) -> Iterator[Finding]:
    given = {item.name for item in task.records} | {item.name for item in task.errors}
    for name, line, node in bindings(tree):
        if name in given and isinstance(node, ast.ClassDef):
            message = f"{name} is given by the specification and imported; it must not be defined again"
            yield Finding(code="redefines", message=message, line=line)


@remembered
def check_signature(source: str, task: TaskSpecification) -> tuple[Finding, ...]:
    """Find differences between the ``def`` and the specification, and escapes from the type checker.

    Raises:
        SpecificationInvalid: a type of the task cannot be parsed.
    """
    tree = parse(source)
    if tree is None:
        return (not_compiled(source),)
    typing = _typing_names(tree)
    found = list(functions(tree, task))
    owner = definition(tree, task.name)
    if isinstance(owner, ast.ClassDef) and task.kind is TaskKind.CLASS:
        missing = [*_missing_methods(owner, task)]
    elif found:
        missing = []
    else:
        wanted = _WANTED.get(task.kind, "function")
        return (Finding(code="not-defined", message=f"the module does not define the {wanted} {task.name}"),)
    of_each = [
        finding
        for function, interface in found
        for finding in (*_parameters(function, interface, task, typing), *_return(function, interface, task, typing))
    ]
    return (*missing, *of_each, *_escapes(tree, task))


def _missing_methods(owner: ast.ClassDef, task: TaskSpecification) -> Iterator[Finding]:
    """Find the methods that a class lacks, and the constructor where it is given anything."""
    for interface in interfaces(task):
        if method_named(owner, interface.name) is None and (interface.parameters or interface.name != CONSTRUCTOR):
            message = f"the class {owner.name} does not define {interface.line().removesuffix(':')}"
            yield Finding(code="not-defined", message=message, line=owner.lineno)


def _parameters(
    function: Function, interface: Interface, task: TaskSpecification, typing: Mapping[str, str]
) -> Iterator[Finding]:
    arguments = function.args
    line = function.lineno
    if arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.posonlyargs:
        message = f"{function.name} must take plain parameters only: no *, no /, no *args, no **kwargs"
        yield Finding(code="parameters-differ", message=message, line=line)
        return
    given = [argument.arg for argument in arguments.args]
    wanted = [*(["self"] if interface.is_method else []), *(name for name, _ in interface.parameters)]
    if given != wanted:
        whose = f" of {function.name}" if interface.is_method else ""
        message = f"the parameters{whose} are ({', '.join(given)}); the specification asks for ({', '.join(wanted)})"
        yield Finding(code="parameters-differ", message=message, line=line)
        return
    if arguments.defaults:
        message = "a parameter has a default value, which the specification does not have"
        yield Finding(code="default-value", message=message, line=line, severity=Severity.WARNING)
    own = arguments.args[1:] if interface.is_method else arguments.args
    for argument, (name, wanted_type) in zip(own, interface.parameters, strict=True):
        what = f"the parameter {name}"
        yield from _annotation(argument.annotation, wanted_type, what, argument.lineno, task, typing)


def _return(
    function: Function, interface: Interface, task: TaskSpecification, typing: Mapping[str, str]
) -> Iterator[Finding]:
    line = function.returns.lineno if function.returns is not None else function.lineno
    what = f"the result of {function.name}" if interface.is_method else "the result"
    yield from _annotation(function.returns, interface.result, what, line, task, typing)


def _annotation(
    given: ast.expr | None,
    wanted: Type,
    what: str,
    line: int,
    task: TaskSpecification,
    typing: Mapping[str, str],
) -> Iterator[Finding]:
    if given is None:
        yield Finding(code="missing-annotation", message=f"{what} has no annotation; it is {wanted}", line=line)
        return
    plain = _unparsed(given, typing)
    try:
        found = _parsed(plain, frozenset(record.name for record in task.records))
    except TypeSyntaxError:
        same = plain == str(wanted)
    else:
        same = _ordered(found) == _ordered(wanted)
    if not same:
        message = f"{what} is annotated {plain}; the specification says {wanted}: write just that"
        yield Finding(code="annotation-differs", message=message, line=line)


def _unparsed(annotation: ast.expr, typing: Mapping[str, str]) -> str:
    try:
        return _in_plain_words(ast.unparse(annotation), frozenset(typing.items()))
    except (SyntaxError, ValueError, RecursionError):
        return "<unreadable>"


@lru_cache(maxsize=256)  # candidates of a task annotate alike
def _in_plain_words(annotation: str, typing: frozenset[tuple[str, str]]) -> str:
    return ast.unparse(_Plain(dict(typing)).visit(ast.parse(annotation, mode="eval")))


_parsed = lru_cache(maxsize=256)(parse_type)


class _Plain(ast.NodeTransformer):
    """Rewrites other spellings of a type: text, ``typing.X``, members of ``typing`` by another name, ``Union[...]``."""

    def __init__(self, typing: Mapping[str, str]) -> None:
        self._typing = typing

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Name(id=self._typing.get(node.id, node.id), ctx=ast.Load())

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if not isinstance(node.value, str):
            return node
        inner: ast.expr = self.visit(ast.parse(node.value.strip(), mode="eval").body)
        return inner

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if isinstance(node.value, ast.Name) and self._typing.get(node.value.id, node.value.id) == "typing":
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


def _typing_names(tree: ast.Module) -> dict[str, str]:
    """Return the names that stand for ``typing`` and for its members, with what each is called there."""
    names: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Import):
            names.update((alias.asname, "typing") for alias in node.names if alias.asname and alias.name == "typing")
        elif isinstance(node, ast.ImportFrom) and node.module == "typing":
            names.update((alias.asname, alias.name) for alias in node.names if alias.asname)
    return names


def _ordered(of: Type) -> Type:
    """Order the members of unions, which have none."""
    arguments = tuple(_ordered(argument) for argument in of.arguments)
    return Type(of.kind, tuple(sorted(arguments, key=str)) if of.kind is Kind.UNION else arguments, of.name)


def _escapes(tree: ast.Module, task: TaskSpecification) -> Iterator[Finding]:
    """Find what a type checker would be blinded by: Any beyond the specification, and code hidden from it."""
    any_allowed = is_any(task)
    for name, line in sorted({*_mentioned(tree)}, key=lambda found: found[1]):
        if name in _HIDERS:
            message = f"{name} hides code from the type checker; write one code for both"
            yield Finding(code="hidden-from-checker", message=message, line=line)
        elif name == "Any" and not any_allowed:
            message = "Any is not part of the specification's types; say which type it is, or object"
            yield Finding(code="explicit-any", message=message, line=line)


def _mentioned(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield the names that the source mentions, in annotations that are texts as well, and the line of each."""
    for node in nodes(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name, node.lineno
            case ast.ImportFrom(names=names):
                yield from ((alias.name, node.lineno) for alias in names if alias.asname)
            case ast.arg(annotation=ast.expr() as annotation) | ast.AnnAssign(annotation=annotation):
                yield from _mentioned_in_text(annotation)
            case (
                ast.FunctionDef(returns=ast.expr() as annotation)
                | ast.AsyncFunctionDef(returns=ast.expr() as annotation)
            ):
                yield from _mentioned_in_text(annotation)
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[first, *rest]):
                # The types that these take may be texts as well: cast("Any", x), NewType("Odd", "Any").
                if name in _TAKE_TYPES:
                    for argument in (first, *rest):
                        yield from _mentioned_in_text(argument)
            case _:
                pass


def _mentioned_in_text(annotation: ast.expr) -> Iterator[tuple[str, int]]:
    for node in walk(annotation):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from ((word, node.lineno) for word in _WORD.findall(node.value))
