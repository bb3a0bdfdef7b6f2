"""The eight layers in their fixed order, and what their verdicts mean together.

It climbs nothing: carrying out what layers ask for is the climber's affair.
"""

from collections.abc import Iterable

from millwright.core.verification.language import Language
from millwright.core.verification.layer import Layer, Plan, Subject, not_run
from millwright.core.verification.layers.contracts import ContractsLayer
from millwright.core.verification.layers.performance import PerformanceLayer
from millwright.core.verification.layers.property_tests import PropertyTestsLayer
from millwright.core.verification.layers.security import SecurityLayer
from millwright.core.verification.layers.static_analysis import StaticAnalysisLayer
from millwright.core.verification.layers.syntax import SyntaxLayer
from millwright.core.verification.layers.types import TypesLayer
from millwright.core.verification.layers.unit_tests import UnitTestsLayer
from schemas.identity import LayerName
from schemas.verification import Confirmation, Verdict, VerdictStatus

LADDER: tuple[Layer, ...] = (
    SyntaxLayer(),
    TypesLayer(),
    ContractsLayer(),
    UnitTestsLayer(),
    PropertyTestsLayer(),
    StaticAnalysisLayer(),
    SecurityLayer(),
    PerformanceLayer(),
)
"""Every layer, in the order in which it is climbed."""


def layer_named(name: LayerName) -> Layer:
    """Return the layer of this name."""
    return next(layer for layer in LADDER if layer.name is name)


def begin(layer: Layer, subject: Subject, language: Language) -> Plan:
    """Plan a layer; above the first one, source that does not compile is not run.

    Raises:
        SpecificationInvalid: the task's own examples or types cannot be decoded.
    """
    if layer.name is not LayerName.SYNTAX:
        problem = language.loads(subject.source)
        if problem is not None:
            return not_run(layer.name, f"the source is no module: {problem}")
    return layer.plan(subject, language)


def confirmed(before: Verdict, title: str, answer: Verdict) -> Verdict:
    """Add what a further look came to; one that rejects makes the verdict a rejection, any other leaves its status."""
    look = Confirmation(title=title, status=answer.status, reason=answer.reason, seconds=answer.seconds)
    status = VerdictStatus.REJECTED if answer.status is VerdictStatus.REJECTED else before.status
    earlier = tuple(known for known in before.confirmations if known.title != title)
    findings = (*answer.findings, *(known for known in before.findings if known not in answer.findings))
    return before.model_copy(
        update={"status": status, "findings": findings, "confirmations": (*earlier, look)},
    )


def rejected_by(verdicts: Iterable[Verdict]) -> LayerName | None:
    """Return the first layer that rejected; None when none did."""
    return next((item.layer for item in verdicts if item.status is VerdictStatus.REJECTED), None)


def is_verified(verdicts: Iterable[Verdict]) -> bool:
    """Say whether every layer of the ladder answered, and none with a rejection, an error or not at all."""
    fine = {VerdictStatus.PASSED, VerdictStatus.NOT_APPLICABLE}
    answered = {item.layer: item.status for item in verdicts}
    return all(answered.get(layer.name) in fine for layer in LADDER)
