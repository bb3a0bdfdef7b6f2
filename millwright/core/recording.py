"""Which calls a node's glue makes of the node's parts: a program that records them, and how its answer is read.

It runs nothing. The program stands beside code that nobody trusts, so only arguments are taken from its answer, and
only those of the declared types: what a part gives for them is asked of the part alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from millwright.core.literals import fitted, written_json
from millwright.core.settling import inputs_by_name, tolerance_of
from millwright.core.signature import equal, records_of
from millwright.core.specification import input_types, result_type
from millwright.core.specification_vocabulary import BUILTIN_EXCEPTIONS
from millwright.core.verification.evidence import Arguments
from millwright.core.verification.shrinking import fits
from schemas.claims import digest_of_values
from schemas.execution import Outcome, OutcomeKind
from schemas.specification import Record, TaskSpecification, TestCase
from schemas.types import Kind, Type
from schemas.values import Value

MOST_CALLS = 12
"""Different calls of one part that are looked at, the first ones first."""

RECORDER = "recorder_of_calls"
"""The module, and the function in it, that calls the glue and returns the calls that it made."""

_PYTHON = '''"""Calls a function with its parts watched, and returns which part was called with what."""

import copy
import importlib
import inspect
import sys

OWNER, NAME, PARTS, PACKAGE = {owner!r}, {name!r}, {parts!r}, {package!r}
calls = []


def watched(number, function):
    """Wrap a part: note its arguments as they are before the call, in the order of its parameters."""
    signature = inspect.signature(function)

    def call(*args, **kwargs):
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        if len(calls) < 400:
            calls.append((number, copy.deepcopy(list(bound.arguments.values()))))
        return function(*args, **kwargs)

    return call


owner = importlib.import_module(OWNER)
for number, (module, name) in enumerate(PARTS):
    function = getattr(importlib.import_module(module), name)
    wrapper = watched(number, function)
    for key, other in list(sys.modules.items()):
        if (key == PACKAGE or key.startswith(PACKAGE + ".")) and getattr(other, name, None) is function:
            setattr(other, name, wrapper)


def recorder_of_calls(*args):
    """Call it, however it ends, and return the calls of its parts."""
    calls.clear()
    try:
        getattr(owner, NAME)(*args)
    except Exception:  # what it raises is looked at elsewhere
        pass
    return list(calls)
'''


@dataclass(frozen=True)
class PartCalled:
    """A part that may be called: where its function is found, and what it promises."""

    module: str
    task: TaskSpecification


def recorder(language: str, package: str, owner: str, name: str, parts: Sequence[PartCalled]) -> dict[str, str] | None:
    """Write the modules that record the calls of parts; None where no recorder is written for the language."""
    if language != "python":
        return None
    found = [(part.module, part.task.name) for part in parts]
    text = _PYTHON.format(owner=owner, name=name, parts=found, package=package)
    return {f"{RECORDER}.py": text}


def recorded(outcomes: Sequence[Outcome], parts: Sequence[PartCalled]) -> tuple[tuple[Arguments, ...], ...]:
    """Read the recorder's answers: of each part the different argument lists of its types, in order of first call."""
    found: list[dict[str, Arguments]] = [{} for _ in parts]
    for outcome in outcomes:
        match outcome.kind, outcome.value:
            case OutcomeKind.RETURNED, ["list", list() as calls]:
                for call in calls:
                    _take(call, parts, found)
    return tuple(tuple(kept.values())[:MOST_CALLS] for kept in found)


def _take(call: object, parts: Sequence[PartCalled], found: Sequence[dict[str, Arguments]]) -> None:
    match call:
        case ["tuple", [["int", str(digits)], ["list", list() as given]]] if digits.isdecimal():
            number = int(digits) if len(digits) < 6 else len(parts)
            arguments = _typed(given, parts[number].task) if number < len(parts) else None
            if arguments is not None:
                found[number].setdefault(digest_of_values(arguments), arguments)


def _typed(given: Sequence[object], task: TaskSpecification) -> Arguments | None:
    types, records = input_types(task), records_of(task)
    if len(given) != len(types):
        return None
    typed = [as_type(value, of, records) for value, of in zip(given, types, strict=True) if isinstance(value, list)]
    kept = [value for value in typed if value is not None]
    return tuple(kept) if len(kept) == len(types) else None


def as_type(value: Value, of: Type, records: Mapping[str, Record]) -> Value | None:
    """Return a value as one of the type: where a float is declared an int is one. None where it is not of the type."""
    if fits(value, of, records):
        return value
    try:
        return fitted(value, of)
    except (LookupError, TypeError, ValueError):
        return None  # it has no form that any value has


def strange_result(task: TaskSpecification, outcome: Outcome) -> bool:
    """Say whether a call returned what is not of the declared type; records are looked at by the type checker alone."""
    of = result_type(task)
    if outcome.kind is not OutcomeKind.RETURNED or outcome.value is None or _holds_record(of):
        return False
    return as_type(outcome.value, of, records_of(task)) is None


def _holds_record(of: Type) -> bool:
    return of.kind is Kind.RECORD or any(map(_holds_record, of.arguments))


def same_outcome(task: TaskSpecification, a: Outcome, b: Outcome) -> bool:
    """Say whether two calls did the same, by the type of the result; of one that was lost nothing is known."""
    if OutcomeKind.LOST in (a.kind, b.kind):
        return True
    if a.kind is not b.kind:
        return False
    if a.value is None or b.value is None:
        return a.exception == b.exception
    return equal(a.value, b.value, result_type(task), None, records_of(task))


def failing_case(task: TaskSpecification, arguments: Arguments, wanted: Outcome, why: str) -> TestCase | None:
    """Make an example of a call and the outcome that is wanted of it; None where JSON cannot say it.

    Floats may lie a little off, as with every example that nobody wrote by hand.
    """
    fields: dict[str, object] = {"name": f"integrated_{digest_of_values(arguments)[:8]}", "description": why}
    try:
        fields["inputs"] = inputs_by_name(arguments, task)
        if wanted.kind is OutcomeKind.RETURNED and wanted.value is not None:
            value = as_type(wanted.value, result_type(task), records_of(task)) or wanted.value
            fields["expected_output"] = written_json(value, result_type(task), records_of(task))
            fields["tolerance"] = tolerance_of(value)
        elif wanted.exception in BUILTIN_EXCEPTIONS | {error.name for error in task.errors}:
            fields["raises"] = wanted.exception
        else:
            return None
        return TestCase.model_validate(fields)
    except (ValueError, OverflowError):
        return None
