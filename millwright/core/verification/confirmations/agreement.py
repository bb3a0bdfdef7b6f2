"""Deepens layer 4 for a winner: another engine, with another interpreter, gives the same outcomes on the same trial.

It expects no particular outcome: that is the layer's own affair.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from millwright.core.signature import equal, records_of
from millwright.core.verification.evidence import output_type, shown_call, shown_outcome
from millwright.core.verification.language import Language
from millwright.core.verification.layer import (
    Missing,
    Needs,
    Plan,
    Result,
    Settled,
    Subject,
    judged,
    not_applicable,
    not_run,
)
from millwright.core.verification.parts import floats
from millwright.core.verification.reports import calls, conditions
from millwright.core.verification.trial import Trial, promise, trial
from schemas.execution import CallReport, ConditionRequest, Outcome, OutcomeKind
from schemas.identity import LayerName
from schemas.specification import TaskKind, TaskSpecification
from schemas.values import Value
from schemas.verification import Finding, Verdict, VerdictStatus

SECOND_ENGINE = frozenset({TaskKind.FUNCTION, TaskKind.CLASS})
"""The kinds that the second engine runs: event loops, streams and sockets want a system below them."""

_MOST_FINDINGS = 3
_RELATIVE = 1e-9
"""Of the largest float that went in or came out: mathematical libraries round the last digits of a sine or a power
differently, and newer interpreters sum floats more exactly, so that differences of nearly equal numbers differ too."""

_NOT_THERE = ("ModuleNotFoundError", "ImportError")
_OF_THE_ENGINE = frozenset({"RecursionError", "MemoryError", *_NOT_THERE})
_OF_WIDTH = ("index-sized integer", "to convert to C", "ssize_t")
"""How an OverflowError reads that comes of the width of the engine's machine words."""


@dataclass(frozen=True)
class _Promised:
    """Waiting to know which inputs are promised."""


@dataclass(frozen=True)
class _Second:
    """Waiting for the second engine's outcomes."""

    tried: Trial


@dataclass(frozen=True)
class _First:
    """Waiting for the first engine's outcomes, which may be remembered from the layers; the second's are known."""

    tried: Trial
    second: CallReport


class EnginesAgree:
    """Rejects a candidate that behaves otherwise on the second engine."""

    name = LayerName.UNIT_TESTS
    title = "agreement of two engines"

    def plan(self, subject: Subject, language: Language) -> Plan:
        """Ask which inputs are promised, or for the second engine's outcomes at once where all are."""
        if subject.task.grants.files:
            return not_run(self.name, "it is granted files, which the second engine has not")
        if subject.task.kind is TaskKind.FILE:
            return not_applicable(self.name, "a file is read, and not run")
        if subject.task.kind not in SECOND_ENGINE:
            return not_applicable(self.name, f"the second engine has no system, and runs no {subject.task.kind.words}")
        request = promise(subject)
        if request is None:
            return self._second(subject, trial(subject, None))
        return Needs((request,), state=_Promised())

    def judge(self, subject: Subject, needs: Needs, results: tuple[Result, ...], language: Language) -> Plan:
        """Go on from the promise to the second engine, from there to the first, and compare."""
        match needs.state, needs.requests:
            case _Promised(), (ConditionRequest() as request,):
                return self._second(subject, trial(subject, conditions(results[0], request)))
            case _Second(tried), _:
                return self._first(subject, tried, results[0], language)
            case _First(tried, second), _:
                return self._compare(subject, tried, calls(results[0], len(tried.calls)), second, language)
        raise AssertionError("the agreement of engines was given a state that is not its own")

    def _second(self, subject: Subject, tried: Trial) -> Plan:
        if not tried.calls:
            return not_applicable(self.name, "there are no examples and no promised inputs to compare")
        return Needs((tried.request(subject),), state=_Second(tried), second=True)

    def _first(self, subject: Subject, tried: Trial, result: Result, language: Language) -> Plan:
        if isinstance(result, Missing):
            return not_run(self.name, result.reason)
        second = calls(result, len(tried.calls))
        if second.load_error is not None:
            return self._not_loaded(subject, second.load_error, language)
        return Needs((tried.request(subject),), state=_First(tried, second))

    def _not_loaded(self, subject: Subject, error: str, language: Language) -> Settled:
        if error.startswith(_NOT_THERE):
            return not_run(self.name, f"the second engine has not what it imports: {error}")
        line = language.definition_line(subject.source, subject.task.name)
        message = f"importing it fails on the second engine, and not on the first: {error}"
        return judged(self.name, [Finding(code="engines-disagree", message=message, line=line)])

    def _compare(
        self, subject: Subject, tried: Trial, first: CallReport, second: CallReport, language: Language
    ) -> Settled:
        if first.load_error is not None:
            return not_run(self.name, f"importing it failed on the first engine this time: {first.load_error}")
        line = language.definition_line(subject.source, subject.task.name)
        findings: list[Finding] = []
        counted: Counter[str] = Counter()
        for arguments, one, other in zip(tried.calls, first.outcomes, second.outcomes, strict=True):
            answer = _agree(subject.task, arguments, one, other)
            counted["left out" if answer is None else "compared"] += 1
            if answer is False:
                place = shown_call(subject.task, arguments)
                message = f"{place} gave {shown_outcome(one)} on one engine and {shown_outcome(other)} on the other"
                findings.append(Finding(code="engines-disagree", message=message, line=line))
        said = f"{counted['compared']} of {counted.total()} calls could be compared"
        if not counted["compared"]:
            return not_run(self.name, said)
        status = VerdictStatus.REJECTED if findings else VerdictStatus.PASSED
        return Settled(Verdict(layer=self.name, status=status, reason=said, findings=tuple(findings[:_MOST_FINDINGS])))


def _agree(task: TaskSpecification, arguments: Sequence[Value], one: Outcome, other: Outcome) -> bool | None:
    """Say whether two outcomes of the same call are the same; None where an engine's own limits ended either."""
    if any(_limited(outcome) for outcome in (one, other)):
        return None
    if one.kind is not other.kind:
        return False
    if one.value is None or other.value is None:
        return one.exception == other.exception
    if one.value == other.value:
        return True
    tolerance = max(_stated(task), _RELATIVE * max(map(_largest, (*arguments, one.value, other.value))))
    return equal(one.value, other.value, output_type(task), tolerance or None, records_of(task))


def _limited(outcome: Outcome) -> bool:
    if outcome.kind is OutcomeKind.LOST or outcome.exception in _OF_THE_ENGINE:
        return True
    return outcome.exception == "OverflowError" and any(words in outcome.message for words in _OF_WIDTH)


def _stated(task: TaskSpecification) -> float:
    return max((case.tolerance for case in task.test_cases if case.tolerance), default=0.0)


def _largest(value: Value) -> float:
    """Return the size of the largest finite float in a value; 0 where there is none."""
    return max((abs(number) for number in floats(value) if math.isfinite(number)), default=0.0)
