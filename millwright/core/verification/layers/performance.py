"""Layer 8: no example and no stated size takes longer than the specification allows, or more memory than there is.

Time on any other input is behaviour and rejects nothing. Growth is told for candidates near the limit, as a warning.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from millwright.core.verification.confirmations.growth import OVERHEAD_SECONDS, GrowthOfTime, promised
from millwright.core.verification.evidence import Arguments, examples, not_loaded, program, shown_call
from millwright.core.verification.language import Language
from millwright.core.verification.layer import Needs, Plan, Request, Result, Settled, Subject, judged, not_applicable
from millwright.core.verification.preconditions import precondition_request
from millwright.core.verification.reports import calls, conditions
from millwright.core.verification.trial import promise, trial
from schemas.execution import CallReport, CallRequest, ConditionRequest, Ending, Outcome, OutcomeKind
from schemas.identity import LayerName
from schemas.verification import Finding, InputOrigin, InputVector, Severity

NEAR_THE_LIMIT = 0.5
"""The share of the limit from which on it is told how time grows: one doubling further it may be over."""

_IDLE_SHARE = 0.1
"""A call that used less than this share of its wall-clock was waiting, and not for a busy machine: alone, a run gets
more of a core than that. Time spent waiting counts against the limit then."""

_EXHAUSTED = frozenset({Ending.TIMED_OUT, Ending.OUT_OF_MEMORY})


@dataclass(frozen=True)
class _Promised:
    """Waiting for which inputs, and which stated sizes, the specification promises; None was not asked."""

    inputs: ConditionRequest | None
    sizes: ConditionRequest | None


@dataclass(frozen=True)
class _Timed:
    """Waiting for the trial, where there are examples, and for the stated sizes, where there are some."""

    examples: tuple["_Call", ...]
    tried: int
    sizes: tuple["_Call", ...]


@dataclass(frozen=True)
class _Call:
    """A call whose time the specification bounds."""

    name: str
    arguments: Arguments
    stated: bool = False


class _Standing(Enum):
    """What is known of a call: within its limits, not reached yet, over them once, or too long alone by wall-clock."""

    CLEAR = auto()
    UNTIMED = auto()
    SUSPECT = auto()
    WAITED = auto()


class _Excess(Enum):
    """What a call exceeded, by the account of a run of its own."""

    CPU = auto()
    WALL = auto()
    MEMORY = auto()


@dataclass(frozen=True)
class _Course:
    """All calls, where each stands, the CPU seconds known of each, and which are being timed alone.

    ``first`` is the call that is settled before all others: another one's time may be saved.
    """

    calls: tuple[_Call, ...]
    standings: tuple[_Standing, ...]
    seconds: tuple[float, ...]
    warnings: tuple[Finding, ...]
    first: int | None = None
    asked: tuple[int, ...] = ()


@dataclass(frozen=True)
class _Growing:
    """Waiting for the growth of a candidate that passes."""

    warnings: tuple[Finding, ...]
    needs: Needs


class PerformanceLayer:
    """Rejects a candidate that exceeds time or memory, twice, on an example or at a size that is stated."""

    name = LayerName.PERFORMANCE

    def __init__(self) -> None:
        self._growth = GrowthOfTime()

    def plan(self, subject: Subject, language: Language) -> Plan:
        """Ask which inputs are promised, or time them at once where all are."""
        sizes = _stated(subject)
        if not examples(subject.task) and not sizes:
            return not_applicable(self.name, "no example and no size is stated: there is no bound to be timed against")
        inputs = promise(subject) if subject.task.test_cases else None
        of_sizes = precondition_request(subject.task, [vector.arguments for vector in sizes])
        asked: list[Request] = [request for request in (inputs, of_sizes) if request is not None]
        if asked:
            return Needs(tuple(asked), state=_Promised(inputs, of_sizes))
        return _time(subject, (), _Promised(None, None))

    def judge(self, subject: Subject, needs: Needs, results: tuple[Result, ...], language: Language) -> Plan:
        """Time everything once, suspects again alone, and reject those that exceed a limit again.

        A run's account by the kernel cannot be forged, a call's own can be, to look fast; so all calls of a run are
        suspects whose account leaves room for one that is too slow. Alone, a run's account is that of its one call.
        """
        match needs.state:
            case _Promised() as asked:
                return _time(subject, results, asked)
            case _Timed() as timed:
                return self._first(subject, timed, results, language)
            case _Course() as course:
                return self._alone(subject, course, results, language)
            case _Growing(warnings, inner):
                return self._passed(warnings, self._growth.judge(subject, inner, results, language))
        raise AssertionError("a state of another layer")

    def _first(self, subject: Subject, timed: _Timed, results: tuple[Result, ...], language: Language) -> Plan:
        """Find the suspects among all calls: what comes after a lost one was not tried."""
        line = language.definition_line(subject.source, subject.task.name)
        course = _Course((), (), (), ())
        waiting = list(results)
        for of_run, count in ((timed.examples, timed.tried), (timed.sizes, len(timed.sizes))):
            if not of_run:
                continue
            report = calls(waiting.pop(0), count)
            if report.load_error is not None and report.ending not in _EXHAUSTED:
                return judged(self.name, [not_loaded(subject, language, report.load_error, report.load_line)])
            course = _with_run(subject, course, of_run, report, line)
        return self._go_on(subject, course, language)

    def _alone(self, subject: Subject, course: _Course, results: tuple[Result, ...], language: Language) -> Plan:
        """Clear what kept to its limits alone; reject what did not, and did not before."""
        line = language.definition_line(subject.source, subject.task.name)
        limit = subject.task.timeout_ms / 1000
        standings, seconds, findings = list(course.standings), list(course.seconds), []
        for index, result in zip(course.asked, results, strict=True):
            report = calls(result, 1)
            excess = _excess(report, limit)
            before = standings[index]
            if excess is None:
                standings[index] = _Standing.CLEAR
                seconds[index] = _cpu(report)
            elif before is _Standing.WAITED or (before is _Standing.SUSPECT and excess is not _Excess.WALL):
                findings.append(_finding(subject, course.calls[index], report, excess, line))
            else:
                standings[index] = _Standing.WAITED if excess is _Excess.WALL else _Standing.SUSPECT
        if findings:
            return judged(self.name, [*findings, *course.warnings])
        course = replace(course, standings=tuple(standings), seconds=tuple(seconds))
        return self._go_on(subject, course, language)

    def _go_on(self, subject: Subject, course: _Course, language: Language) -> Plan:
        """Ask for what is open, one call before all others where one has been seen to exceed; else pass."""
        limit = subject.task.timeout_ms / 1000
        still = tuple(index for index, item in enumerate(course.standings) if item is not _Standing.CLEAR)
        if still:
            asked = (course.first,) if course.first in still and course.first is not None else still
            whole = program(subject, 1)
            requests = tuple(CallRequest(program=whole, calls=(course.calls[index].arguments,)) for index in asked)
            return Needs(requests, state=replace(course, asked=asked), alone=True)
        if max(course.seconds, default=0.0) < NEAR_THE_LIMIT * limit:
            return judged(self.name, course.warnings)
        return self._passed(course.warnings, self._growth.plan(subject, language))

    def _passed(self, warnings: tuple[Finding, ...], growth: Plan) -> Plan:
        """Pass with what growth adds, or wait for it."""
        if isinstance(growth, Settled):
            return judged(self.name, [*warnings, *growth.verdict.findings])
        return replace(growth, state=_Growing(warnings, growth))


def _stated(subject: Subject) -> tuple[InputVector, ...]:
    vectors = subject.inputs.vectors
    return tuple(vector for vector in vectors if vector.origin is InputOrigin.SIZED and vector.stated)


def _time(subject: Subject, results: tuple[Result, ...], asked: _Promised) -> Plan:
    """Ask for the trial that other layers ask for as well, and for the stated sizes."""
    waiting = list(results)
    of_inputs = conditions(waiting.pop(0), asked.inputs) if asked.inputs is not None else None
    sizes = _stated(subject)
    if asked.sizes is not None:
        sizes = promised(sizes, conditions(waiting.pop(0), asked.sizes))
    sized = tuple(_Call(f"size {vector.size}", vector.arguments, stated=True) for vector in sizes)
    tried = trial(subject, of_inputs)
    cases = tuple(_Call(example.case.name, example.arguments) for example in tried.examples)
    requests: list[Request] = []
    if cases:
        requests.append(tried.request(subject))
    if sized:
        every = tuple(call.arguments for call in sized)
        requests.append(CallRequest(program=program(subject, len(sized)), calls=every, lost_limit=1))
    if not requests:
        reason = "there is no example, and the specification promises no input of a stated size"
        return not_applicable(LayerName.PERFORMANCE, reason)
    return Needs(tuple(requests), state=_Timed(cases, len(tried.calls), sized))


def _with_run(
    subject: Subject, course: _Course, of_run: Sequence[_Call], report: CallReport, line: int | None
) -> _Course:
    """Add the calls that lead a run to the course, each with what the run says of it."""
    limit = subject.task.timeout_ms / 1000
    waited = report.wall_seconds - report.cpu_seconds
    room = max(report.cpu_seconds, waited) > limit + OVERHEAD_SECONDS
    standings: list[_Standing] = []
    first = course.first
    lost = False
    for outcome in report.outcomes[: len(of_run)]:
        standing = _Standing.SUSPECT if room else _Standing.CLEAR
        exceeds = outcome.cpu_seconds > limit
        if outcome.kind is OutcomeKind.LOST and report.ending in _EXHAUSTED:
            exceeds = not lost
            standing = _Standing.UNTIMED
            lost = True
        if exceeds:
            standing = _Standing.SUSPECT
            first = len(course.calls) + len(standings) if first is None else first
        standings.append(standing)
    outcomes = report.outcomes[: len(of_run)]
    warnings = [
        _unanswered(subject, call, outcome, line)
        for call, outcome in zip(of_run, outcomes, strict=True)
        if call.stated and _too_deep(outcome)
    ][:1]
    return _Course(
        calls=(*course.calls, *of_run),
        standings=(*course.standings, *standings),
        seconds=(*course.seconds, *(outcome.cpu_seconds for outcome in outcomes)),
        warnings=(*course.warnings, *warnings),
        first=first,
    )


def _too_deep(outcome: Outcome) -> bool:
    return outcome.kind is OutcomeKind.RAISED and outcome.exception == RecursionError.__name__


def _unanswered(subject: Subject, call: _Call, outcome: Outcome, line: int | None) -> Finding:
    """Warn of a recursion that a stated size exhausts: how deep one may go is no bound of the specification's."""
    shown = shown_call(subject.task, call.arguments)
    message = f"{call.name}: {shown}: it raised {outcome.exception} at a size that is stated"
    return Finding(code="too-deep", message=message, line=outcome.line or line, severity=Severity.WARNING)


def _cpu(report: CallReport) -> float:
    """Return the CPU seconds of the one call of a run: its own account, or the kernel's less the overhead if more."""
    return max(report.outcomes[0].cpu_seconds, report.cpu_seconds - OVERHEAD_SECONDS)


def _excess(report: CallReport, limit: float) -> _Excess | None:
    """Say what the one call of a run alone exceeded; None when it kept to its limits."""
    lost = report.outcomes[0].kind is OutcomeKind.LOST
    if _cpu(report) > limit:
        return _Excess.CPU
    if lost and report.ending is Ending.OUT_OF_MEMORY:
        return _Excess.MEMORY
    waited = report.wall_seconds - report.cpu_seconds
    idle = waited > limit + OVERHEAD_SECONDS and report.cpu_seconds < _IDLE_SHARE * report.wall_seconds
    return _Excess.WALL if idle or (lost and report.ending is Ending.TIMED_OUT) else None


def _finding(subject: Subject, call: _Call, report: CallReport, excess: _Excess, line: int | None) -> Finding:
    """Say which call exceeded what, by how much, and what is allowed."""
    allowed = f"the specification allows {subject.task.timeout_ms / 1000:g} s"
    shown = f"{call.name}: {shown_call(subject.task, call.arguments)}"
    stopped = report.outcomes[0].kind is OutcomeKind.LOST
    if excess is _Excess.MEMORY:
        most = program(subject, 1).limits.memory_bytes // 1024**2
        return Finding(code="memory", message=f"{shown}: it needed more memory than it may use ({most} MiB)", line=line)
    if excess is _Excess.CPU:
        spent = f"{_cpu(report):.2f} s of CPU time"
    else:
        spent = f"{report.wall_seconds:.2f} s, {report.cpu_seconds:.2f} s of them CPU time, twice"
    what = f"it had not ended after {spent}" if stopped else f"it took {spent}"
    return Finding(code="slow", message=f"{shown}: {what}; {allowed}", line=line)
