"""Layer 8: no example takes longer than the specification allows, or more memory than a candidate may have.

Time on generated inputs is behaviour, since no bound is stated for their size. Growth is not classified here.
"""

from dataclasses import dataclass

from millwright.core.verification.evidence import (
    Example,
    ended,
    every_input,
    examples,
    program,
    shown_call,
)
from millwright.core.verification.language import Language
from millwright.core.verification.layer import Needs, Plan, Result, Subject, judged, not_applicable
from millwright.core.verification.reports import calls
from schemas.execution import CallReport, CallRequest, Ending, Outcome, OutcomeKind
from schemas.identity import LayerName
from schemas.verification import Finding

_FINAL = frozenset({Ending.TIMED_OUT, Ending.OUT_OF_MEMORY})


@dataclass(frozen=True)
class _Alone:
    """Waiting for the suspects, each timed again by itself: a busy machine must not decide."""

    suspects: tuple[int, ...]


class PerformanceLayer:
    """Rejects a candidate that exceeds time or memory on an example, twice."""

    name = LayerName.PERFORMANCE

    def plan(self, subject: Subject, language: Language) -> Plan:
        """Ask for a call per example and input."""
        inputs = every_input(subject)
        if not inputs:
            return not_applicable(self.name, "there are no examples and no inputs to time")
        return Needs((CallRequest(program=program(subject, len(subject.task.test_cases)), calls=inputs),))

    def judge(self, subject: Subject, needs: Needs, results: tuple[Result, ...], language: Language) -> Plan:
        """Pass, or ask for the suspects alone; reject those that exceed again."""
        cases = examples(subject.task)
        if isinstance(needs.state, _Alone):
            return self._verdict(subject, cases, needs.state.suspects, results, language)
        report = calls(results[0], len(every_input(subject)))
        if report.load_error is not None:
            line = language.definition_line(subject.source, subject.task.name)
            message = f"importing it fails: {report.load_error}"
            return judged(self.name, [Finding(code="does-not-load", message=message, line=line)])
        suspects = tuple(
            index for index in range(len(cases)) if _exceeds(subject, report, report.outcomes[index]) is not None
        )
        if not suspects:
            return judged(self.name, ())
        requests = tuple(
            CallRequest(program=program(subject, 1), calls=(cases[index].arguments,)) for index in suspects
        )
        return Needs(requests, state=_Alone(suspects), alone=True)

    def _verdict(
        self,
        subject: Subject,
        cases: tuple[Example, ...],
        suspects: tuple[int, ...],
        results: tuple[Result, ...],
        language: Language,
    ) -> Plan:
        line = language.definition_line(subject.source, subject.task.name)
        findings: list[Finding] = []
        for index, result in zip(suspects, results, strict=True):
            report = calls(result, 1)
            excess = _exceeds(subject, report, report.outcomes[0])
            if excess is not None:
                call = shown_call(subject.task, cases[index].arguments)
                message = f"{cases[index].case.name}: {call}: {excess}"
                code = "memory" if report.ending is Ending.OUT_OF_MEMORY else "slow"
                findings.append(Finding(code=code, message=message, line=line))
        return judged(self.name, findings)


def _exceeds(subject: Subject, report: CallReport, outcome: Outcome) -> str | None:
    """Say what a call on an example exceeded; None when it kept to the limits."""
    if outcome.kind is OutcomeKind.LOST:
        return ended(report) if report.ending in _FINAL else None
    limit = subject.task.timeout_ms / 1000
    if outcome.cpu_seconds > limit:
        return f"it took {outcome.cpu_seconds:.2f} s of CPU time; the specification allows {limit:g} s"
    return None
