"""How findings about contracts and properties are worded; what was found is for others to find."""

from collections.abc import Sequence

from millwright.core.verification.counterexamples import Breach, Failure
from millwright.core.verification.evidence import line_of, shown_call, shown_outcome
from millwright.core.verification.language import Language
from millwright.core.verification.layer import Subject
from millwright.core.verification.trial import Seen
from schemas.execution import OutcomeKind, Truth
from schemas.verification import Finding, Severity

_ENOUGH = 10


def breach_finding(subject: Subject, language: Language, breach: Breach) -> Finding:
    """Say which condition is not true after which call."""
    code, what = ("broken", "does not hold") if breach.truth is Truth.FALSE else ("undefined", "has no truth value")
    place = f"{shown_call(subject.task, breach.arguments)} gave {shown_outcome(breach.outcome)}"
    message = f"{breach.condition.name} ({breach.condition.expression}) {what}: {place}"
    return Finding(code=f"contract-{code}", message=message, line=line_of(subject, language, breach.outcome))


def failure_finding(subject: Subject, language: Language, failure: Failure) -> Finding:
    """Say which property does not hold for which input, and why."""
    place = shown_call(subject.task, failure.arguments) if failure.arguments or not subject.task.inputs else "an input"
    message = f"{failure.property.name} does not hold for {place}: {failure.reason}"
    return Finding(code="property-fails", message=message, line=line_of(subject, language, failure.outcome))


def malformed_finding(subject: Subject, language: Language, what: str) -> Finding:
    """Say that nothing which the candidate answered can be believed."""
    message = f"its answers to promised inputs were not well-formed, in two runs: {what}"
    return Finding(code="malformed-answer", message=message, line=line_of(subject, language))


def few_answers(seen: Sequence[Seen]) -> tuple[Finding, ...]:
    """Warn where contracts were evaluated on few of many promised inputs, since no value came back for the others."""
    answered = sum(item.outcome.kind is OutcomeKind.RETURNED for item in seen)
    if len(seen) < 2 * _ENOUGH or answered >= _ENOUGH:
        return ()
    message = f"it returned a value for {answered} of the {len(seen)} promised inputs only; the contracts saw no others"
    return (Finding(code="few-answers", message=message, severity=Severity.WARNING),)


def not_evaluated(conditions: Sequence[str]) -> str:
    """Say that the evaluator was lost over conditions; where there are several, any of them may have cost it."""
    return (
        f"the specification's own condition cannot be evaluated within its time and memory: {' or '.join(conditions)}"
    )


def no_promise(considered: int) -> str:
    """Say why nothing was tried."""
    return f"none of the {considered} inputs that were tried satisfies the preconditions"
