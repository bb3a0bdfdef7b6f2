"""What breaks a contract or a property, and the rounds that look for smaller inputs which break it too.

It asks only: each round proposes simpler inputs, drops those outside the promise, and calls the rest. A round that
brings nothing is the last one, and so is one that loses a call, since each of those may cost its whole time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest

from millwright.core.verification.conditions import Check, checks
from millwright.core.verification.evidence import Arguments, input_names, program
from millwright.core.verification.layer import Needs, Request, Result, Subject
from millwright.core.verification.preconditions import accepted, admission_request
from millwright.core.verification.reports import calls, conditions, properties
from millwright.core.verification.shrinking import MOST_PROPOSALS, smaller
from millwright.core.verification.simplicity import size
from schemas.execution import (
    CallRequest,
    ConditionReport,
    ConditionRequest,
    Ending,
    Outcome,
    OutcomeKind,
    PropertyReport,
    PropertyRequest,
    Truth,
)
from schemas.specification import Condition, Property
from schemas.values import canonical_text

MOST_ROUNDS = 5
"""Rounds of shrinking; a halving gains most in the first ones."""

_LOST_WHILE_SHRINKING = 1
_ROUND_SECONDS = 5.0
"""What a run of a round may take: the verdict stands already, and only how small its input is depends on it."""


@dataclass(frozen=True)
class Breach:
    """A condition that was false or had no truth value after a call; one that was lost is no breach."""

    condition: Condition
    arguments: Arguments
    outcome: Outcome
    truth: Truth


@dataclass(frozen=True)
class Failure:
    """A property that did not hold; ``outcome`` is what the trial saw on this input, ``lost`` that no answer came."""

    property: Property
    arguments: Arguments
    reason: str
    outcome: Outcome | None = None
    lost: bool = False


@dataclass(frozen=True)
class Found:
    """The smallest input known for each condition and for each property that does not hold."""

    breaches: tuple[Breach, ...] = ()
    failures: tuple[Failure, ...] = ()


NOTHING = Found()
"""What is known where nothing was broken."""


@dataclass(frozen=True)
class _Round:
    """One round; ``seen`` holds the texts of all inputs that were proposed so far."""

    found: Found
    number: int
    seen: frozenset[str]
    proposals: tuple[Arguments, ...]


@dataclass(frozen=True)
class _Admitting:
    """Waiting to know which proposals are promised."""

    round: _Round


@dataclass(frozen=True)
class _Breaking:
    """Waiting for what the candidate does on the proposals."""

    round: _Round


@dataclass(frozen=True)
class _Evaluating:
    """Waiting for the conditions after the calls on the proposals; ``last`` where a call was lost."""

    round: _Round
    found: Found
    checks: tuple[Check, ...]
    last: bool


def key(arguments: Arguments) -> str:
    """Return what makes two argument lists the same input."""
    return "\n".join(map(canonical_text, arguments))


def smallest(breaches: Iterable[Breach]) -> tuple[Breach, ...]:
    """Keep the smallest breach of each condition, the smallest of all first."""
    ordered = sorted(breaches, key=lambda breach: size(breach.arguments))
    first: dict[tuple[str, str], Breach] = {}
    for breach in ordered:
        first.setdefault((breach.condition.name, breach.condition.expression), breach)
    return tuple(first.values())


def broken(asked: Sequence[Check], reports: Sequence[ConditionReport]) -> tuple[Breach, ...]:
    """List every breach that the evaluations of the checks show."""
    return tuple(
        Breach(condition, arguments, outcome, truth)
        for check, report in zip(asked, reports, strict=True)
        for condition, (arguments, outcome), truth in check.failing(report)
    )


def shrink(subject: Subject, found: Found) -> Needs | Found:
    """Begin to look for smaller inputs; what was found itself where there is nothing to shrink."""
    return _next_round(subject, _Round(found, 0, frozenset(), ()))


def go_on(subject: Subject, needs: Needs, results: tuple[Result, ...]) -> Needs | Found | None:
    """Go on with the rounds; None where ``needs`` is not one of theirs."""
    match needs.state, needs.requests:
        case _Admitting(round_), (ConditionRequest() as request,):
            kept = accepted(round_.proposals, conditions(results[0], request))
            return _break(subject, replace(round_, proposals=kept))
        case _Breaking(round_), _:
            return _broken(subject, round_, needs.requests, results)
        case _Evaluating(round_, found, asked, last), _:
            reports = _evaluations(needs.requests, results)
            return _ended(subject, round_, replace(found, breaches=_smaller_breaches(found, asked, reports)), last)
    return None


def _evaluations(requests: Sequence[Request], results: Sequence[Result]) -> list[ConditionReport]:
    pairs = zip(requests, results, strict=True)
    return [conditions(result, request) for request, result in pairs if isinstance(request, ConditionRequest)]


def _next_round(subject: Subject, before: _Round) -> Needs | Found:
    found = before.found
    targets = [breach.arguments for breach in found.breaches]
    targets += [failure.arguments for failure in found.failures if not failure.lost]
    if before.number == MOST_ROUNDS or not targets:
        return found
    unique = {key(arguments): arguments for arguments in targets}
    in_turn = chain.from_iterable(zip_longest(*(smaller(arguments, subject.task) for arguments in unique.values())))
    fresh = {key(item): item for item in in_turn if item is not None and key(item) not in before.seen}
    if not fresh:
        return found
    chosen = list(fresh.items())[:MOST_PROPOSALS]
    proposals = tuple(sorted((item for _, item in chosen), key=lambda item: (size(item), key(item))))
    round_ = _Round(found, before.number + 1, before.seen | {text for text, _ in chosen}, proposals)
    request = admission_request(subject.task, proposals)
    return _break(subject, round_) if request is None else Needs((request,), state=_Admitting(round_))


def _break(subject: Subject, round_: _Round) -> Needs | Found:
    """Ask what the candidate does on the proposals: by calls for contracts, by the properties themselves for those."""
    if not round_.proposals:
        return round_.found
    whole = program(subject, 1)
    limits = whole.limits.model_copy(update={"wall_seconds": _ROUND_SECONDS, "cpu_seconds": _ROUND_SECONDS})
    whole = whole.model_copy(update={"limits": limits})
    requests: list[Request] = []
    if round_.found.breaches:
        requests.append(CallRequest(program=whole, calls=round_.proposals, lost_limit=_LOST_WHILE_SHRINKING))
    failed = tuple(failure.property for failure in round_.found.failures if not failure.lost)
    if failed:
        names = input_names(subject.task)
        requests.append(PropertyRequest(program=whole, properties=failed, calls=round_.proposals, input_names=names))
    return Needs(tuple(requests), state=_Breaking(round_))


def _broken(subject: Subject, round_: _Round, requests: Sequence[Request], results: Sequence[Result]) -> Needs | Found:
    found, last = round_.found, False
    asked: tuple[Check, ...] = ()
    for request, result in zip(requests, results, strict=True):
        if isinstance(request, PropertyRequest):
            report = properties(result, [item.name for item in request.properties])
            found = replace(found, failures=_smaller_failures(found, round_.proposals, report))
            last = last or report.ending is not Ending.COMPLETED
        elif isinstance(request, CallRequest):
            called = calls(result, len(request.calls))
            asked = checks(subject.task, tuple(zip(request.calls, called.outcomes, strict=True)))
            last = last or any(outcome.kind is OutcomeKind.LOST for outcome in called.outcomes)
    if not asked:
        return _ended(subject, round_, found, last)
    wanted = tuple(check.request(subject.task) for check in asked)
    return Needs(wanted, state=_Evaluating(round_, found, asked, last))


def _ended(subject: Subject, round_: _Round, found: Found, last: bool) -> Needs | Found:
    if last or found == round_.found:
        return found
    return _next_round(subject, replace(round_, found=found))


def _smaller_failures(found: Found, proposals: Sequence[Arguments], report: PropertyReport) -> tuple[Failure, ...]:
    """Replace the failures for which a smaller input fails too; the proposals come smallest first.

    A run that lost the candidate shows no failure of the kind that is being shrunk.
    """
    if report.ending is not Ending.COMPLETED or report.load_error is not None:
        return found.failures
    known = {result.name: result.failure for result in report.results if result.failure is not None}
    failures: list[Failure] = []
    for failure in found.failures:
        seen = None if failure.lost else known.get(failure.property.name)
        if seen is not None and 0 <= seen.call < len(proposals):
            arguments = proposals[seen.call]
            if size(arguments) < size(failure.arguments):
                failure = replace(failure, arguments=arguments, reason=seen.reason)
        failures.append(failure)
    return tuple(failures)


def _smaller_breaches(found: Found, asked: Sequence[Check], reports: Sequence[ConditionReport]) -> tuple[Breach, ...]:
    """Take the smallest breach of each condition that was broken before; others are not looked for.

    Only a truth of the same kind replaces one: an input on which the condition cannot be evaluated shows another fault.
    """
    wanted = {(breach.condition.name, breach.condition.expression, breach.truth) for breach in found.breaches}
    new = [
        breach
        for breach in broken(asked, reports)
        if (breach.condition.name, breach.condition.expression, breach.truth) in wanted
    ]
    return smallest((*found.breaches, *new))
