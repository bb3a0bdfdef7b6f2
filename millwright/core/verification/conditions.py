"""What is asked of the evaluator after calls, and how its answer is read: which conditions hold of which outcomes.

It evaluates nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from millwright.core.verification.evidence import Arguments, input_names
from millwright.core.verification.remembered import remembered
from schemas.execution import Binding, ConditionReport, ConditionRequest, Outcome, OutcomeKind, Truth
from schemas.expressions import names_used
from schemas.specification import Condition, TaskSpecification
from schemas.values import Value

Seen = tuple[Arguments, Outcome]
"""A call's arguments and what came of it."""


@dataclass(frozen=True)
class Check:
    """Some conditions, and the calls after which they must hold."""

    conditions: tuple[Condition, ...]
    seen: tuple[Seen, ...]

    def request(self, task: TaskSpecification) -> ConditionRequest:
        """Ask for the truth of every condition after every call."""
        return _request(self, task)

    def failing(self, report: ConditionReport) -> Iterator[tuple[Condition, Seen, Truth]]:
        """Give, condition by condition, each call after which it is false or has no truth value."""
        for index, condition in enumerate(self.conditions):
            for seen, row in zip(self.seen, report.truths, strict=True):
                if row[index] is not Truth.TRUE and row[index] is not Truth.LOST:
                    yield condition, seen, row[index]

    def lost(self, report: ConditionReport) -> Iterator[tuple[Condition, Seen]]:
        """Give, condition by condition, each call after which the evaluator was lost over it."""
        for index, condition in enumerate(self.conditions):
            for seen, row in zip(self.seen, report.truths, strict=True):
                if row[index] is Truth.LOST:
                    yield condition, seen


@remembered
def _request(check: Check, task: TaskSpecification) -> ConditionRequest:
    names = input_names(task)
    return ConditionRequest(
        expressions=tuple(condition.expression for condition in check.conditions),
        bindings=tuple(_binding(names, arguments, outcome) for arguments, outcome in check.seen),
        records=task.known_records,
    )


def checks(task: TaskSpecification, seen: Sequence[Seen]) -> tuple[Check, ...]:
    """Say what must hold after the calls: after a value, everything; after an exception, invariants without a result.

    After a lost call nothing is known.
    """
    returned = tuple(pair for pair in seen if pair[1].kind is OutcomeKind.RETURNED)
    raised = tuple(pair for pair in seen if pair[1].kind is OutcomeKind.RAISED)
    wanted = (Check(task.postconditions + task.invariants, returned), Check(_lasting(task), raised))
    return tuple(check for check in wanted if check.conditions and check.seen)


@remembered
def _lasting(task: TaskSpecification) -> tuple[Condition, ...]:
    """Return the invariants that speak of no result."""
    return tuple(item for item in task.invariants if "result" not in names_used(item.expression))


def _binding(inputs: Sequence[str], arguments: Arguments, outcome: Outcome) -> Binding:
    """Bind the inputs as the call left them, ``old`` as they were, and the result."""
    before = dict(zip(inputs, arguments, strict=True))
    names: dict[str, Value] = {**before, **dict(zip(inputs, outcome.arguments_after, strict=False))}
    if outcome.value is not None:
        names["result"] = outcome.value
    # All of it is checked values; there are as many bindings as calls, of every candidate.
    return Binding.model_construct(names=names, old=before)
