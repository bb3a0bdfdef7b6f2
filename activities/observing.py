"""Watches how one candidate behaves: what makes its vote, and its merit among its equals.

It compares no two candidates, and judges none right or wrong.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from activities.recall import Recall
from millwright.core.signature import behaviour_signature, is_deterministic, is_useless, records_of
from millwright.core.verification.evidence import MOST_LOST, Arguments, output_type
from millwright.core.verification.languages import language_named
from millwright.core.verification.layer import Subject
from millwright.core.verification.preconditions import accepted, admission_request
from millwright.core.verification.reports import calls, conditions
from millwright.core.verification.trial import Trial, promise, trial
from millwright.ports import Sandbox
from schemas.election import Flag, Merit
from schemas.execution import CallReport, CallRequest, Ending, Outcome, OutcomeKind
from schemas.identity import Digest
from schemas.specification import TaskSpecification

_QUICK_SECONDS = 0.1
"""CPU time over all inputs below which nobody is called slow; each class above it is four times as slow."""


@dataclass(frozen=True)
class Observation:
    """How a candidate behaves: its vote (None where a flag stops it), and its merit among its equals."""

    signature: Digest | None
    flag: Flag | None
    merit: Merit
    detail: str = ""


class Observer:
    """Runs candidates through a sandbox."""

    def __init__(self, sandbox: Sandbox, recall: Recall) -> None:
        self._sandbox, self._recall = sandbox, recall

    async def observe(self, subject: Subject) -> Observation:
        """Run a candidate twice over the promised examples and inputs, and digest what it did.

        A run ends at a few lost calls; the second one leaves out what the first one lost, since lost calls are not
        compared.

        Raises:
            SandboxUnavailable: nothing is known of the candidate.
            SpecificationInvalid: the task's own examples or types cannot be decoded.
        """
        language = language_named(subject.task.target_language)
        laid_out = await lay_out(self._recall, subject)
        if not laid_out.calls:
            # Without a call there is no behaviour to compare: only equal code is then the same vote.
            text = f"not called\n{language.canonical(subject.source)}"
            signature = Digest(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest())
            return Observation(signature, None, merit_of(subject, ()), "no promised input could be tried")
        request = laid_out.request(subject)
        first = await tried(self._sandbox, self._recall, subject, laid_out)
        answered = [index for index, outcome in enumerate(first.outcomes) if outcome.kind is not OutcomeKind.LOST]
        second = list(first.outcomes)
        if answered:
            calls_again = tuple(laid_out.calls[index] for index in answered)
            again = await self._called(CallRequest(program=request.program, calls=calls_again, lost_limit=MOST_LOST))
            for index, outcome in zip(answered, again.outcomes, strict=True):
                second[index] = outcome
        flag, detail = _flagged(subject, first, second)
        merit = merit_of(subject, first.outcomes)
        return Observation(None if flag else _signature(subject, first), flag, merit, detail)

    async def _called(self, request: CallRequest) -> CallReport:
        return calls(await self._sandbox.call(request), len(request.calls))


async def lay_out(recall: Recall, subject: Subject) -> Trial:
    """Lay out a candidate's trial over the promised inputs. Raises as ``Observer.observe`` does."""
    asked = promise(subject)
    told = conditions(await recall.evaluate(asked), asked) if asked is not None else None
    return trial(subject, told)


async def admitted(sandbox: Sandbox, task: TaskSpecification, inputs: Sequence[Arguments]) -> tuple[Arguments, ...]:
    """Keep the inputs, which nobody drew, that satisfy the task's constraints and preconditions.

    Raises:
        SandboxUnavailable: nothing is known of them.
    """
    asked = admission_request(task, inputs)
    if asked is None:
        return tuple(inputs)
    return accepted(inputs, conditions(await sandbox.evaluate(asked), asked))


async def tried(sandbox: Sandbox, recall: Recall, subject: Subject, laid_out: Trial) -> CallReport:
    """Make a candidate's trial; one that was lost while its module loaded is made once more: it may be the machine.

    Raises:
        SandboxUnavailable: nothing is known of the candidate.
    """
    request = laid_out.request(subject)
    report = calls(await recall.call(request), len(laid_out.calls))
    if report.load_error is None or report.ending is Ending.COMPLETED:
        return report
    return calls(await sandbox.call(request), len(laid_out.calls))


def merit_of(subject: Subject, outcomes: Sequence[Outcome]) -> Merit:
    """Measure a candidate's text, and how slow its run was by its own account."""
    seconds = sum(outcome.cpu_seconds for outcome in outcomes)
    slowness = 0 if seconds <= _QUICK_SECONDS else math.ceil(math.log(seconds / _QUICK_SECONDS, 4))
    merit = language_named(subject.task.target_language).measure(subject.source)
    return merit.model_copy(update={"slowness": slowness})


def _flagged(subject: Subject, first: CallReport, second: Sequence[Outcome]) -> tuple[Flag | None, str]:
    if first.load_error is not None:
        return Flag.USELESS, f"importing it fails: {first.load_error}"
    if is_useless(first.outcomes, subject.task):
        return Flag.USELESS, "it gives no value for any input"
    if not is_deterministic(first.outcomes, second):
        return Flag.NONDETERMINISTIC, "two runs over the same inputs differ"
    return None, ""


def _signature(subject: Subject, report: CallReport) -> Digest:
    task = subject.task
    tolerances = [case.tolerance for case in task.test_cases if case.tolerance]
    return behaviour_signature(report.outcomes, output_type(task), min(tolerances, default=None), records_of(task))
