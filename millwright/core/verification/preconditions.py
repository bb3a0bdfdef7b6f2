"""Which inputs a specification promises: those that satisfy its preconditions and, before the call, its invariants.

It evaluates nothing: it asks for the evaluation, and reads the answer.
"""

from collections.abc import Sequence

from millwright.core.verification.evidence import Arguments, input_names
from schemas.execution import Binding, ConditionReport, ConditionRequest, Truth
from schemas.specification import TaskSpecification


def precondition_request(task: TaskSpecification, inputs: Sequence[Arguments]) -> ConditionRequest | None:
    """Ask which inputs are promised; None when the task promises to take them all, or there are none."""
    conditions = task.preconditions + task.invariants
    if not conditions or not inputs:
        return None
    names = input_names(task)
    bindings = []
    for arguments in inputs:
        values = dict(zip(names, arguments, strict=True))
        bindings.append(Binding(names=values, old=values))
    return ConditionRequest(
        expressions=tuple(condition.expression for condition in conditions),
        bindings=tuple(bindings),
        records=task.records,
    )


def accepted(inputs: Sequence[Arguments], report: ConditionReport) -> tuple[Arguments, ...]:
    """Keep the inputs for which every condition is true; an undefined one does not count as true."""
    kept = zip(inputs, report.truths, strict=True)
    return tuple(arguments for arguments, truths in kept if all(truth is Truth.TRUE for truth in truths))
