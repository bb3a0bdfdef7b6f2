"""Which inputs a specification promises: those that satisfy its preconditions and, before the call, its invariants.

It evaluates nothing: it asks for the evaluation, and reads the answer.
"""

from collections.abc import Sequence

from millwright.core.verification.evidence import Arguments, input_names
from schemas.execution import Binding, ConditionReport, ConditionRequest, Truth
from schemas.specification import TaskSpecification
from schemas.verification import Finding, Severity

_ENOUGH = 10
"""Accepted inputs below which a warning is due, given that there were twice as many."""


def precondition_request(task: TaskSpecification, inputs: Sequence[Arguments]) -> ConditionRequest | None:
    """Ask which inputs are promised; None when the task promises to take them all, or there are none."""
    return _request(task, tuple(item.expression for item in task.preconditions + task.invariants), inputs)


def admission_request(task: TaskSpecification, inputs: Sequence[Arguments]) -> ConditionRequest | None:
    """Ask as ``precondition_request`` does, for inputs that nobody drew: the inputs' own constraints are asked too."""
    constraints = tuple(text for parameter in task.inputs for text in parameter.constraints)
    promised = tuple(item.expression for item in task.preconditions + task.invariants)
    return _request(task, constraints + promised, inputs)


def _request(
    task: TaskSpecification, expressions: tuple[str, ...], inputs: Sequence[Arguments]
) -> ConditionRequest | None:
    if not expressions or not inputs:
        return None
    names = input_names(task)
    bindings = []
    for arguments in inputs:
        values = dict(zip(names, arguments, strict=True))
        bindings.append(Binding(names=values, old=values))
    return ConditionRequest(expressions=expressions, bindings=tuple(bindings), records=task.known_records)


def accepted(inputs: Sequence[Arguments], report: ConditionReport) -> tuple[Arguments, ...]:
    """Keep the inputs for which every condition is true; an undefined one does not count as true."""
    kept = zip(inputs, report.truths, strict=True)
    return tuple(arguments for arguments, truths in kept if all(truth is Truth.TRUE for truth in truths))


def few_inputs(kept: int, considered: int) -> tuple[Finding, ...]:
    """Warn where nearly all of many inputs are outside the promise: then a pass says little."""
    if considered < 2 * _ENOUGH or kept >= _ENOUGH:
        return ()
    message = f"the preconditions accept {kept} of the {considered} inputs only; little was tried"
    return (Finding(code="few-inputs", message=message, severity=Severity.WARNING),)
