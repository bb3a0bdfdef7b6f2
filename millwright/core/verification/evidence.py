"""What the layers that run a candidate share: examples, programs, limits, and how a value is shown to a person.

It judges nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from pydantic import JsonValue

from millwright.core.kinds import called
from millwright.core.signature import records_of
from millwright.core.specification_vocabulary import result_type
from millwright.core.verification.file_formats import reader
from millwright.core.verification.language import Language
from millwright.core.verification.layer import Subject
from millwright.core.verification.remembered import remembered
from millwright.errors import SpecificationInvalid
from schemas.execution import CallReport, Ending, Limits, Outcome, OutcomeKind, Program
from schemas.specification import Fault, TaskKind, TaskSpecification, TestCase
from schemas.types import Type, TypeSyntaxError, parse_type
from schemas.values import Value, ValueFault, decode_json
from schemas.verification import Finding, InputOrigin, InputSet, printable

Arguments = tuple[Value, ...]

LONGEST_SHOWN = 160
"""Characters of a value in a finding: enough to repair by, too few to flood a prompt."""

MOST_LOST = 2
"""Lost calls after which no further input is tried: each may cost the whole time of a call."""

MOST_FINDINGS = 5
"""Findings of one kind in a verdict: enough to repair by."""

_SLACK = 2.0
_LEAST_SECONDS = 1.0
_GENERATED_SECONDS = 30.0
_START_SECONDS = 5.0
_MOST_SECONDS = 1300.0


@dataclass(frozen=True)
class Example:
    """A test case with its values decoded; ``expected`` is None where an exception is expected."""

    case: TestCase
    arguments: Arguments
    expected: Value | None


@remembered
def input_names(task: TaskSpecification) -> tuple[str, ...]:
    """Return the names of the task's inputs in order."""
    return tuple(parameter.name for parameter in task.inputs)


@remembered
def output_type(task: TaskSpecification) -> Type:
    """Return the type of the task's result. Raises SpecificationInvalid."""
    try:
        return result_type(task)
    except TypeSyntaxError as error:
        raise SpecificationInvalid([Fault(where=f"{task.id}.outputs", what=str(error))]) from error


@remembered
def examples(task: TaskSpecification) -> tuple[Example, ...]:
    """Decode the task's test cases by the declared types.

    Raises:
        SpecificationInvalid: a value does not fit its type, an input is missing, or a type cannot be parsed.
    """
    decoded: list[Example] = []
    faults: list[Fault] = []
    for index, case in enumerate(task.test_cases):
        try:
            decoded.append(_decoded(task, case))
        except (ValueFault, TypeSyntaxError) as error:
            faults.append(Fault(where=f"{task.id}.test_cases[{index}]", what=str(error)))
        except KeyError as error:
            faults.append(Fault(where=f"{task.id}.test_cases[{index}]", what=f"no value is given for {error}"))
    if faults:
        raise SpecificationInvalid(faults)
    return tuple(decoded)


def _decoded(task: TaskSpecification, case: TestCase) -> Example:
    records = records_of(task)
    arguments = tuple(
        decode_json(case.inputs[item.name], parse_type(item.type_annotation, records), records, item.name)
        for item in task.inputs
    )
    if case.raises is not None:
        return Example(case, arguments, None)
    return Example(case, arguments, decode_json(case.expected_output, result_type(task), records, "expected_output"))


def every_input(subject: Subject) -> tuple[Arguments, ...]:
    """Return the examples' arguments, then the boundary and generated inputs; a task without inputs has one call.

    Sized inputs are left out: they are for timing alone.
    """
    return _every(subject.task, subject.inputs)


@remembered
def _every(task: TaskSpecification, inputs: InputSet) -> tuple[Arguments, ...]:
    own = tuple(example.arguments for example in examples(task))
    every = own + tuple(vector.arguments for vector in inputs.vectors if vector.origin is not InputOrigin.SIZED)
    return every or (() if task.inputs else ((),))


@remembered
def program(subject: Subject, of_examples: int) -> Program:
    """Describe the candidate for the sandbox: time for that many examples at their full limit, and a bounded rest.

    A call may run beyond the specification's time limit, so that the performance layer says what is slow, and a busy
    machine does not.
    """
    call_seconds = _SLACK * subject.task.timeout_ms / 1000 + _LEAST_SECONDS
    whole = min(_MOST_SECONDS, call_seconds * max(1, of_examples) + _GENERATED_SECONDS)
    limits = Limits(call_seconds=call_seconds, wall_seconds=whole + _START_SECONDS, cpu_seconds=whole)
    if subject.task.kind is TaskKind.FILE:
        return file_program(subject.task, subject.source, limits)
    return Program(
        language=subject.task.target_language,
        modules=dict(subject.modules),
        module=subject.module,
        function=subject.task.name,
        records=subject.task.records,
        errors=subject.task.errors,
        records_module=subject.records_module,
        limits=limits,
        files=subject.task.grants.files,
        kind=subject.task.kind,
        methods=called(subject.task),
        state=tuple(item.name for item in subject.task.state),
        shapes=subject.task.shapes,
        packages=subject.task.grants.packages,
    )


def file_program(task: TaskSpecification, text: str, limits: Limits) -> Program:
    """Describe a file for the sandbox: what it says is the value of its only call."""
    return Program(
        modules={"reader.py": reader(task.target_language, text)}, module="reader", function="content", limits=limits
    )


def line_of(subject: Subject, language: Language, outcome: Outcome | None = None) -> int | None:
    """Return the line that a finding points at: where the outcome's exception was raised, else the definition."""
    return _pointed(subject, language, None if outcome is None else outcome.line)


def _pointed(subject: Subject, language: Language, line: int | None) -> int | None:
    """Return a reported line if the source has it, else the definition's."""
    if line is not None and 1 <= line <= subject.source.count("\n") + 1:
        return line
    return language.definition_line(subject.source, subject.task.name)


def not_loaded(subject: Subject, language: Language, error: str, line: int | None = None) -> Finding:
    """Say that the module cannot be imported, at the line that raised where it is known."""
    at = _pointed(subject, language, line)
    return Finding(code="does-not-load", message=f"importing it fails: {error}", line=at)


def ended(report: CallReport) -> str:
    """Say in words how a process ended that lost a call."""
    words: Mapping[Ending, str] = {
        Ending.TIMED_OUT: "it did not end within the time limit",
        Ending.OUT_OF_MEMORY: "it needed more memory than it may use",
        Ending.CRASHED: "it crashed",
        Ending.OUTPUT_LIMIT: "it returned more than may be returned",
        Ending.MALFORMED: "its answer was not well-formed",
        Ending.COMPLETED: "it ended the process",
    }
    return words[report.ending]


def shown_call(task: TaskSpecification, arguments: Sequence[Value]) -> str:
    """Show a call with its arguments by name, shortened."""
    pairs = zip(input_names(task), arguments, strict=False)
    return _short(f"{task.name}({', '.join(f'{name}={text(value)}' for name, value in pairs)})")


def shown(value: Value) -> str:
    """Show a value, shortened."""
    return _short(text(value))


def shown_outcome(outcome: Outcome) -> str:
    """Show what a call did, shortened."""
    match outcome.kind:
        case OutcomeKind.RETURNED if outcome.value is not None:
            return shown(outcome.value)
        case OutcomeKind.RAISED:
            message = f": {outcome.message}" if outcome.message else ""
            return _short(f"{outcome.exception}{message}")
        case _:
            return "no answer"


def _short(words: str) -> str:
    line = printable(" ".join(words.split()))
    return line if len(line) <= LONGEST_SHOWN else line[: LONGEST_SHOWN - 3] + "..."


def text(value: JsonValue) -> str:
    """Write a value as a person would in Python; no value is built and nothing is evaluated."""
    match value:
        case ["none"]:
            return "None"
        case ["bool", bool() as truth]:
            return str(truth)
        case ["int", str() as digits]:
            return digits
        case ["float", str() as digits]:
            return digits if digits in ("nan", "inf", "-inf") else repr(float.fromhex(digits))
        case ["str", str() as content]:
            return ascii(content) if not content.isprintable() else repr(content)
        case ["bytes", str() as encoded]:
            return f"bytes({encoded})"
        case ["object", str() as name]:
            return f"<{name}>"
        case _:
            return _container(cast(Value, value))


def _container(value: Value) -> str:
    match value:
        case ["list", list() as items]:
            return f"[{', '.join(map(text, items))}]"
        case ["tuple", list() as items]:
            return f"({', '.join(map(text, items))}{',' if len(items) == 1 else ''})"
        case ["set", list() as items]:
            return "{" + ", ".join(map(text, items)) + "}" if items else "set()"
        case ["dict", list() as pairs]:
            inner = (f"{text(key)}: {text(item)}" for key, item in cast(list[tuple[Value, Value]], pairs))
            return "{" + ", ".join(inner) + "}"
        case ["record", str() as name, list() as fields]:
            named = (f"{key}={text(item)}" for key, item in cast(list[tuple[str, Value]], fields))
            return f"{name}({', '.join(named)})"
        case _:
            return "<unreadable>"
