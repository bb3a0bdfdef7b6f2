"""Layer 3: postconditions and invariants hold for every promised input that was tried.

An exception or a time-out on an input is behaviour and no breach: the examples are the next layer's, the votes compare
the rest. After a few time-outs no more is tried. Symbolic search for counter-examples is not done here.
"""

from dataclasses import dataclass

from millwright.core.verification.evidence import (
    MOST_LOST,
    Arguments,
    every_input,
    input_names,
    program,
    shown_call,
    shown_outcome,
)
from millwright.core.verification.language import Language
from millwright.core.verification.layer import Needs, Plan, Result, Settled, Subject, judged, not_applicable
from millwright.core.verification.preconditions import accepted, precondition_request
from millwright.core.verification.reports import calls, conditions
from schemas.execution import Binding, CallRequest, ConditionRequest, Outcome, OutcomeKind, Truth
from schemas.expressions import names_used
from schemas.identity import LayerName
from schemas.specification import Condition, TaskSpecification
from schemas.values import Value
from schemas.verification import Finding

_MOST_FINDINGS = 5


@dataclass(frozen=True)
class _Promised:
    """Waiting to know which inputs are promised."""

    inputs: tuple[Arguments, ...]


@dataclass(frozen=True)
class _Called:
    """Waiting for the calls on the promised inputs."""

    inputs: tuple[Arguments, ...]


@dataclass(frozen=True)
class _Check:
    """Some conditions, and the calls for which they are evaluated."""

    conditions: tuple[Condition, ...]
    seen: tuple[tuple[Arguments, Outcome], ...]


@dataclass(frozen=True)
class _Evaluated:
    """Waiting for the conditions after the calls."""

    checks: tuple[_Check, ...]


class ContractsLayer:
    """Rejects a candidate that breaks a postcondition or an invariant."""

    name = LayerName.CONTRACTS

    def plan(self, subject: Subject, language: Language) -> Plan:
        """Ask which inputs are promised, or call at once where all are."""
        task = subject.task
        if not task.postconditions and not task.invariants:
            return not_applicable(self.name, "the specification has no postconditions and no invariants")
        inputs = every_input(subject)
        if not inputs:
            return not_applicable(self.name, "there are no examples and no inputs to try")
        request = precondition_request(task, inputs)
        if request is None:
            return self._call(subject, inputs)
        return Needs((request,), state=_Promised(inputs))

    def judge(self, subject: Subject, needs: Needs, results: tuple[Result, ...], language: Language) -> Plan:
        """Go on from promised inputs to calls, from calls to conditions, and from those to the verdict."""
        match needs.state, needs.requests:
            case _Promised(inputs), (ConditionRequest() as request,):
                return self._call(subject, accepted(inputs, conditions(results[0], request)))
            case _Called(inputs), _:
                return self._evaluate(subject, inputs, results[0], language)
            case _Evaluated(checks), requests:
                return self._verdict(subject, checks, requests, results, language)
        raise AssertionError("the contracts layer was given a state that is not its own")

    def _call(self, subject: Subject, inputs: tuple[Arguments, ...]) -> Plan:
        if not inputs:
            return not_applicable(self.name, "no input that was tried satisfies the preconditions")
        whole = program(subject, len(subject.task.test_cases))
        request = CallRequest(program=whole, calls=inputs, lost_limit=MOST_LOST)
        return Needs((request,), state=_Called(inputs))

    def _evaluate(self, subject: Subject, inputs: tuple[Arguments, ...], result: Result, language: Language) -> Plan:
        report = calls(result, len(inputs))
        if report.load_error is not None:
            return self._not_loaded(subject, report.load_error, language)
        task = subject.task
        seen = tuple(zip(inputs, report.outcomes, strict=True))
        returned = tuple(pair for pair in seen if pair[1].kind is OutcomeKind.RETURNED)
        raised = tuple(pair for pair in seen if pair[1].kind is OutcomeKind.RAISED)
        lasting = tuple(condition for condition in task.invariants if "result" not in names_used(condition.expression))
        wanted = (_Check(task.postconditions + task.invariants, returned), _Check(lasting, raised))
        checks = tuple(check for check in wanted if check.conditions and check.seen)
        if not checks:
            return not_applicable(self.name, "no call that was tried returned a value")
        return Needs(tuple(_request(task, check) for check in checks), state=_Evaluated(checks))

    def _not_loaded(self, subject: Subject, error: str, language: Language) -> Settled:
        line = language.definition_line(subject.source, subject.task.name)
        return judged(self.name, [Finding(code="does-not-load", message=f"importing it fails: {error}", line=line)])

    def _verdict(
        self,
        subject: Subject,
        checks: tuple[_Check, ...],
        requests: tuple[object, ...],
        results: tuple[Result, ...],
        language: Language,
    ) -> Plan:
        findings: list[Finding] = []
        line = language.definition_line(subject.source, subject.task.name)
        for check, request, result in zip(checks, requests, results, strict=True):
            if isinstance(request, ConditionRequest):
                truths = conditions(result, request).truths
                findings.extend(_breaches(subject.task, check, truths, line))
        return judged(self.name, findings[:_MOST_FINDINGS])


def _request(task: TaskSpecification, check: _Check) -> ConditionRequest:
    return ConditionRequest(
        expressions=tuple(condition.expression for condition in check.conditions),
        bindings=tuple(_binding(task, arguments, outcome) for arguments, outcome in check.seen),
        records=task.records,
    )


def _binding(task: TaskSpecification, arguments: Arguments, outcome: Outcome) -> Binding:
    """Bind the inputs as the call left them, ``old`` as they were, and the result under its names."""
    before = dict(zip(input_names(task), arguments, strict=True))
    after = dict(zip(input_names(task), outcome.arguments_after, strict=False))
    result: dict[str, Value] = {}
    if outcome.value is not None:
        result = {"result": outcome.value}
    return Binding(names={**before, **after, **result}, old=before)


def _breaches(
    task: TaskSpecification, check: _Check, truths: tuple[tuple[Truth, ...], ...], line: int | None
) -> list[Finding]:
    """Name the first input that breaks each condition."""
    found: list[Finding] = []
    for index, condition in enumerate(check.conditions):
        for (arguments, outcome), row in zip(check.seen, truths, strict=True):
            if row[index] is not Truth.TRUE:
                what = "does not hold" if row[index] is Truth.FALSE else "has no truth value"
                place = f"{shown_call(task, arguments)} gave {shown_outcome(outcome)}"
                message = f"{condition.name} ({condition.expression}) {what}: {place}"
                code = "broken" if row[index] is Truth.FALSE else "undefined"
                found.append(Finding(code=f"contract-{code}", message=message, line=line))
                break
    return found
