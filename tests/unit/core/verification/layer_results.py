"""Fabricated results, and what the tests of the layers do with them."""

from millwright.core.verification.ladder import layer_named
from millwright.core.verification.languages import language_named
from millwright.core.verification.layer import Needs, Plan, Result, Settled, Subject
from schemas.execution import (
    Outcome,
    OutcomeKind,
    Truth,
)
from schemas.identity import LayerName
from schemas.specification import TaskSpecification
from schemas.verification import (
    Verdict,
)
from tests.languages.in_process import encoded
from tests.languages.python.tasks import TASKS, subject_of

PYTHON = language_named("python")
CLAMP = "def clamp(value: int, low: int, high: int) -> int:\n    return max(low, min(value, high))\n"
COUNTS = "def word_counts(text: str) -> dict[str, int]:\n    return {}\n"
T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNDEFINED


def subject(name: str = "clamp", source: str = CLAMP, **changes: object) -> Subject:
    """Put a source into the setting of one of the tasks, changed as asked."""
    task = TaskSpecification.model_validate(TASKS[name].model_dump() | changes)
    return subject_of(task, source)


def needs(plan: Plan) -> Needs:
    """Demand that the plan asks for something."""
    assert isinstance(plan, Needs)
    return plan


def verdict(plan: Plan) -> Verdict:
    """Demand that the plan is settled."""
    assert isinstance(plan, Settled), plan
    return plan.verdict


def judge(layer: LayerName, of: Subject, asked: Needs, *results: Result) -> Plan:
    """Let a layer judge results."""
    return layer_named(layer).judge(of, asked, results, PYTHON)


def plan(layer: LayerName, of: Subject) -> Plan:
    """Let a layer plan."""
    return layer_named(layer).plan(of, PYTHON)


def returned(value: object, *after: object, seconds: float = 0.0) -> Outcome:
    """Return an outcome that returned a value and left its arguments so."""
    return Outcome(
        kind=OutcomeKind.RETURNED,
        value=encoded(value),
        arguments_after=tuple(map(encoded, after)),
        cpu_seconds=seconds,
    )


def raised(name: str, *bases: str) -> Outcome:
    """Return an outcome that raised."""
    return Outcome(kind=OutcomeKind.RAISED, exception=name, exception_bases=bases, message="why")


LOST = Outcome(kind=OutcomeKind.LOST)
