"""Layer 8: no example takes longer than the specification allows, or more memory than a candidate may have.

Time on generated inputs is behaviour, since no bound is stated for their size: they are called only where there is no
example, and reject nothing by their time. Growth is not classified here.
"""

from dataclasses import dataclass

from millwright.core.verification.evidence import (
    Arguments,
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
_MOST_INPUTS = 5
"""Generated inputs of a task without examples: enough to see that it can be called, since they reject nothing."""


@dataclass(frozen=True)
class _Alone:
    """Waiting for the suspects, each timed again by itself: a busy machine must not decide."""

    suspects: tuple[int, ...]
    untried: tuple[int, ...]


@dataclass(frozen=True)
class _Rest:
    """Waiting for the examples that were not tried after a lost one, each timed by itself for the first time."""

    indices: tuple[int, ...]


class PerformanceLayer:
    """Rejects a candidate that exceeds time or memory on an example, twice."""

    name = LayerName.PERFORMANCE

    def plan(self, subject: Subject, language: Language) -> Plan:
        """Ask for a call per example; without examples for a few inputs."""
        inputs = _timed(subject)
        if not inputs:
            return not_applicable(self.name, "there are no examples and no inputs to time")
        whole = program(subject, len(subject.task.test_cases))
        return Needs((CallRequest(program=whole, calls=inputs, lost_limit=1),))

    def judge(self, subject: Subject, needs: Needs, results: tuple[Result, ...], language: Language) -> Plan:
        """Pass, or ask for the suspects alone; reject those that exceed again."""
        cases = examples(subject.task)
        match needs.state:
            case _Alone(suspects, untried):
                findings = self._findings(subject, cases, suspects, results, language)
                if findings or not untried:
                    return judged(self.name, findings)
                return _ask_alone(subject, cases, untried, _Rest(untried))
            case _Rest(indices):
                reports = zip(indices, (calls(result, 1) for result in results), strict=True)
                slow = tuple(index for index, report in reports if _exceeds(subject, report, report.outcomes[0]))
                return _ask_alone(subject, cases, slow, _Alone(slow, ())) if slow else judged(self.name, ())
        return self._first(subject, cases, calls(results[0], len(_timed(subject))), language)

    def _first(self, subject: Subject, cases: tuple[Example, ...], report: CallReport, language: Language) -> Plan:
        """Judge the run over all: what was lost first may be a suspect, what comes after it was not tried."""
        if report.load_error is not None:
            line = language.definition_line(subject.source, subject.task.name)
            message = f"importing it fails: {report.load_error}"
            return judged(self.name, [Finding(code="does-not-load", message=message, line=line)])
        outcomes = report.outcomes[: len(cases)]
        untried = tuple(index for index, item in enumerate(outcomes) if item.kind is OutcomeKind.LOST)[1:]
        suspects = tuple(
            index
            for index, outcome in enumerate(outcomes)
            if index not in untried and _exceeds(subject, report, outcome) is not None
        )
        if suspects:
            return _ask_alone(subject, cases, suspects, _Alone(suspects, untried))
        return _ask_alone(subject, cases, untried, _Rest(untried)) if untried else judged(self.name, ())

    def _findings(
        self,
        subject: Subject,
        cases: tuple[Example, ...],
        suspects: tuple[int, ...],
        results: tuple[Result, ...],
        language: Language,
    ) -> list[Finding]:
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
        return findings


def _timed(subject: Subject) -> tuple[Arguments, ...]:
    """Return the calls that are timed: the examples, which come first among all inputs, or else a few inputs."""
    return every_input(subject)[: len(subject.task.test_cases) or _MOST_INPUTS]


def _ask_alone(subject: Subject, cases: tuple[Example, ...], indices: tuple[int, ...], state: object) -> Needs:
    whole = program(subject, 1)
    requests = tuple(CallRequest(program=whole, calls=(cases[index].arguments,)) for index in indices)
    return Needs(requests, state=state, alone=True)


def _exceeds(subject: Subject, report: CallReport, outcome: Outcome) -> str | None:
    """Say what a call on an example exceeded; None when it kept to the limits."""
    if outcome.kind is OutcomeKind.LOST:
        return ended(report) if report.ending in _FINAL else None
    limit = subject.task.timeout_ms / 1000
    if outcome.cpu_seconds > limit:
        return f"it took {outcome.cpu_seconds:.2f} s of CPU time; the specification allows {limit:g} s"
    return None
