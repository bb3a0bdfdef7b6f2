"""Tries a candidate and looks for what breaks its contracts and properties: the questions of layers 3 and 5.

It asks and reads answers; whether what was found rejects is the layers' to say. Both layers ask with equal requests,
so that the contracts are evaluated once. What the machine may have caused (a process that was lost, an evaluation
without a truth) is asked again before it counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from millwright.core.verification import counterexamples
from millwright.core.verification.conditions import Check, checks
from millwright.core.verification.counterexamples import NOTHING, Breach, Failure, Found, broken, key, smallest
from millwright.core.verification.evidence import input_names, program
from millwright.core.verification.layer import Needs, Request, Result, Subject
from millwright.core.verification.remembered import remembered
from millwright.core.verification.reports import calls, conditions, properties
from millwright.core.verification.simplicity import size
from millwright.core.verification.trial import Seen, Tried, follow, start
from schemas.execution import (
    CallReport,
    CallRequest,
    ConditionReport,
    ConditionRequest,
    Ending,
    OutcomeKind,
    PropertyReport,
    PropertyRequest,
    Truth,
)
from schemas.specification import Property, TaskSpecification

_CLEAR = frozenset({Truth.TRUE, Truth.FALSE})
_LOST_IN_MORE = 1
"""Lost calls that the second run over inputs bears; the trial has lost some already."""


@dataclass(frozen=True)
class Aim:
    """What is looked for: breaches of contracts (on examples too, or on other inputs alone), and of properties."""

    contracts: bool
    on_examples: bool = True
    properties: tuple[Property, ...] = ()


@dataclass(frozen=True)
class Examined:
    """What came of it.

    ``seen`` are the promised inputs with what is known of each. ``unrunnable`` names the properties that cannot be run,
    and why; ``unfinished`` those that could not be tried on all inputs since the candidate was lost. ``unevaluated``
    names the conditions over which the evaluator was lost twice, where nothing else is clearly wrong. ``malformed``
    says what was wrong with the answers of two runs: no exception and no time-out, but a process that does not keep to
    one well-formed line for each call, so that its contracts cannot be seen.
    """

    tried: Tried
    seen: tuple[Seen, ...] = ()
    found: Found = NOTHING
    unrunnable: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()
    unevaluated: tuple[str, ...] = ()
    load_error: str | None = None
    load_line: int | None = None
    malformed: str | None = None

    def was_evaluated(self, task: TaskSpecification, on_examples: bool) -> bool:
        """Say whether any condition could be evaluated, on the inputs that are no examples if those do not count."""
        if on_examples:
            return bool(_checks(task, self.seen))
        return bool(_checks(task, tuple(item for item in self.seen if not item.is_example)))


@dataclass(frozen=True)
class _Run:
    """Some properties over the inputs from a position on."""

    properties: tuple[Property, ...]
    start: int
    request: PropertyRequest


@dataclass(frozen=True)
class _More:
    """Waiting for the calls, at these positions, that the trial did not reach."""

    tried: Tried
    seen: tuple[Seen, ...]
    positions: tuple[int, ...]


@dataclass(frozen=True)
class _Asked:
    """Waiting for conditions and properties; ``again`` where what was doubtful is asked a second time."""

    examined: Examined
    checks: tuple[Check, ...]
    runs: tuple[_Run, ...]
    again: bool = False
    breaches: tuple[Breach, ...] = ()


@dataclass(frozen=True)
class _Shrinking:
    """Waiting for a round of shrinking, whose own state is inside."""

    examined: Examined
    inner: object


@remembered
def _checks(task: TaskSpecification, seen: tuple[Seen, ...]) -> tuple[Check, ...]:
    return checks(task, tuple((item.arguments, item.outcome) for item in seen))


def has_contracts(task: TaskSpecification) -> bool:
    """Say whether the task states anything that must hold after a call."""
    return bool(task.postconditions or task.invariants)


def begin(subject: Subject) -> Needs:
    """Ask for the trial, or for what must be known before. Raises SpecificationInvalid as ``trial`` does."""
    return start(subject)


def go_on(subject: Subject, aim: Aim, needs: Needs, results: tuple[Result, ...]) -> Needs | Examined:
    """Take the answers, and ask on until all is known."""
    step = follow(subject, needs, results)
    if isinstance(step, Needs):
        return step
    if step is not None:
        return _tried(subject, aim, step)
    match needs.state:
        case _More(tried, seen, positions):
            report = calls(results[0], len(positions))
            examined = Examined(tried, _merged(seen, positions, report))
            if report.ending is Ending.MALFORMED and tried.report.ending is Ending.MALFORMED:
                lost = (item.message for item in report.outcomes if item.kind is OutcomeKind.LOST)
                return replace(examined, malformed=next(lost, "") or report.ending.value)
            return _ask(subject, aim, examined)
        case _Asked() as asked:
            return _answered(subject, aim, asked, needs.requests, results)
        case _Shrinking(examined, inner):
            return _shrunk(examined, counterexamples.go_on(subject, replace(needs, state=inner), results))
    raise AssertionError("the examination was given a state that is not its own")


def _tried(subject: Subject, aim: Aim, tried: Tried) -> Needs | Examined:
    """Go on from the trial, by a second run over what it did not reach where contracts would otherwise see little."""
    if tried.report.load_error is not None:
        return Examined(tried, load_error=tried.report.load_error, load_line=tried.report.load_line)
    seen = tried.seen()
    positions = _worth_another_run(tried, seen) if aim.contracts else ()
    if not positions:
        return _ask(subject, aim, Examined(tried, seen))
    request = CallRequest(
        program=program(subject, len(tried.trial.examples)),
        calls=tuple(seen[index].arguments for index in positions),
        lost_limit=_LOST_IN_MORE,
    )
    return Needs((request,), state=_More(tried, seen, positions))


def _worth_another_run(tried: Tried, seen: Sequence[Seen]) -> tuple[int, ...]:
    """Choose the inputs for a second run, the smallest first; none where an example took all its time.

    Then the next layer has its reason already, and each further call may take as long. What was lost otherwise than by
    time comes last once more: a process may have been killed from outside.
    """
    lost = [index for index, item in enumerate(seen) if item.outcome.kind is OutcomeKind.LOST]
    slow = tried.report.ending is Ending.TIMED_OUT
    if slow and any(seen[index].is_example for index in lost):
        return ()
    unreached = sorted((index for index in lost if not seen[index].reached), key=lambda at: size(seen[at].arguments))
    return tuple(unreached) + (() if slow else tuple(index for index in lost if seen[index].reached))


def _merged(seen: Sequence[Seen], positions: Sequence[int], report: CallReport) -> tuple[Seen, ...]:
    merged = list(seen)
    for index, outcome in zip(positions, report.outcomes, strict=True):
        if outcome.kind is not OutcomeKind.LOST:
            merged[index] = replace(seen[index], outcome=outcome, reached=True)
    return tuple(merged)


def _ask(subject: Subject, aim: Aim, examined: Examined) -> Needs | Examined:
    """Ask for the conditions after the calls, and for the properties beside them."""
    wanted = _checks(subject.task, examined.seen) if aim.contracts else ()
    runs: tuple[_Run, ...] = ()
    if aim.properties and examined.seen:
        runs = (_run(subject, examined, aim.properties, 0, known=True),)
    return _needs(subject, _Asked(examined, wanted, runs), slow=False)


def _needs(subject: Subject, asked: _Asked, slow: bool) -> Needs | Examined:
    requests: list[Request] = [check.request(subject.task) for check in asked.checks]
    requests += [run.request for run in asked.runs]
    return Needs(tuple(requests), state=asked, alone=slow) if requests else asked.examined


def _run(subject: Subject, examined: Examined, wanted: tuple[Property, ...], at: int, known: bool) -> _Run:
    rest = examined.seen[at:]
    request = PropertyRequest(
        program=program(subject, len(subject.task.test_cases)),
        properties=wanted,
        calls=tuple(item.arguments for item in rest),
        input_names=input_names(subject.task),
        known=tuple(item.outcome for item in rest) if known else (),
    )
    return _Run(wanted, at, request)


def _answered(
    subject: Subject, aim: Aim, asked: _Asked, requests: Sequence[Request], results: Sequence[Result]
) -> Needs | Examined:
    """Sort the answers into what counts and what is asked once more."""
    count = len(asked.checks)
    told = [
        conditions(result, request)
        for request, result in zip(requests[:count], results[:count], strict=True)
        if isinstance(request, ConditionRequest)
    ]
    examined, doubts, slow = asked.examined, [], False
    for run, result in zip(asked.runs, results[count:], strict=True):
        report = properties(result, [item.name for item in run.properties])
        examined, more = _read(subject, examined, run, report, asked.again)
        doubts += more
        slow = slow or report.ending is Ending.TIMED_OUT
    breaches = (*asked.breaches, *broken(asked.checks, told))
    if not asked.again:
        unclear, breaches = _unclear(asked.checks, told, breaches)
        if unclear or doubts:
            again = _Asked(examined, unclear, tuple(doubts), again=True, breaches=breaches)
            return _needs(subject, again, slow or any(Truth.LOST in row for report in told for row in report.truths))
    found = replace(examined.found, breaches=smallest(_counted(aim, examined, breaches)))
    examined = replace(examined, found=found)
    if not _is_clear(examined):
        examined = replace(examined, unevaluated=_lost(aim, examined, asked.checks, told))
    if examined.load_error is not None or examined.unrunnable or examined.unevaluated:
        return examined
    return _shrunk(examined, counterexamples.shrink(subject, found))


def _unclear(
    asked: Sequence[Check], told: Sequence[ConditionReport], breaches: tuple[Breach, ...]
) -> tuple[tuple[Check, ...], tuple[Breach, ...]]:
    """Part the calls after which some condition had no truth value from the breaches that are clear.

    The evaluator may have died over them. What is false is so whatever became of the rest. The first of them is asked
    twice over, so that the question is never equal to one that was answered before.
    """
    unclear: list[Check] = []
    doubtful: set[str] = set()
    for check, report in zip(asked, told, strict=True):
        pairs = zip(check.seen, report.truths, strict=True)
        seen = tuple(item for item, truths in pairs if not _CLEAR.issuperset(truths))
        if seen:
            unclear.append(Check(check.conditions, (*seen, seen[0])))
            doubtful |= {key(arguments) for arguments, _ in seen}
    clear = (item for item in breaches if item.truth is Truth.FALSE or key(item.arguments) not in doubtful)
    return tuple(unclear), tuple(clear)


def _is_clear(examined: Examined) -> bool:
    """Say whether something is wrong with the candidate that no lost evaluation can excuse."""
    found = examined.found
    return bool(found.failures or examined.unfinished or any(item.truth is Truth.FALSE for item in found.breaches))


def _lost(aim: Aim, examined: Examined, asked: Sequence[Check], told: Sequence[ConditionReport]) -> tuple[str, ...]:
    """Name the conditions over which the evaluator was lost, on the inputs that count."""
    own = _left_out(aim, examined)
    named = {
        f"{condition.name} ({condition.expression})": None
        for check, report in zip(asked, told, strict=True)
        for condition, (arguments, _) in check.lost(report)
        if key(arguments) not in own
    }
    return tuple(named)


def _left_out(aim: Aim, examined: Examined) -> frozenset[str]:
    """Return the inputs whose breaches are another layer's to count."""
    if aim.on_examples:
        return frozenset()
    return frozenset(key(item.arguments) for item in examined.seen if item.is_example)


def _counted(aim: Aim, examined: Examined, breaches: Sequence[Breach]) -> list[Breach]:
    own = _left_out(aim, examined)
    return [breach for breach in breaches if key(breach.arguments) not in own]


def _read(
    subject: Subject, examined: Examined, run: _Run, report: PropertyReport, again: bool
) -> tuple[Examined, list[_Run]]:
    """Read a run of properties; what a lost process may have decided is to be run again, once."""
    if report.load_error is not None:
        if again:
            return replace(examined, load_error=report.load_error), []
        return examined, [_run(subject, examined, (item,), 0, known=False) for item in run.properties]
    failures: list[Failure] = []
    unrunnable: list[str] = []
    unfinished: list[str] = []
    doubts: list[_Run] = []
    lost = report.ending is not Ending.COMPLETED
    for item, result in zip(run.properties, report.results, strict=True):
        if result.broken is not None:
            unrunnable.append(f"{item.name}: {result.broken}")
            continue
        at = run.start + (result.checked if result.failure is None else result.failure.call)
        if result.failure is None and (not lost or at >= len(examined.seen)):
            continue
        if lost and not again and not _lost_before(examined.seen, at):
            doubts.append(_run(subject, examined, (item,), at, known=False))
        elif result.failure is None:
            unfinished.append(f"{item.name}: tried on {at} of {len(examined.seen)} inputs ({report.ending.value})")
        else:
            failures.append(_failure(examined.seen, item, at, result.failure.reason, lost))
    found = replace(examined.found, failures=(*examined.found.failures, *failures))
    return replace(
        examined,
        found=found,
        unrunnable=(*examined.unrunnable, *unrunnable),
        unfinished=(*examined.unfinished, *unfinished),
    ), doubts


def _failure(seen: Sequence[Seen], item: Property, at: int, reason: str, lost: bool) -> Failure:
    if not 0 <= at < len(seen):
        return Failure(item, (), reason, lost=True)
    return Failure(item, seen[at].arguments, reason, seen[at].outcome, lost)


def _lost_before(seen: Sequence[Seen], at: int) -> bool:
    """Say whether the trial has lost this very input: then a property that loses it has confirmed that."""
    return 0 <= at < len(seen) and seen[at].reached and seen[at].outcome.kind is OutcomeKind.LOST


def _shrunk(examined: Examined, step: Needs | Found | None) -> Needs | Examined:
    if isinstance(step, Needs):
        return replace(step, state=_Shrinking(examined, step.state))
    if step is None:
        raise AssertionError("the examination was given a state that is not its own")
    return replace(examined, found=step)
