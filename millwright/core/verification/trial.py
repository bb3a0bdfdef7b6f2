"""The one run of a candidate that several layers read: its examples, then every other input that is promised.

It carries nothing out. Layers that ask for the same trial ask with equal requests, so that it is made once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from millwright.core.verification.evidence import MOST_LOST, Arguments, Example, every_input, examples, program
from millwright.core.verification.layer import Subject
from millwright.core.verification.preconditions import accepted, precondition_request
from schemas.execution import CallRequest, ConditionReport, ConditionRequest


@dataclass(frozen=True)
class Trial:
    """What a candidate is tried on: ``calls`` are the examples' arguments in order, then the other promised inputs."""

    examples: tuple[Example, ...]
    calls: tuple[Arguments, ...]

    def request(self, subject: Subject) -> CallRequest:
        """Ask for the trial; it ends early at a few lost calls."""
        return CallRequest(program=program(subject, len(self.examples)), calls=self.calls, lost_limit=MOST_LOST)


def promise(subject: Subject) -> ConditionRequest | None:
    """Ask which of the subject's inputs are promised; None when all are. The same for all candidates of a task."""
    return precondition_request(subject.task, every_input(subject))


def trial(subject: Subject, report: ConditionReport | None) -> Trial:
    """Lay out the trial by the answer to ``promise``, None where nothing was asked.

    Examples are promised by being stated. Raises SpecificationInvalid where they cannot be decoded.
    """
    cases = examples(subject.task)
    inputs: Sequence[Arguments] = every_input(subject)
    rest = inputs[len(cases) :]
    if report is not None:
        rest = accepted(rest, ConditionReport(truths=report.truths[len(cases) :]))
    return Trial(cases, (*(case.arguments for case in cases), *rest))
