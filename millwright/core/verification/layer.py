"""What a layer of the ladder is: a pure pair that plans what it must be told, and judges what it was told.

It performs nothing: whoever climbs the ladder carries out the requests and brings the results back in order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from millwright.core.verification.language import Language
from schemas.execution import (
    CallReport,
    CallRequest,
    ConditionReport,
    ConditionRequest,
    PropertyReport,
    PropertyRequest,
)
from schemas.identity import LayerName
from schemas.specification import TaskSpecification
from schemas.verification import (
    AnalysisReport,
    AnalysisRequest,
    Finding,
    InputSet,
    Severity,
    Verdict,
    VerdictStatus,
)

Request = CallRequest | PropertyRequest | ConditionRequest | AnalysisRequest


@dataclass(frozen=True)
class Missing:
    """The answer to what this installation has no means for, as the second engine on some hosts; says why."""

    reason: str


Result = CallReport | PropertyReport | ConditionReport | AnalysisReport | Missing


@dataclass(frozen=True)
class Subject:
    """One candidate in its setting.

    ``source`` is the candidate's own module as assembled; ``modules`` maps paths to the text of everything importable,
    the candidate's own module at ``target`` included; ``module`` is its dotted name. ``inputs`` holds boundary and
    generated inputs only: the examples stand in the task. ``records_module`` is the dotted module that defines the
    task's records and errors.
    """

    task: TaskSpecification
    source: str
    modules: Mapping[str, str]
    target: str
    module: str
    inputs: InputSet
    records_module: str | None = None


@dataclass(frozen=True)
class Settled:
    """A layer that has its verdict."""

    verdict: Verdict


@dataclass(frozen=True)
class Needs:
    """A layer that must be told more: ``state`` comes back to ``judge`` unread.

    ``alone``: the requests are timed, so each is carried out while nothing else of the same batch runs. ``second``: the
    calls are for the second engine; without one each is answered by ``Missing``.
    """

    requests: tuple[Request, ...]
    state: object = field(default=None, compare=False)
    alone: bool = False
    second: bool = False


Plan = Settled | Needs


class Layer(Protocol):
    """One kind of check. Both methods are pure; a layer keeps nothing between calls."""

    @property
    def name(self) -> LayerName:
        """The layer's name."""
        ...

    def plan(self, subject: Subject, language: Language) -> Plan:
        """Settle at once, or say what must be known.

        Raises:
            SpecificationInvalid: the task's own examples or types cannot be decoded.
        """
        ...

    def judge(self, subject: Subject, needs: Needs, results: tuple[Result, ...], language: Language) -> Plan:
        """Judge the results of ``needs``, one per request and in order: settle, or ask for more."""
        ...


class Confirming(Layer, Protocol):
    """A further look at a winner, which deepens the layer of its name."""

    @property
    def title(self) -> str:
        """What is looked at, in a few words for the record."""
        ...


def judged(layer: LayerName, findings: Sequence[Finding]) -> Settled:
    """Settle as rejected if any finding is an error, else as passed; warnings stay attached."""
    rejected = any(finding.severity is Severity.ERROR for finding in findings)
    status = VerdictStatus.REJECTED if rejected else VerdictStatus.PASSED
    return Settled(Verdict(layer=layer, status=status, findings=tuple(findings)))


def not_applicable(layer: LayerName, reason: str, findings: Sequence[Finding] = ()) -> Settled:
    """Settle as not applicable, and say why."""
    return Settled(Verdict(layer=layer, status=VerdictStatus.NOT_APPLICABLE, reason=reason, findings=tuple(findings)))


def not_run(layer: LayerName, reason: str) -> Settled:
    """Settle as not run, and say why."""
    return Settled(Verdict(layer=layer, status=VerdictStatus.NOT_RUN, reason=reason))


def in_error(layer: LayerName, reason: str) -> Settled:
    """Settle as an error: nothing became known of the candidate."""
    return Settled(Verdict(layer=layer, status=VerdictStatus.ERROR, reason=reason))
