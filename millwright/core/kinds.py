"""What a call of each kind of task is: one view of every kind as a function, for the ladder, the vote and the report.

The view is a task like any other, whose inputs are what a call is given and whose output is what came of it; what is
written, shown and packaged follows the task's own fields. Nothing is run here, and no language is known.
"""

import ast
from collections.abc import Callable, Iterator, Sequence

from pydantic import JsonValue

from schemas.execution import Called
from schemas.specification import (
    REQUEST,
    Condition,
    Method,
    MethodCall,
    Parameter,
    RecordField,
    Shape,
    TaskKind,
    TaskSpecification,
    TestCase,
)
from schemas.values import RECORD_KEY

CALLS = "calls"
"""The input of the view that holds the methods' calls, in order."""

ARGUMENTS, STDIN = "arguments", "stdin"
"""The inputs of a command."""

RAISED, HISTORY, STATE, RESPONSE, FINISHED = "raised", "history", "state", "response", "finished"
RETURNED = "_returned"
"""Ends the name of the shape that holds what a method returned."""

ROOT_KINDS = (TaskKind.FUNCTION, TaskKind.COMMAND, TaskKind.HTTP_HANDLER)
"""What a whole that is specified from prose may be: what can be called, run or asked, made of functions."""

SEQUENCES = frozenset({TaskKind.CLASS, TaskKind.HTTP_HANDLER})
"""Kinds of which a call is a sequence of calls."""


def as_called(task: TaskSpecification) -> TaskSpecification:
    """Return the view of a task as a function; that of a function, and of a view, is the same."""
    if task.shapes:
        return task
    match task.kind:
        case TaskKind.CLASS | TaskKind.HTTP_HANDLER:
            return _of_sequences(task)
        case TaskKind.COMMAND:
            return _of_command(task)
        case TaskKind.FILE:
            # Any, since a file says lists and objects and knows nothing of tuples and records
            return task.model_copy(update={"outputs": (Parameter(name="result", type_annotation="Any"),)})
        case _:
            return task


def is_code(task: TaskSpecification) -> bool:
    """Say whether a task is code that can be imported by its name."""
    return task.has_interface and task.kind is not TaskKind.FILE


def own_inputs(task: TaskSpecification) -> tuple[Parameter, ...]:
    """Return what is given when a task's object is made, or its function called, of a task or of its view."""
    return tuple(item for item in task.inputs if task.kind not in SEQUENCES or item.name != CALLS)


def methods_of(task: TaskSpecification) -> tuple[Method, ...]:
    """Return what can be called of a task's object."""
    return (*task.methods, REQUEST) if task.kind is TaskKind.HTTP_HANDLER else task.methods


def called(task: TaskSpecification) -> tuple[Called, ...]:
    """Return what the harness must know of a task's methods."""
    return tuple(
        Called(
            name=method.name,
            inputs=tuple(item.name for item in method.inputs),
            raises=method.raises,
            request=method.request,
        )
        for method in methods_of(task)
    )


def _of_sequences(task: TaskSpecification) -> TaskSpecification:
    methods = methods_of(task)
    names = " | ".join(method.name for method in methods)
    calls = Parameter(
        name=CALLS,
        type_annotation=f"list[{names}]" if names else "list[None]",
        description="what is called, in order",
    )
    return task.model_copy(
        update={
            "inputs": (*task.inputs, calls),
            "outputs": (Parameter(name="result", type_annotation=HISTORY),),
            # of any other request the constraints only say what is generated: an example may send what it likes
            "preconditions": (*task.preconditions, *_promised(task.methods)),
            "postconditions": (*task.postconditions, *(_lasting(task, item) for item in task.invariants)),
            "invariants": (),
            "test_cases": tuple(_example(task, case) for case in task.test_cases),
            "shapes": _shapes(task, methods),
        }
    )


def _shapes(task: TaskSpecification, methods: Sequence[Method]) -> tuple[Shape, ...]:
    shapes = [Shape(name=method.name, fields=_fields(method.inputs)) for method in methods]
    raised = Shape(name=RAISED, fields=(_field("error", "str"),))
    if task.kind is TaskKind.HTTP_HANDLER:
        answer = (_field("status", "int"), _field("content_type", "str"), _field("body", "Any"))
        shapes += [Shape(name=RESPONSE, fields=answer), raised]
        outcomes = f"list[{RESPONSE} | {RAISED}]"
    else:
        returned = [
            Shape(name=method.name + RETURNED, fields=(_field("value", _output(method)),)) for method in methods
        ]
        shapes += [*returned, raised]
        outcomes = f"list[{' | '.join(shape.name for shape in (*returned, raised))}]"
    if task.state:
        shapes.append(Shape(name=STATE, fields=_fields(task.state)))
    state = (_field("state", STATE),) if task.state else ()
    return (*shapes, Shape(name=HISTORY, fields=(_field("outcomes", outcomes), *state)))


def _field(name: str, annotation: str) -> RecordField:
    return RecordField(name=name, type_annotation=annotation)


def _fields(parameters: Sequence[Parameter]) -> tuple[RecordField, ...]:
    return tuple(_field(item.name, item.type_annotation) for item in parameters)


def _output(method: Method) -> str:
    types = [item.type_annotation for item in method.outputs]
    if not types:
        return "None"
    return types[0] if len(types) == 1 else f"tuple[{', '.join(types)}]"


def _example(task: TaskSpecification, case: TestCase) -> TestCase:
    calls: list[JsonValue] = [{RECORD_KEY: step.method, **step.inputs} for step in case.calls]
    inputs: dict[str, JsonValue] = {**case.inputs, CALLS: calls}
    update: dict[str, object] = {"inputs": inputs, "calls": (), "expected_state": None}
    if case.raises is None:
        outcomes: list[JsonValue] = [_expected(task, step) for step in case.calls]
        state: dict[str, JsonValue] = {"state": case.expected_state} if task.state else {}
        update["expected_output"] = {"outcomes": outcomes, **state}
    return case.model_copy(update=update)


def _expected(task: TaskSpecification, step: MethodCall) -> JsonValue:
    if step.raises is not None:
        return {RECORD_KEY: RAISED, "error": step.raises}
    if task.kind is TaskKind.HTTP_HANDLER:
        answer = step.expected_output if isinstance(step.expected_output, dict) else {"body": step.expected_output}
        return {RECORD_KEY: RESPONSE, **answer}
    return {RECORD_KEY: step.method + RETURNED, "value": step.expected_output}


def _promised(methods: Sequence[Method]) -> Iterator[Condition]:
    """Turn the constraints on methods' inputs into preconditions on the calls."""
    for method in methods:
        for item in method.inputs:
            own = frozenset({item.name})  # another input's name may be one that the constraint binds
            for number, text in enumerate(item.constraints, 1):
                of_call = _reworded(text, own, lambda name: f"call_.{name}")
                yield Condition(
                    name=f"{method.name}: {item.name} ({number})",
                    expression=f"all(({of_call}) for call_ in {CALLS} if isinstance(call_, {method.name}))",
                )


def _lasting(task: TaskSpecification, invariant: Condition) -> Condition:
    """Turn an invariant over the state into a condition on the state that a sequence of calls leads to."""
    names = frozenset(item.name for item in task.state)
    expression = _reworded(invariant.expression, names, lambda name: f"result.{STATE}.{name}")
    return invariant.model_copy(update={"expression": expression})


def _reworded(expression: str, names: frozenset[str], put: Callable[[str], str]) -> str:
    """Replace names in an expression; one that does not parse stays as it is, and is refused as such."""
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return expression
    return ast.unparse(_Rewording(names, put).visit(tree))


class _Rewording(ast.NodeTransformer):
    """Puts other expressions for some names."""

    def __init__(self, names: frozenset[str], put: Callable[[str], str]) -> None:
        self._names, self._put = names, put

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id not in self._names or not isinstance(node.ctx, ast.Load):
            return node
        return ast.parse(self._put(node.id), mode="eval").body


def _of_command(task: TaskSpecification) -> TaskSpecification:
    given = {item.name: item for item in task.inputs}
    inputs = (
        given.get(ARGUMENTS, Parameter(name=ARGUMENTS, type_annotation="list[str]")),
        given.get(STDIN, Parameter(name=STDIN, type_annotation="str")),
    )
    none: dict[str, JsonValue] = {ARGUMENTS: [], STDIN: ""}
    cases = (case.model_copy(update={"inputs": none | case.inputs}) for case in task.test_cases)
    return task.model_copy(
        update={
            "inputs": inputs,
            "outputs": (Parameter(name="result", type_annotation=FINISHED),),
            "test_cases": tuple(cases),
            "shapes": (Shape(name=FINISHED, fields=(_field("status", "int"), _field("stdout", "str"))),),
        }
    )
