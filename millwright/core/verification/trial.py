"""The one run of a candidate that several layers read: its examples, then every other input that is promised.

It carries nothing out. Layers that ask for the same trial ask with equal requests, so that it is made once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from millwright.core.verification.evidence import MOST_LOST, Arguments, Example, every_input, examples, program
from millwright.core.verification.layer import Needs, Result, Subject
from millwright.core.verification.preconditions import accepted, few_inputs, precondition_request
from millwright.core.verification.remembered import remembered
from millwright.core.verification.reports import calls, conditions
from schemas.execution import CallReport, CallRequest, ConditionReport, ConditionRequest, Ending, Outcome, OutcomeKind
from schemas.specification import TaskSpecification
from schemas.verification import Finding

_LOST_AGAIN = MOST_LOST + 1
"""The bound of a trial that is made again: another one than the first time, since equal requests share an answer."""


@dataclass(frozen=True)
class Trial:
    """What a candidate is tried on: ``calls`` are the examples' arguments in order, then the other promised inputs.

    ``unpromised`` are the positions of examples that break a precondition, ``considered`` the inputs that there were.
    """

    examples: tuple[Example, ...]
    calls: tuple[Arguments, ...]
    unpromised: frozenset[int] = frozenset()
    considered: int = 0

    def request(self, subject: Subject) -> CallRequest:
        """Ask for the trial; it ends early at a few lost calls."""
        return _request(self, subject)

    def scarcity(self) -> tuple[Finding, ...]:
        """Warn where the preconditions accept nearly none of the inputs."""
        return few_inputs(len(self.calls) - len(self.unpromised), self.considered)


@remembered
def _request(whole: Trial, subject: Subject) -> CallRequest:
    return CallRequest(program=program(subject, len(whole.examples)), calls=whole.calls, lost_limit=MOST_LOST)


@dataclass(frozen=True)
class Seen:
    """One promised input and what the candidate did on it; ``reached`` is off where the trial had ended before it."""

    arguments: Arguments
    outcome: Outcome
    is_example: bool = False
    reached: bool = True


@dataclass(frozen=True)
class Tried:
    """A trial that was made."""

    trial: Trial
    report: CallReport

    def seen(self) -> tuple[Seen, ...]:
        """Return the promised inputs with their outcomes, in the trial's order.

        Of the lost ones the first few were tried, by the bound that the request sets; the rest were not reached.
        """
        return _seen(self.trial, self.report)


@remembered
def _seen(whole: Trial, report: CallReport) -> tuple[Seen, ...]:
    found: list[Seen] = []
    bearable = 0 if report.load_error is not None else MOST_LOST
    for index, (arguments, outcome) in enumerate(zip(whole.calls, report.outcomes, strict=True)):
        lost = outcome.kind is OutcomeKind.LOST
        if index not in whole.unpromised:
            found.append(Seen(arguments, outcome, index < len(whole.examples), not lost or bearable > 0))
        bearable -= lost
    return tuple(found)


@dataclass(frozen=True)
class _Promising:
    """Waiting to know which inputs are promised."""


@dataclass(frozen=True)
class _Trying:
    """Waiting for the trial; ``again`` where the first one was lost while the module was loading."""

    trial: Trial
    again: bool = False


def promise(subject: Subject) -> ConditionRequest | None:
    """Ask which of the subject's inputs are promised; None when all are. The same for all candidates of a task."""
    return _promise(subject.task, every_input(subject))


_promise = remembered(precondition_request)


def trial(subject: Subject, report: ConditionReport | None) -> Trial:
    """Lay out the trial by the answer to ``promise``, None where nothing was asked.

    Examples are promised by being stated. Raises SpecificationInvalid where they cannot be decoded.
    """
    return _laid_out(subject.task, every_input(subject), report)


@remembered
def _laid_out(task: TaskSpecification, inputs: Sequence[Arguments], report: ConditionReport | None) -> Trial:
    cases = examples(task)
    own = tuple(case.arguments for case in cases)
    rest = inputs[len(cases) :]
    if report is None:
        return Trial(cases, (*own, *rest), considered=len(inputs))
    kept = accepted(rest, ConditionReport(truths=report.truths[len(cases) :]))
    broken = frozenset(
        index
        for index, arguments in enumerate(own)
        if not accepted((arguments,), ConditionReport(truths=report.truths[index : index + 1]))
    )
    return Trial(cases, (*own, *kept), broken, len(inputs))


def start(subject: Subject) -> Needs:
    """Ask which inputs are promised, or for the trial at once where all are.

    Raises:
        SpecificationInvalid: the task's own examples or types cannot be decoded.
    """
    request = promise(subject)
    if request is not None:
        return Needs((request,), state=_Promising())
    whole = trial(subject, None)
    return Needs((whole.request(subject),), state=_Trying(whole))


def follow(subject: Subject, needs: Needs, results: tuple[Result, ...]) -> Needs | Tried | None:
    """Go on from promised inputs to the trial, and from it to what was seen; None where ``needs`` is not of the trial.

    A module that was lost while it loaded, instead of failing, is tried once more: it may have been the machine.
    """
    match needs.state, needs.requests:
        case _Promising(), (ConditionRequest() as request,):
            whole = trial(subject, conditions(results[0], request))
            if not whole.calls:
                return Tried(whole, CallReport(outcomes=()))
            return Needs((whole.request(subject),), state=_Trying(whole))
        case _Trying(whole, again), _:
            report = calls(results[0], len(whole.calls))
            if report.load_error is None or report.ending is Ending.COMPLETED or again:
                return Tried(whole, report)
            request_again = whole.request(subject).model_copy(update={"lost_limit": _LOST_AGAIN})
            slow = report.ending is Ending.TIMED_OUT
            return Needs((request_again,), state=_Trying(whole, again=True), alone=slow)
    return None
