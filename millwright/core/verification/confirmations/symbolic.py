"""Deepens layer 3 for a winner: a symbolic search for inputs that break a postcondition or an invariant.

It believes no claim: what the search says to break a contract is called and evaluated as any other input is, and only
that rejects. What is undecided is recorded as undecided.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from millwright.core.verification.conditions import Check, checks
from millwright.core.verification.counterexamples import Found, broken, go_on, shrink, smallest
from millwright.core.verification.evidence import (
    MOST_LOST,
    Arguments,
    program,
)
from millwright.core.verification.language import Language
from millwright.core.verification.layer import Needs, Plan, Result, Settled, Subject, judged, not_applicable, not_run
from millwright.core.verification.parts import floats, parts
from millwright.core.verification.preconditions import accepted, admission_request
from millwright.core.verification.reports import analysis, calls, conditions
from millwright.core.verification.wording import breach_finding
from millwright.errors import AnalyserUnavailable
from schemas.execution import CallRequest, ConditionRequest, Truth
from schemas.identity import LayerName
from schemas.specification import TaskKind
from schemas.values import Value
from schemas.verification import (
    AnalysisReport,
    AnalysisRequest,
    AnalysisTool,
    Conclusion,
    Verdict,
    VerdictStatus,
)

_MOST_CLAIMS = 10
_LARGEST_FLOAT = 1e9
"""Beyond it a contract in floats speaks of their rounding; generated inputs keep to it as well."""

CONFIRMED = "confirmed over all paths"


@dataclass(frozen=True)
class _Searched:
    """Waiting for the search."""


@dataclass(frozen=True)
class _Claimed:
    """Waiting to know which of the claimed inputs are promised."""

    claims: tuple[Arguments, ...]


@dataclass(frozen=True)
class _Called:
    """Waiting for the calls on the claimed inputs."""

    claims: tuple[Arguments, ...]


@dataclass(frozen=True)
class _Evaluated:
    """Waiting for the conditions after the calls."""

    checks: tuple[Check, ...]


class SymbolicSearch:
    """Rejects for a counter-example that was found symbolically and broke a contract when it was really called."""

    name = LayerName.CONTRACTS
    title = "symbolic search for counter-examples"

    def plan(self, subject: Subject, language: Language) -> Plan:
        """Ask for the search where there is something to break and something to vary."""
        task = subject.task
        if not task.postconditions and not task.invariants:
            return not_applicable(self.name, "the specification has no postconditions and no invariants")
        if not task.inputs:
            return not_applicable(self.name, "the task has no inputs to search among")
        if task.kind is not TaskKind.FUNCTION:
            return not_applicable(self.name, f"the search follows plain functions, and no {task.kind.words}")
        if task.grants.packages:
            return not_run(self.name, "it is granted packages, through which the search does not follow")
        modules = dict(subject.modules)
        request = AnalysisRequest(tool=AnalysisTool.SYMBOLIC, modules=modules, target=subject.target, task=task)
        return Needs((request,), state=_Searched())

    def judge(self, subject: Subject, needs: Needs, results: tuple[Result, ...], language: Language) -> Plan:
        """Settle what was confirmed or is undecided; take a claim on to calls, conditions and smaller inputs."""
        match needs.state, needs.requests:
            case _Searched(), _:
                return self._concluded(subject, analysis(results[0]))
            case _Claimed(claims), (ConditionRequest() as request,):
                return self._call(subject, accepted(claims, conditions(results[0], request)))
            case _Called(claims), _:
                return self._evaluate(subject, claims, results[0])
            case _Evaluated(wanted), _:
                return self._shrink(subject, wanted, needs, results, language)
        progress = go_on(subject, needs, results)
        if progress is None:
            raise AssertionError("the symbolic search was given a state that is not its own")
        return self._after(subject, progress, language)

    def _concluded(self, subject: Subject, report: AnalysisReport) -> Plan:
        match report.conclusion:
            case Conclusion.CONFIRMED:
                return Settled(Verdict(layer=self.name, status=VerdictStatus.PASSED, reason=CONFIRMED))
            case Conclusion.UNDECIDED:
                return self._undecided(report.detail or "no counter-example was found, and not all paths were seen")
            case Conclusion.REFUTED:
                return self._claimed(subject, report.counterexamples)
        raise AnalyserUnavailable("the symbolic search came to no conclusion; run `millwright doctor`")

    def _claimed(self, subject: Subject, counterexamples: Sequence[Arguments]) -> Plan:
        width = len(subject.task.inputs)
        usable = tuple(claim for claim in counterexamples if len(claim) == width and all(map(_ordinary, claim)))
        if not usable:
            return self._undecided("no claimed counter-example could be called")
        claims = usable[:_MOST_CLAIMS]
        request = admission_request(subject.task, claims)
        if request is None:
            return self._call(subject, claims)
        return Needs((request,), state=_Claimed(claims))

    def _call(self, subject: Subject, claims: tuple[Arguments, ...]) -> Plan:
        if not claims:
            return self._undecided("no claimed counter-example satisfies the preconditions and constraints")
        request = CallRequest(program=program(subject, 0), calls=claims, lost_limit=MOST_LOST)
        return Needs((request,), state=_Called(claims))

    def _evaluate(self, subject: Subject, claims: tuple[Arguments, ...], result: Result) -> Plan:
        report = calls(result, len(claims))
        wanted = checks(subject.task, tuple(zip(claims, report.outcomes, strict=True)))
        if not wanted:
            return self._undecided("no claimed counter-example gave a value when it was called")
        return Needs(tuple(check.request(subject.task) for check in wanted), state=_Evaluated(wanted))

    def _shrink(
        self, subject: Subject, wanted: tuple[Check, ...], needs: Needs, results: tuple[Result, ...], language: Language
    ) -> Plan:
        pairs = zip(results, needs.requests, strict=True)
        reports = [conditions(result, request) for result, request in pairs if isinstance(request, ConditionRequest)]
        # Without a truth value it may be the condition that is at fault.
        breaches = smallest(breach for breach in broken(wanted, reports) if breach.truth is Truth.FALSE)
        if not breaches:
            return self._undecided("no claimed counter-example broke a contract when it was called")
        return self._after(subject, shrink(subject, Found(breaches)), language)

    def _after(self, subject: Subject, progress: Needs | Found, language: Language) -> Plan:
        """Go on shrinking, or name each broken condition with the smallest input that breaks it."""
        if isinstance(progress, Needs):
            return progress
        found = [breach_finding(subject, language, breach) for breach in progress.breaches]
        told = [item.model_copy(update={"message": f"{item.message} (found by symbolic search)"}) for item in found]
        return judged(self.name, told)

    def _undecided(self, why: str) -> Settled:
        return not_run(self.name, f"undecided: {why}")


def _ordinary(value: Value) -> bool:
    """Say whether a value can be called with, and all its floats are finite and of a size that contracts speak of."""
    if any(part[0] == "object" for part in parts(value)):
        return False
    return all(math.isfinite(number) and abs(number) <= _LARGEST_FLOAT for number in floats(value))
