"""What the coder's prompt says of each kind of task: what is written, how it is called, and how its examples read.

It writes no whole prompt. Of a function it says nothing: that is what every prompt is about unless it says otherwise.
"""

import json
from collections.abc import Sequence

from pydantic import JsonValue

from millwright.core.kinds import CALLS, RAISED, RESPONSE, own_inputs
from millwright.core.prompts.wording import examples, parameters, section
from schemas.specification import Method, TaskKind, TaskSpecification, TestCase
from schemas.values import RECORD_KEY

WHAT = {TaskKind.ASYNC_FUNCTION: "asynchronous function", TaskKind.CLASS: "class", TaskKind.FILE: "file"}
"""What is written of each kind, where it is no function."""

_HOW = {
    TaskKind.ASYNC_FUNCTION: (
        "- it is awaited in an event loop of its own for each call",
        "- asyncio may be imported; nothing may block: wait with asyncio.sleep",
    ),
    TaskKind.FILE: (
        "- the fenced block is the file, whole and as it is to be delivered",
        "- links into the file itself and to files beside it must lead somewhere",
    ),
    TaskKind.CLASS: (
        "- an object is made, and its methods are called in any order; a refused call changes nothing",
        "- only the methods above are called and only the state above is read; keep everything else private",
    ),
    TaskKind.COMMAND: (
        "- it reads standard input from sys.stdin, prints to standard output, and returns the exit status",
        "- sys and argparse may be imported; complaints go to sys.stderr; no exception may leave it",
    ),
    TaskKind.HTTP_HANDLER: (
        "- it returns a new WSGI application (PEP 3333), which a server is really started with; what the application"
        " remembers lives in it and not in the module",
        "- a body has environ['CONTENT_LENGTH'] bytes, or none; read no more from environ['wsgi.input']",
        "- answer with a Content-Type; JSON is application/json in UTF-8; a path that is not known is 404",
        "- http.HTTPStatus and the types of wsgiref.types may be imported; the types are already",
    ),
}


def how_called(task: TaskSpecification) -> list[str]:
    """Say how a task's code is called."""
    return list(_HOW.get(task.kind, ()))


def interface_sections(task: TaskSpecification) -> str:
    """Write what is given and what comes back."""
    given = section("Inputs", parameters(own_inputs(task)))
    if task.kind is TaskKind.CLASS:
        return given + section("Methods", _methods(task.methods)) + section("State", parameters(task.state))
    if task.kind is TaskKind.HTTP_HANDLER:
        return given + section("Requests", _methods(task.methods))
    if task.kind is TaskKind.COMMAND:
        return given
    if task.kind is TaskKind.FILE:
        return section("Content", [f"- {task.content or 'Any'}"])
    return given + section("Output", parameters(task.outputs))


def examples_of(task: TaskSpecification) -> list[str]:
    """Write a task's examples, one a line."""
    if task.kind not in (TaskKind.CLASS, TaskKind.HTTP_HANDLER):
        return examples(task.name, task.test_cases)
    return [_sequence(task, case) for case in task.test_cases]


def _methods(methods: Sequence[Method]) -> list[str]:
    lines = []
    for method in methods:
        what = f"{method.request}, as {method.name}" if method.request else method.name
        lines.append(f"- {what}" + (f": {method.description}" if method.description else ""))
        lines += [f"  {line}" for line in parameters(method.inputs)]
        if method.raises:
            lines.append(f"  - raises {', '.join(method.raises)}")
    return lines


def _sequence(task: TaskSpecification, case: TestCase) -> str:
    given = {name: value for name, value in case.inputs.items() if name != CALLS}
    made = f"- {task.name}({_listed(given)})"
    calls = case.inputs.get(CALLS)
    if case.raises is not None:
        return f"{made} raises {case.raises}"
    expected = case.expected_output if isinstance(case.expected_output, dict) else {}
    outcomes = expected.get("outcomes")
    steps = [made]
    if isinstance(calls, list) and isinstance(outcomes, list):
        steps += [_step(call, outcome) for call, outcome in zip(calls, outcomes, strict=False)]
    state = expected.get("state")
    if isinstance(state, dict):
        steps.append(f"then {', '.join(f'{name} == {_json(value)}' for name, value in state.items())}")
    return "; ".join(steps)


def _step(call: JsonValue, outcome: JsonValue) -> str:
    if not isinstance(call, dict) or not isinstance(outcome, dict):
        return _json(call)
    given = {name: value for name, value in call.items() if name != RECORD_KEY}
    made = f"{call.get(RECORD_KEY)}({_listed(given)})"
    match outcome.get(RECORD_KEY):
        case kind if kind == RAISED:
            return f"{made} raises {outcome.get('error')}"
        case kind if kind == RESPONSE:
            answer = f"{outcome.get('status')} {outcome.get('content_type')} {_json(outcome.get('body'))}"
            return f"{made} answers {answer}"
        case _:
            return f"{made} returns {_json(outcome.get('value'))}"


def _listed(given: dict[str, JsonValue]) -> str:
    return ", ".join(f"{name}={_json(value)}" for name, value in given.items())


def _json(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False)
