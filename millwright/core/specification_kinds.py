"""Whether what a task says of its kind is sound: its methods, its state, and the examples that are sequences of calls.

What is sound here can be viewed as a function (``millwright.core.kinds``), and the view is then judged like any other.
"""

import re
from collections.abc import Collection, Iterator, Sequence

from millwright.core.documents import FORMATS
from millwright.core.kinds import (
    ARGUMENTS,
    CALLS,
    FINISHED,
    HISTORY,
    RAISED,
    RESPONSE,
    RETURNED,
    SEQUENCES,
    STATE,
    STDIN,
    methods_of,
)
from millwright.core.specification_vocabulary import (
    name_faults,
    repeated_faults,
    type_faults,
    vocabulary_of,
)
from schemas.expressions import check_expression
from schemas.specification import Fault, Method, Parameter, SpecificationDocument, TaskKind, TaskSpecification, TestCase

_REQUEST = re.compile(r"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (/[A-Za-z0-9_.~/{}-]*)")
_PLACE = re.compile(r"\{([^{}]*)\}")
_SHAPES = frozenset({RAISED, HISTORY, STATE, RESPONSE, FINISHED})
_SIMPLE = frozenset({"int", "str", "bool", "float"})
_COMMAND_INPUTS = {ARGUMENTS: "list[str]", STDIN: "str"}
_ANSWER = frozenset({"status", "content_type", "body"})


def kind_faults(where: str, document: SpecificationDocument, task: TaskSpecification) -> Iterator[Fault]:
    """Yield every fault of what a task says of its kind; a view was judged when it was a task."""
    if task.shapes:
        return
    if task.properties and task.kind not in (TaskKind.FUNCTION, TaskKind.ASYNC_FUNCTION):
        what = f"a property is a function that calls one; of a {task.kind.words} say it as a postcondition or invariant"
        yield Fault(where=f"{where}.properties", what=what)
    if task.kind not in SEQUENCES:
        yield from _foreign_faults(where, task)
    if task.content and task.kind is not TaskKind.FILE:
        what = f"a task of kind {task.kind.value} has no content of a file"
        yield Fault(where=f"{where}.content", what=what)
    match task.kind:
        case TaskKind.CLASS | TaskKind.HTTP_HANDLER:
            yield from _sequence_faults(where, document, task)
        case TaskKind.COMMAND:
            yield from _command_faults(where, task)
        case TaskKind.FILE:
            yield from _file_faults(where, document, task)
        case _:
            return


def _foreign_faults(where: str, task: TaskSpecification) -> Iterator[Fault]:
    """Yield what only objects have, and this task says all the same."""
    for field, given in (("methods", task.methods), ("state", task.state)):
        if given:
            yield Fault(where=f"{where}.{field}", what=f"a task of kind {task.kind.value} has no {field}")
    for index, case in enumerate(task.test_cases):
        if case.calls or case.expected_state is not None:
            what = f"{case.name!r} is a sequence of calls, and a task of kind {task.kind.value} has no methods"
            yield Fault(where=f"{where}.test_cases[{index}]", what=what)


def _file_faults(where: str, document: SpecificationDocument, task: TaskSpecification) -> Iterator[Fault]:
    if task.target_language not in FORMATS:
        what = f"the target_language of a file is its format ({', '.join(FORMATS)}), not {task.target_language}"
        yield Fault(where=f"{where}.target_language", what=what)
    if task.inputs:
        yield Fault(where=f"{where}.inputs", what="a file is given nothing: it has no inputs")
    if task.outputs and task.outputs[0].type_annotation != "Any":
        yield Fault(where=f"{where}.outputs", what="a file has no outputs: content is the type of what it says")
    if task.content:
        yield from type_faults(f"{where}.content", task.content, vocabulary_of(document, task).records)


def _command_faults(where: str, task: TaskSpecification) -> Iterator[Fault]:
    for index, item in enumerate(task.inputs):
        if _COMMAND_INPUTS.get(item.name) != item.type_annotation.replace(" ", ""):
            what = f"the inputs of a command are arguments: list[str] and stdin: str, and not {item.name}: " + (
                item.type_annotation
            )
            yield Fault(where=f"{where}.inputs[{index}]", what=what)
    if task.outputs:
        what = "a command has no outputs of its own: it ends with a status and what it printed"
        yield Fault(where=f"{where}.outputs", what=what)


def _sequence_faults(where: str, document: SpecificationDocument, task: TaskSpecification) -> Iterator[Fault]:
    vocabulary = vocabulary_of(document, task)
    taken = {*vocabulary.records, *vocabulary.exceptions, *_SHAPES}
    if task.outputs:
        yield Fault(where=f"{where}.outputs", what=f"a task of kind {task.kind.value} has methods, and no outputs")
    if not task.methods:
        yield Fault(where=f"{where}.methods", what=f"a task of kind {task.kind.value} needs at least one method")
    if any(item.name == CALLS for item in task.inputs):
        yield Fault(where=f"{where}.inputs", what=f"an input may not be named {CALLS!r}, which are the methods' calls")
    methods = methods_of(task)
    yield from repeated_faults(f"{where}.methods", "method", [method.name for method in methods])
    for index, method in enumerate(task.methods):
        place = f"{where}.methods[{index}]"
        others = {other.name + RETURNED for other in methods}
        yield from name_faults(place, "method", method.name, {*taken, *others})
        if method.name.startswith("_"):
            yield Fault(where=place, what=f"the method {method.name!r} is private: name one that is public")
        yield from _parameter_faults(f"{place}.inputs", method.inputs, vocabulary.records, vocabulary.fields)
        yield from _parameter_faults(f"{place}.outputs", method.outputs, vocabulary.records, vocabulary.fields)
        yield from _raises_faults(place, method, vocabulary.exceptions)
        yield from _request_faults(place, method, task.kind)
    yield from _state_faults(where, task, vocabulary.records, vocabulary.fields)
    for index, case in enumerate(task.test_cases):
        yield from _case_faults(f"{where}.test_cases[{index}]", task, case)


def _parameter_faults(
    where: str, parameters: Sequence[Parameter], records: Collection[str], fields: frozenset[str]
) -> Iterator[Fault]:
    yield from repeated_faults(where, "parameter", [item.name for item in parameters])
    for index, item in enumerate(parameters):
        place = f"{where}[{index}]"
        yield from name_faults(place, "parameter", item.name)
        yield from type_faults(f"{place}.type_annotation", item.type_annotation, records)
        for number, constraint in enumerate(item.constraints):
            reason = check_expression(constraint, {item.name}, fields)
            if reason is not None:
                yield Fault(where=f"{place}.constraints[{number}]", what=f"{constraint!r}: {reason}")


def _raises_faults(where: str, method: Method, exceptions: frozenset[str]) -> Iterator[Fault]:
    yield from repeated_faults(f"{where}.raises", "exception", method.raises)
    for name in method.raises:
        if name not in exceptions:
            what = f"{name!r} is neither a built-in exception nor a declared error"
            yield Fault(where=f"{where}.raises", what=what)


def _request_faults(where: str, method: Method, kind: TaskKind) -> Iterator[Fault]:
    if kind is not TaskKind.HTTP_HANDLER:
        if method.request:
            yield Fault(where=f"{where}.request", what="only a handler of HTTP answers requests")
        return
    place = f"{where}.request"
    found = _REQUEST.fullmatch(method.request)
    if found is None:
        what = f"{method.request!r} is no verb and path, as in GET /items/{{id}}"
        yield Fault(where=place, what=what)
        return
    if method.outputs or method.raises:
        yield Fault(where=where, what="a request is answered by a status, a content type and a body: name no others")
    types = {item.name: item.type_annotation for item in method.inputs}
    for name in _PLACE.findall(found.group(2)):
        if name not in types:
            yield Fault(where=place, what=f"{{{name}}} stands in the path, and is no input")
    for name, annotation in types.items():
        if name != "body" and annotation not in _SIMPLE:
            what = f"{name} stands in the path or the query, and can be int, str, bool or float, not {annotation}"
            yield Fault(where=f"{where}.inputs", what=what)


def _state_faults(
    where: str, task: TaskSpecification, records: Collection[str], fields: frozenset[str]
) -> Iterator[Fault]:
    if task.kind is TaskKind.HTTP_HANDLER and task.state:
        yield Fault(where=f"{where}.state", what="a handler of HTTP shows its state by its answers only")
    yield from _parameter_faults(f"{where}.state", task.state, records, fields)
    names = {item.name for item in (*task.state, *task.inputs)}
    for index, invariant in enumerate(task.invariants):
        reason = check_expression(invariant.expression, names, fields)
        if reason is not None:
            what = f"{invariant.expression!r}: {reason}"
            yield Fault(where=f"{where}.invariants[{index}].expression", what=what)
    for index, item in enumerate(task.inputs):
        if any(item.name == other.name for other in task.state) and task.invariants:
            what = f"{item.name!r} is an input and a part of the state: name one of them otherwise in the invariants"
            yield Fault(where=f"{where}.inputs[{index}]", what=what)


def _case_faults(where: str, task: TaskSpecification, case: TestCase) -> Iterator[Fault]:
    methods = {method.name: method for method in methods_of(task)}
    if case.expected_output is not None:
        what = f"{case.name!r} gives expected_output: give calls, each with its own, and expected_state"
        yield Fault(where=where, what=what)
    if case.raises is None and bool(task.state) != (case.expected_state is not None):
        what = f"{case.name!r} must give expected_state" if task.state else f"{case.name!r} gives a state of none"
        yield Fault(where=where, what=what)
    for name in sorted({item.name for item in task.state} ^ set(case.expected_state or ())):
        if case.expected_state is not None:
            yield Fault(where=f"{where}.expected_state", what=f"{name!r} is in the state or in the example, not both")
    for number, step in enumerate(case.calls):
        place = f"{where}.calls[{number}]"
        method = methods.get(step.method)
        if method is None:
            yield Fault(where=place, what=f"{step.method!r} is none of the methods ({', '.join(methods)})")
            continue
        for name in sorted({item.name for item in method.inputs} ^ set(step.inputs)):
            yield Fault(where=f"{place}.inputs", what=f"{name!r} is an input of {method.name} or given, not both")
        if step.raises is not None and step.raises not in method.raises:
            what = f"{method.name} does not say that it raises {step.raises}: add it to its raises"
            yield Fault(where=place, what=what)
        if task.kind is TaskKind.HTTP_HANDLER:
            yield from _answer_faults(place, step.expected_output)


def _answer_faults(where: str, answer: object) -> Iterator[Fault]:
    if not isinstance(answer, dict) or set(answer) != _ANSWER:
        what = f"the answer to a request has {', '.join(sorted(_ANSWER))}"
        yield Fault(where=f"{where}.expected_output", what=what)
