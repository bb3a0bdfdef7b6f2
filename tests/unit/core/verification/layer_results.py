"""Fabricated results, and what the tests of the layers do with them."""

from collections.abc import Sequence

from millwright.core.verification.ladder import layer_named
from millwright.core.verification.languages import language_named
from millwright.core.verification.layer import Needs, Plan, Result, Settled, Subject
from schemas.execution import (
    CallReport,
    CallRequest,
    ConditionReport,
    ConditionRequest,
    Ending,
    Outcome,
    OutcomeKind,
    PropertyRequest,
    Truth,
)
from schemas.identity import LayerName
from schemas.specification import TaskSpecification
from schemas.verification import Verdict
from tests.languages.in_process import InProcessSandbox, encoded
from tests.languages.python.tasks import TASKS, subject_of

PYTHON = language_named("python")
CLAMP = "def clamp(value: int, low: int, high: int) -> int:\n    return max(low, min(value, high))\n"
COUNTS = "def word_counts(text: str) -> dict[str, int]:\n    return {}\n"
T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNDEFINED
GONE = Truth.LOST


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


def tried(layer: LayerName, of: Subject, promised: Sequence[bool] = ()) -> Needs:
    """Take a layer to its trial, where just these inputs are promised; with none told, all are, or none are asked."""
    asked = needs(plan(layer, of))
    (request,) = asked.requests
    if isinstance(request, CallRequest):
        return asked
    assert isinstance(request, ConditionRequest)
    kept = list(promised) or [True] * len(request.bindings)
    assert len(kept) == len(request.bindings)
    width = len(request.expressions)
    return needs(judge(layer, of, asked, ConditionReport(truths=tuple(((T if keep else F,) * width) for keep in kept))))


def call_of(asked: Needs) -> CallRequest:
    """Demand that one run of calls is asked for."""
    (request,) = asked.requests
    assert isinstance(request, CallRequest)
    return request


class LosingSandbox(InProcessSandbox):
    """A sandbox that loses calls as told; ``lost`` holds the texts of the values whose calls are lost, and how."""

    def __init__(self, *lost: object, ending: Ending = Ending.TIMED_OUT) -> None:
        super().__init__()
        self._lost = [encoded(value) for value in lost]
        self._ending = ending

    async def call(self, request: CallRequest) -> CallReport:
        """Call the candidate, and lose what is to be lost."""
        report = await super().call(request)
        outcomes: list[Outcome] = []
        count = 0
        for arguments, outcome in zip(request.calls, report.outcomes, strict=True):
            given_up = request.lost_limit is not None and count >= request.lost_limit
            is_lost = given_up or any(value in self._lost for value in arguments)
            count += is_lost
            outcomes.append(LOST if is_lost else outcome)
        ending = self._ending if count else Ending.COMPLETED
        return report.model_copy(update={"outcomes": tuple(outcomes), "ending": ending})


async def climbed(layer: LayerName, of: Subject, sandbox: InProcessSandbox) -> tuple[Verdict, list[Needs]]:
    """Take a layer to its verdict over a sandbox; returns all that it asked for on the way, too."""
    asked: list[Needs] = []
    step = plan(layer, of)
    while isinstance(step, Needs):
        asked.append(step)
        results: list[Result] = []
        for request in step.requests:
            match request:
                case CallRequest():
                    results.append(await sandbox.call(request))
                case ConditionRequest():
                    results.append(await sandbox.evaluate(request))
                case PropertyRequest():
                    results.append(await sandbox.check_properties(request))
                case _:
                    raise AssertionError(f"no analysis was expected: {request}")
        step = judge(layer, of, step, *results)
    return verdict(step), asked
