"""Whether a file of task specifications agrees with itself, and the canonical form of each task in it.

It evaluates nothing: examples that must satisfy conditions are turned into requests for the sandbox by
``millwright.core.specification_examples``. The tree and the dependencies are judged by
``millwright.core.specification_graph``.
"""

import ast
from collections.abc import Iterator, Sequence

from millwright.core.kinds import as_called
from millwright.core.specification_examples import condition_faults, example_faults, examples_to_check
from millwright.core.specification_grants import grant_faults, package_faults
from millwright.core.specification_graph import graph_faults, parents_of
from millwright.core.specification_kinds import kind_faults
from millwright.core.specification_vocabulary import (
    Vocabulary,
    declaration_faults,
    input_types,
    name_faults,
    repeated_faults,
    result_type,
    type_faults,
    vocabulary_of,
)
from schemas.digests import canonical_json, digest_of_bytes
from schemas.expressions import check_expression
from schemas.identity import Digest, TaskId
from schemas.specification import (
    Fault,
    Parameter,
    Property,
    SpecificationDocument,
    TaskSpecification,
)

__all__ = [
    "canonical_json",
    "check_document",
    "condition_faults",
    "digest_of",
    "examples_to_check",
    "input_types",
    "resolve",
    "result_type",
]


def check_document(document: SpecificationDocument) -> tuple[Fault, ...]:
    """List every fault of a document; empty if it agrees with itself."""
    faults: list[Fault] = []
    if not document.tasks:
        faults.append(Fault(where="tasks", what="there is no task"))
    faults += declaration_faults(document)
    faults += graph_faults(document)
    faults += package_faults(document.tasks)
    for index, task in enumerate(document.tasks):
        where = f"tasks[{index}]"
        own = tuple(kind_faults(where, document, task))
        view = task if own else as_called(task)
        faults += own or _task_faults(where, view, vocabulary_of(document, view))
    return tuple(dict.fromkeys(faults))


def resolve(document: SpecificationDocument) -> tuple[TaskSpecification, ...]:
    """Return the tasks, each complete by itself, and of whatever kind as it is called.

    The document's records and errors are merged into each, and ``parent`` and ``children`` are filled in from
    whichever side states them. The document has no faults.
    """
    parents = parents_of(document)
    children: dict[TaskId, list[TaskId]] = {task.id: list(task.children) for task in document.tasks}
    for task in document.tasks:
        parent = parents[task.id]
        if parent is not None and task.id not in children[parent]:
            children[parent].append(task.id)
    return tuple(
        as_called(task).model_copy(
            update={
                "records": tuple(dict.fromkeys((*document.records, *task.records))),
                "errors": tuple(dict.fromkeys((*document.errors, *task.errors))),
                "parent": parents[task.id],
                "children": tuple(children[task.id]),
            }
        )
        for task in document.tasks
    )


def digest_of(task: TaskSpecification) -> Digest:
    """Return the SHA-256 digest of a task's canonical JSON."""
    return digest_of_bytes(canonical_json(task))


def _task_faults(where: str, task: TaskSpecification, vocabulary: Vocabulary) -> Iterator[Fault]:
    yield from name_faults(f"{where}.name", "task", task.name)
    if not task.has_interface and not task.children and not task.test_cases:
        yield Fault(where=where, what=f"the task {task.id!r} has neither inputs, outputs, children nor test cases")
    yield from _parameter_faults(f"{where}.inputs", "input", task.inputs, vocabulary)
    yield from _parameter_faults(f"{where}.outputs", "output", task.outputs, vocabulary)
    yield from _condition_faults(where, task, vocabulary)
    for index, property_ in enumerate(task.properties):
        yield from _property_faults(f"{where}.properties[{index}]", property_, task)
    yield from example_faults(f"{where}.test_cases", task, vocabulary)
    yield from grant_faults(f"{where}.grants", task)


def _parameter_faults(
    where: str, kind: str, parameters: Sequence[Parameter], vocabulary: Vocabulary
) -> Iterator[Fault]:
    yield from repeated_faults(where, kind, [parameter.name for parameter in parameters])
    for index, parameter in enumerate(parameters):
        place = f"{where}[{index}]"
        yield from name_faults(place, kind, parameter.name)
        yield from type_faults(f"{place}.type_annotation", parameter.type_annotation, vocabulary.records)
        for number, constraint in enumerate(parameter.constraints):
            reason = check_expression(constraint, {parameter.name}, vocabulary.fields)
            if reason is not None:
                yield Fault(where=f"{place}.constraints[{number}]", what=f"{constraint!r}: {reason}")


def _condition_faults(where: str, task: TaskSpecification, vocabulary: Vocabulary) -> Iterator[Fault]:
    inputs = frozenset((*(parameter.name for parameter in task.inputs), *(shape.name for shape in task.shapes)))
    all_names = inputs | {"result", "old"}
    kinds = (
        ("preconditions", task.preconditions, inputs),
        ("postconditions", task.postconditions, all_names),
        ("invariants", task.invariants, all_names),
    )
    for kind, conditions, names in kinds:
        for index, condition in enumerate(conditions):
            reason = check_expression(condition.expression, names, vocabulary.fields)
            if reason is not None:
                place = f"{where}.{kind}[{index}].expression"
                yield Fault(where=place, what=f"{condition.expression!r}: {reason}")
    if task.postconditions or task.invariants:
        for index, parameter in enumerate(task.inputs):
            if parameter.name in ("result", "old"):
                what = f"an input may not be named {parameter.name!r}, which has a meaning in conditions"
                yield Fault(where=f"{where}.inputs[{index}]", what=what)


def _property_faults(where: str, property_: Property, task: TaskSpecification) -> Iterator[Fault]:
    place = f"{where}.property_function"
    try:
        body = ast.parse(property_.property_function).body
    except SyntaxError as error:
        yield Fault(where=place, what=f"not Python (line {error.lineno}: {error.msg})")
        return
    except (ValueError, RecursionError, MemoryError):
        yield Fault(where=place, what="not Python")
        return
    function = body[0] if len(body) == 1 else None
    if not isinstance(function, ast.FunctionDef):
        yield Fault(where=place, what="must be the source of exactly one function (imports go inside it)")
        return
    arguments = function.args
    parameters = {argument.arg for argument in (*arguments.args, *arguments.kwonlyargs)}
    inputs = [parameter.name for parameter in task.inputs]
    if parameters != set(inputs) or arguments.posonlyargs or arguments.vararg or arguments.kwarg:
        yield Fault(where=place, what=f"its parameters must be the task's inputs ({', '.join(inputs) or 'none'})")
    nodes = list(ast.walk(function))
    if not any(isinstance(node, ast.Name) and node.id == task.name for node in nodes):
        yield Fault(where=place, what=f"it never calls {task.name}")
    if not any(isinstance(node, ast.Assert | ast.Raise) for node in nodes):
        yield Fault(where=place, what="it never asserts")
