"""Whether the examples of task specifications can be decoded, agree with one another, and keep to the conditions.

It only writes the questions and reads the answers: expressions are evaluated by the sandbox.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from millwright.core.kinds import as_called
from millwright.core.specification_vocabulary import Vocabulary, input_types, known_type, result_type, vocabulary_of
from schemas.execution import Binding, ConditionReport, ConditionRequest, Truth
from schemas.expressions import names_used
from schemas.specification import Fault, Record, SpecificationDocument, TaskSpecification, TestCase
from schemas.types import Kind, Type, parse_type
from schemas.values import Value, canonical_text, decode_json

_CHANGEABLE = frozenset({Kind.LIST, Kind.SET, Kind.DICT, Kind.ANY})


@dataclass(frozen=True)
class ExampleCheck:
    """One request to the sandbox; ``places`` say where its bindings stand in the file, ``rules`` its expressions."""

    request: ConditionRequest
    places: tuple[str, ...]
    rules: tuple[str, ...]


def example_faults(where: str, task: TaskSpecification, vocabulary: Vocabulary) -> Iterator[Fault]:
    """Yield every fault of a task's examples that can be seen without evaluating anything."""
    expected: dict[tuple[str, ...], tuple[str, str]] = {}
    for index, case in enumerate(task.test_cases):
        place = f"{where}[{index}]"
        faults: list[Fault] = []
        arguments = _decode_inputs(place, task, case, vocabulary.records, faults)
        outcome = _decode_outcome(place, task, case, vocabulary, faults)
        yield from faults
        if arguments is None or outcome is None or case.tolerance is not None:
            continue
        key = tuple(map(canonical_text, arguments.values()))
        name, first = expected.setdefault(key, (case.name, outcome))
        if first != outcome:
            yield Fault(
                where=place, what=f"the examples {name!r} and {case.name!r} expect different things of equal inputs"
            )


def examples_to_check(document: SpecificationDocument) -> tuple[ExampleCheck, ...]:
    """Return what the sandbox must evaluate to know that the examples satisfy the conditions beside them."""
    checks: list[ExampleCheck] = []
    for index, task in enumerate(map(as_called, document.tasks)):
        vocabulary = vocabulary_of(document, task)
        complete = task.model_copy(update={"records": tuple(vocabulary.records.values())})
        checks += _checks_of(f"tasks[{index}].test_cases", complete, vocabulary)
    return tuple(check for check in checks if check.places and check.rules)


def condition_faults(checks: Sequence[ExampleCheck], reports: Sequence[ConditionReport]) -> tuple[Fault, ...]:
    """List the examples that break a constraint, a precondition or a postcondition, given a report for each check."""
    faults: list[Fault] = []
    for check, report in zip(checks, reports, strict=True):
        for place, truths in zip(check.places, report.truths, strict=True):
            for rule, truth in zip(check.rules, truths, strict=True):
                if truth is Truth.FALSE:
                    faults.append(Fault(where=place, what=f"the example breaks the {rule}"))
                elif truth is Truth.LOST:
                    what = f"the {rule} cannot be evaluated for the example within its time and memory"
                    faults.append(Fault(where=place, what=what))
                elif truth is Truth.UNDEFINED:
                    faults.append(
                        Fault(where=place, what=f"the example leaves the {rule} undefined (it raised, or is no bool)")
                    )
    return tuple(faults)


def _checks_of(where: str, task: TaskSpecification, vocabulary: Vocabulary) -> list[ExampleCheck]:
    before: list[tuple[str, Binding]] = []
    after: list[tuple[str, Binding]] = []
    for index, case in enumerate(task.test_cases):
        place = f"{where}[{index}]"
        inputs = _decode_inputs(place, task, case, vocabulary.records, [])
        if inputs is None:
            continue
        before.append((place, Binding(names=inputs)))
        result = _result(place, task, case, vocabulary)
        if result is not None:
            after.append((place, Binding(names={**inputs, "result": result}, old=inputs)))
    return [_check(task, _demands(task), before), _check(task, _promises(task), after)]


def _check(task: TaskSpecification, rules: list[tuple[str, str]], rows: list[tuple[str, Binding]]) -> ExampleCheck:
    request = ConditionRequest(
        expressions=tuple(expression for _, expression in rules),
        bindings=tuple(binding for _, binding in rows),
        records=task.records,
    )
    named = tuple(f"{kind} {expression!r}" for kind, expression in rules)
    return ExampleCheck(request, tuple(place for place, _ in rows), named)


def _demands(task: TaskSpecification) -> list[tuple[str, str]]:
    constraints = [("constraint", text) for parameter in task.inputs for text in parameter.constraints]
    return constraints + [("precondition", condition.expression) for condition in task.preconditions]


def _promises(task: TaskSpecification) -> list[tuple[str, str]]:
    """Return the postconditions that an example settles without knowing what the call does to its arguments."""
    records = {record.name: record for record in task.known_records}
    types = zip(task.inputs, input_types(task), strict=True)
    changeable = {parameter.name for parameter, of in types if _may_change(of, records)}
    return [
        ("postcondition", condition.expression)
        for condition in task.postconditions
        if not changeable & names_used(condition.expression)
    ]


def _may_change(of: Type, records: dict[str, Record]) -> bool:
    if of.kind is Kind.RECORD:
        fields = records[of.name].fields
        return any(_may_change(parse_type(field.type_annotation, records), records) for field in fields)
    return of.kind in _CHANGEABLE or any(_may_change(argument, records) for argument in of.arguments)


def _result(where: str, task: TaskSpecification, case: TestCase, vocabulary: Vocabulary) -> Value | None:
    """Return what the example says is returned; None if it raises, or is known only within a tolerance."""
    if case.raises is not None or case.tolerance is not None:
        return None
    if _decode_outcome(where, task, case, vocabulary, []) is None:
        return None
    return decode_json(case.expected_output, result_type(task), vocabulary.records)


def _decode_inputs(
    where: str, task: TaskSpecification, case: TestCase, records: dict[str, Record], faults: list[Fault]
) -> dict[str, Value] | None:
    """Decode an example's inputs in the order of the task's; None, with the reasons in ``faults``, if any does not fit.

    An input whose own type cannot be parsed gives no fault here.
    """
    before = len(faults)
    given, known = set(case.inputs), {parameter.name for parameter in task.inputs}
    for name in sorted(given - known):
        faults.append(Fault(where=f"{where}.inputs", what=f"{case.name!r} gives {name!r}, which is not an input"))
    values: dict[str, Value] = {}
    for parameter in task.inputs:
        if parameter.name not in given:
            faults.append(Fault(where=f"{where}.inputs", what=f"{case.name!r} lacks the input {parameter.name!r}"))
            continue
        of = known_type(parameter, records)
        if of is None:
            continue
        place = f"{where}.inputs.{parameter.name}"
        try:
            values[parameter.name] = decode_json(case.inputs[parameter.name], of, records, parameter.name)
        except (ValueError, OverflowError) as fault:
            faults.append(Fault(where=place, what=str(fault)))
    return values if len(faults) == before and len(values) == len(task.inputs) else None


def _decode_outcome(
    where: str, task: TaskSpecification, case: TestCase, vocabulary: Vocabulary, faults: list[Fault]
) -> str | None:
    """Write what an example expects as text that is equal for equal outcomes; None if it cannot be decoded."""
    if case.raises is not None:
        if case.raises not in vocabulary.exceptions:
            what = f"{case.raises!r} is neither a built-in exception nor a declared error"
            faults.append(Fault(where=f"{where}.raises", what=what))
            return None
        return f"raises {case.raises}"
    types = [known_type(parameter, vocabulary.records) for parameter in task.outputs]
    if None in types:
        return None
    of = result_type(task.model_copy(update={"records": tuple(vocabulary.records.values())}))
    try:
        return canonical_text(decode_json(case.expected_output, of, vocabulary.records, "expected_output"))
    except (ValueError, OverflowError) as fault:
        faults.append(Fault(where=f"{where}.expected_output", what=str(fault)))
        return None
