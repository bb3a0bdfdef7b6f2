"""A specification's examples as calls, and whether an outcome is the one that an example demands.

Expected outcomes stay on this side of the sandbox.
"""

from millwright.core.signature import equal
from millwright.core.specification import input_types, result_type
from schemas.execution import Outcome, OutcomeKind
from schemas.specification import TaskSpecification, TestCase
from schemas.values import Value, decode_json


def example_calls(task: TaskSpecification) -> tuple[tuple[Value, ...], ...]:
    """Return the argument lists of a task's examples, in the order of its inputs."""
    records = {record.name: record for record in task.known_records}
    types = input_types(task)
    return tuple(
        tuple(decode_json(case.inputs[item.name], of, records) for item, of in zip(task.inputs, types, strict=True))
        for case in task.test_cases
    )


def accepts(task: TaskSpecification, case: TestCase, outcome: Outcome) -> bool:
    """Say whether an outcome is what an example demands: an equal value, or an exception of the named class."""
    if case.raises is not None:
        return outcome.kind is OutcomeKind.RAISED and case.raises in (outcome.exception, *outcome.exception_bases)
    if outcome.kind is not OutcomeKind.RETURNED or outcome.value is None:
        return False
    of = result_type(task)
    records = {record.name: record for record in task.known_records}
    return equal(outcome.value, decode_json(case.expected_output, of, records), of, case.tolerance, records)
