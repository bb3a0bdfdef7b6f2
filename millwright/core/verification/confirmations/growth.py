"""Deepens layer 8 for a winner, and for a candidate near its limit: how its time grows with the size of its inputs.

It never rejects: no bound is stated for growth. Each size is timed in a run of its own, alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from millwright.core.verification.evidence import ended, program
from millwright.core.verification.growth import FEWEST_SIZES, NOISE_FLOOR_SECONDS, Growth, Timing, growth_of
from millwright.core.verification.language import Language
from millwright.core.verification.layer import Needs, Plan, Result, Settled, Subject, not_applicable
from millwright.core.verification.preconditions import accepted, precondition_request
from millwright.core.verification.reports import calls, conditions
from schemas.execution import (
    CallReport,
    CallRequest,
    ConditionReport,
    ConditionRequest,
    Ending,
    Limits,
    OutcomeKind,
    Program,
)
from schemas.identity import LayerName
from schemas.verification import Finding, InputOrigin, InputVector, Severity, Verdict, VerdictStatus

OVERHEAD_SECONDS = 0.25
"""The one allowance for machine and sandbox in layer 8, the same for every candidate: what the kernel's account of a
run may hold beyond the calls themselves. Starting, importing and carrying values to and fro take some ten milliseconds,
for tens of thousands of elements some hundred. A candidate that falsifies its own clock can hide this much and no more.
"""

_UNSTATED_SECONDS = 1.0
"""One call at a size that nobody stated: enough to see growth, little enough to ask it of every winner."""

_MOST_REPEATS = 256
_MOST_REPEATED_ELEMENTS = 20_000
"""Repetitions are carried into the sandbox in full: together this many elements, some fifty milliseconds."""

_AIM_SECONDS = 3 * NOISE_FLOOR_SECONDS
"""What repetitions are to come to: a first call is slower than the next ones, by which they were counted."""

_TICKED = 4
"""How much more than it took a single short call may seem to have taken, to a clock that goes by ticks."""


@dataclass(frozen=True)
class _Promised:
    """Waiting for which of the sizes the specification promises."""

    vectors: tuple[InputVector, ...]
    request: ConditionRequest


@dataclass(frozen=True)
class _Once:
    """Waiting for each size, called once."""

    vectors: tuple[InputVector, ...]


@dataclass(frozen=True)
class _Repeated:
    """Waiting for the sizes at ``places`` that were too fast once, called several times."""

    vectors: tuple[InputVector, ...]
    known: tuple[CallReport, ...]
    places: tuple[int, ...]


class GrowthOfTime:
    """Says how time grows with size, as a warning; where it cannot be told, why."""

    name = LayerName.PERFORMANCE
    title = "growth of time"

    def plan(self, subject: Subject, language: Language) -> Plan:
        """Ask which sizes are promised, or time them at once where all are."""
        vectors = _sizes(subject)
        if len(vectors) < FEWEST_SIZES:
            return not_applicable(self.name, "no input has a size that could grow")
        request = precondition_request(subject.task, [vector.arguments for vector in vectors])
        if request is None:
            return _each(subject, vectors)
        return Needs((request,), state=_Promised(vectors, request))

    def judge(self, subject: Subject, needs: Needs, results: tuple[Result, ...], language: Language) -> Plan:
        """Time, repeat what was too fast, and classify.

        Seconds are the process's own account of each call, since the kernel's holds the carrying of values, which grows
        as well; a run of which the kernel counts more than twice those and the overhead is not believed.
        """
        match needs.state:
            case _Promised(vectors, request):
                kept = promised(vectors, conditions(results[0], request))
                if len(kept) < FEWEST_SIZES:
                    return not_applicable(self.name, "the specification does not promise inputs of growing sizes")
                return _each(subject, kept)
            case _Once(vectors):
                reports = tuple(calls(result, 1) for result in results)
                repeats = [_repeats(vector, report) for vector, report in zip(vectors, reports, strict=True)]
                places = tuple(place for place, count in enumerate(repeats) if count > 1)
                if not places or any(map(_trouble, reports)):
                    return self._said(subject, vectors, reports, language)
                requests = tuple(_request(subject, vectors[place], repeats[place]) for place in places)
                return Needs(requests, state=_Repeated(vectors, reports, places), alone=True)
            case _Repeated(vectors, known, places):
                merged = list(known)
                for place, request_, result in zip(places, needs.requests, results, strict=True):
                    asked = len(request_.calls) if isinstance(request_, CallRequest) else 0
                    merged[place] = calls(result, asked)
                return self._said(subject, vectors, merged, language)
        raise AssertionError("a state of another layer")

    def _said(
        self, subject: Subject, vectors: Sequence[InputVector], reports: Sequence[CallReport], language: Language
    ) -> Plan:
        trouble = next((words for words in map(_trouble, reports) if words), "")
        timings = [_timing(vector, report) for vector, report in zip(vectors, reports, strict=True)]
        growth, reason = (Growth.UNKNOWN, trouble) if trouble else growth_of(timings)
        if growth is Growth.UNKNOWN:
            return Settled(Verdict(layer=self.name, status=VerdictStatus.NOT_RUN, reason=reason))
        message = f"time grows {growth.value}: {', '.join(map(_shown, timings))} of CPU"
        line = language.definition_line(subject.source, subject.task.name)
        finding = Finding(code="growth", message=message, line=line, severity=Severity.WARNING)
        return Settled(
            Verdict(layer=self.name, status=VerdictStatus.PASSED, reason=message, findings=(finding,)),
        )


def promised(vectors: Sequence[InputVector], report: ConditionReport) -> tuple[InputVector, ...]:
    """Keep the vectors for which every condition is true."""
    rows = zip(vectors, report.truths, strict=True)
    return tuple(vector for vector, truths in rows if accepted((vector.arguments,), ConditionReport(truths=(truths,))))


def _sizes(subject: Subject) -> tuple[InputVector, ...]:
    """Return the sizes to time: those nobody stated, which are small, or else the stated ones."""
    every = [vector for vector in subject.inputs.vectors if vector.origin is InputOrigin.SIZED]
    free = tuple(vector for vector in every if not vector.stated)
    return free or tuple(every)


def _each(subject: Subject, vectors: tuple[InputVector, ...]) -> Needs:
    return Needs(tuple(_request(subject, vector, 1) for vector in vectors), state=_Once(vectors), alone=True)


def _request(subject: Subject, vector: InputVector, count: int) -> CallRequest:
    return CallRequest(program=_program(subject, vector), calls=(vector.arguments,) * count, lost_limit=1)


def _program(subject: Subject, vector: InputVector) -> Program:
    whole = program(subject, 1)
    if vector.stated:
        return whole
    most = min(_UNSTATED_SECONDS, whole.limits.call_seconds)
    limits = Limits(call_seconds=most, wall_seconds=most + 10.0, cpu_seconds=most + 10.0)
    return whole.model_copy(update={"limits": limits})


def _repeats(vector: InputVector, report: CallReport) -> int:
    """Say how often a size is called so that all its calls are well above the noise; 1: once was enough."""
    seconds = _seconds(report)
    if report.outcomes[0].kind is OutcomeKind.LOST or seconds >= _AIM_SECONDS:
        return 1
    most = max(1, min(_MOST_REPEATS, _MOST_REPEATED_ELEMENTS // max(1, _weight(vector))))
    least = max(seconds / _TICKED, _AIM_SECONDS / _MOST_REPEATS)
    return min(most, math.ceil(_AIM_SECONDS / least))


def _weight(vector: InputVector) -> int:
    """Count what has to be carried: every leaf of the arguments."""
    waiting: list[object] = list(vector.arguments)
    count = 0
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting.extend(item)
        else:
            count += 1 if not isinstance(item, str) else 1 + len(item) // 16
    return count // 2


def _trouble(report: CallReport) -> str:
    """Say why a run's times mean nothing; empty if they mean something."""
    if report.load_error is not None:
        return f"importing it fails: {report.load_error}"
    lost = any(outcome.kind is OutcomeKind.LOST for outcome in report.outcomes)
    if lost and report.ending is not Ending.TIMED_OUT:
        return f"at a larger size {ended(report)}"
    raised = next((outcome for outcome in report.outcomes if outcome.kind is OutcomeKind.RAISED), None)
    if raised is not None:
        return f"it raises {raised.exception} at a larger size"
    claimed = sum(outcome.cpu_seconds for outcome in report.outcomes)
    if not lost and report.cpu_seconds > 2 * claimed + OVERHEAD_SECONDS:
        return f"its own clock says {claimed:.2f} s of CPU time, the kernel {report.cpu_seconds:.2f} s"
    return ""


def _timing(vector: InputVector, report: CallReport) -> Timing:
    size = vector.size or 0
    if any(outcome.kind is OutcomeKind.LOST for outcome in report.outcomes):
        return Timing(size, report.cpu_seconds, report.cpu_seconds, at_least=True)
    seconds = _seconds(report)
    return Timing(size, seconds / len(report.outcomes), seconds)


def _seconds(report: CallReport) -> float:
    """Return the CPU seconds of all calls, at most what the kernel counted for the run."""
    return min(sum(outcome.cpu_seconds for outcome in report.outcomes), report.cpu_seconds)


def _shown(timing: Timing) -> str:
    amount = timing.seconds * 1000
    words = f"{amount:.3g}" if amount < 100 else f"{amount:.0f}"
    return f"{timing.size} -> {'over ' if timing.at_least else ''}{words} ms"
