"""How each kind of task is written in Python: the lines that begin it, and what a candidate defines of it.

It finds and compares nothing; the types of a specification are those of its interface.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from millwright.core.kinds import own_inputs
from millwright.core.specification_vocabulary import result_type
from millwright.core.verification.languages.python_source import Function
from millwright.core.verification.remembered import remembered
from millwright.errors import SpecificationInvalid
from schemas.specification import Fault, Method, Parameter, TaskKind, TaskSpecification
from schemas.types import NONE, Kind, Type, TypeSyntaxError, parse_type

WSGI = "wsgiref.types"
"""The module of the types of a handler of HTTP (PEP 3333)."""

APPLICATION = Type(Kind.RECORD, name="WSGIApplication")
_WSGI_NAMES = ("StartResponse", "WSGIApplication", "WSGIEnvironment")
_TEXTS, _NUMBER = Type(Kind.LIST, (Type(Kind.STR),)), Type(Kind.INT)

CONSTRUCTOR = "__init__"


@dataclass(frozen=True)
class Interface:
    """One function as it must be written: its parameters, without ``self``, and its result."""

    name: str
    parameters: tuple[tuple[str, Type], ...]
    result: Type
    is_async: bool = False
    is_method: bool = False

    def line(self) -> str:
        """Write the line that begins it."""
        parts = [f"{name}: {of}" for name, of in self.parameters]
        listed = ", ".join(["self", *parts] if self.is_method else parts)
        return f"{'async ' if self.is_async else ''}def {self.name}({listed}) -> {self.result}:"


@remembered
def parameter_type(task: TaskSpecification, parameter: Parameter) -> Type:
    """Return the type of an input or output. Raises SpecificationInvalid."""
    try:
        return parse_type(parameter.type_annotation, {record.name for record in task.known_records})
    except TypeSyntaxError as error:
        raise SpecificationInvalid([Fault(where=f"{task.id}.{parameter.name}", what=str(error))]) from error


@remembered
def return_type(task: TaskSpecification) -> Type:
    """Return the type of the result: None, one output, or a tuple of several. Raises SpecificationInvalid."""
    try:
        return result_type(task)
    except TypeSyntaxError as error:
        raise SpecificationInvalid([Fault(where=f"{task.id}.outputs", what=str(error))]) from error


@remembered
def interfaces(task: TaskSpecification) -> tuple[Interface, ...]:
    """Return the functions that the task asks for: one, or a class's constructor and methods.

    Raises:
        SpecificationInvalid: a type of the task cannot be parsed.
    """
    given = _typed(task, own_inputs(task))
    match task.kind:
        case TaskKind.CLASS:
            made = Interface(CONSTRUCTOR, given, NONE, is_method=True)
            return (made, *(_method(task, method) for method in task.methods))
        case TaskKind.COMMAND:
            return (Interface(task.name, (("arguments", _TEXTS),), _NUMBER),)
        case TaskKind.HTTP_HANDLER:
            return (Interface(task.name, given, APPLICATION),)
        case _:
            is_async = task.kind is TaskKind.ASYNC_FUNCTION
            return (Interface(task.name, given, return_type(task), is_async=is_async),)


def _typed(task: TaskSpecification, parameters: tuple[Parameter, ...]) -> tuple[tuple[str, Type], ...]:
    return tuple((item.name, parameter_type(task, item)) for item in parameters)


def _method(task: TaskSpecification, method: Method) -> Interface:
    types = tuple(parameter_type(task, item) for item in method.outputs)
    result = NONE if not types else types[0] if len(types) == 1 else Type(Kind.TUPLE, types)
    return Interface(method.name, _typed(task, method.inputs), result, is_method=True)


def signature(task: TaskSpecification) -> str:
    """Write the lines that the task's code must have. Raises SpecificationInvalid."""
    lines = [item.line() for item in interfaces(task)]
    if task.kind is not TaskKind.CLASS:
        return lines[0]
    if not own_inputs(task):
        lines = lines[1:]
    state = [f"    {item.name}: {parameter_type(task, item)}" for item in task.state]
    return "\n".join([f"class {task.name}:", *state, *(f"    {line} ..." for line in lines)])


def imports_of(task: TaskSpecification) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return what the code of a kind may use without importing it."""
    return ((WSGI, _WSGI_NAMES),) if task.kind is TaskKind.HTTP_HANDLER else ()


def definition(tree: ast.Module, name: str) -> Function | ast.ClassDef | None:
    """Return the last function or class of this name at the top level."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found = [node for node in tree.body if isinstance(node, kinds) and node.name == name]
    return found[-1] if found else None


def bodies(tree: ast.Module, name: str) -> list[list[ast.stmt]]:
    """Return the bodies of what is defined under a name: a function's, or those of a class's methods."""
    found = definition(tree, name)
    if isinstance(found, ast.ClassDef):
        return [node.body for node in found.body if isinstance(node, Function)]
    return [] if found is None else [found.body]


def functions(tree: ast.Module, task: TaskSpecification) -> Iterator[tuple[Function, Interface]]:
    """Yield each function that the task asks for and the source defines. Raises SpecificationInvalid."""
    if task.kind is not TaskKind.CLASS:
        found = definition(tree, task.name)
        if isinstance(found, Function):
            yield found, interfaces(task)[0]
        return
    owner = definition(tree, task.name)
    if isinstance(owner, ast.ClassDef):
        for item in interfaces(task):
            named = method_named(owner, item.name)
            if named is not None:
                yield named, item


def method_named(owner: ast.ClassDef, name: str) -> Function | None:
    """Return the last method of this name."""
    found = [node for node in owner.body if isinstance(node, Function) and node.name == name]
    return found[-1] if found else None
