"""Layer 5: the specification's properties hold over the examples' inputs and the generated ones.

A property that cannot be run is the specification's fault, and says nothing of the candidate. Nothing is shrunk here.
"""

from dataclasses import dataclass

from millwright.core.verification.evidence import Arguments, every_input, input_names, program, shown_call
from millwright.core.verification.language import Language
from millwright.core.verification.layer import Needs, Plan, Result, Subject, in_error, judged, not_applicable
from millwright.core.verification.preconditions import accepted, precondition_request
from millwright.core.verification.reports import conditions, properties
from schemas.execution import ConditionRequest, Ending, PropertyReport, PropertyRequest
from schemas.identity import LayerName
from schemas.verification import Finding


@dataclass(frozen=True)
class _Promised:
    """Waiting to know which inputs are promised."""

    inputs: tuple[Arguments, ...]


@dataclass(frozen=True)
class _Running:
    """Waiting for the properties."""

    inputs: tuple[Arguments, ...]


class PropertyTestsLayer:
    """Rejects a candidate for which a property does not hold."""

    name = LayerName.PROPERTY_TESTS

    def plan(self, subject: Subject, language: Language) -> Plan:
        """Ask which inputs are promised, or run the properties at once where all are."""
        if not subject.task.properties:
            return not_applicable(self.name, "the specification has no properties")
        inputs = every_input(subject)
        if not inputs:
            return not_applicable(self.name, "there are no examples and no inputs to try")
        request = precondition_request(subject.task, inputs)
        if request is None:
            return self._run(subject, inputs)
        return Needs((request,), state=_Promised(inputs))

    def judge(self, subject: Subject, needs: Needs, results: tuple[Result, ...], language: Language) -> Plan:
        """Go on from promised inputs to properties, and from those to the verdict."""
        match needs.state, needs.requests:
            case _Promised(inputs), (ConditionRequest() as request,):
                return self._run(subject, accepted(inputs, conditions(results[0], request)))
            case _Running(inputs), _:
                names = [item.name for item in subject.task.properties]
                return self._verdict(subject, inputs, properties(results[0], names), language)
        raise AssertionError("the property tests layer was given a state that is not its own")

    def _run(self, subject: Subject, inputs: tuple[Arguments, ...]) -> Plan:
        if not inputs:
            return not_applicable(self.name, "no input that was tried satisfies the preconditions")
        request = PropertyRequest(
            program=program(subject, len(subject.task.test_cases)),
            properties=subject.task.properties,
            calls=inputs,
            input_names=input_names(subject.task),
        )
        return Needs((request,), state=_Running(inputs))

    def _verdict(
        self, subject: Subject, inputs: tuple[Arguments, ...], report: PropertyReport, language: Language
    ) -> Plan:
        line = language.definition_line(subject.source, subject.task.name)
        if report.load_error is not None:
            message = f"importing it fails: {report.load_error}"
            return judged(self.name, [Finding(code="does-not-load", message=message, line=line)])
        broken = [f"{item.name}: {item.broken}" for item in report.results if item.broken is not None]
        if broken:
            return in_error(self.name, f"the specification's own property cannot be run: {'; '.join(broken)}")
        findings = [
            Finding(
                code="property-fails",
                message=f"{item.name} does not hold for {_place(subject, inputs, item.failure.call)}: "
                f"{item.failure.reason}",
                line=line,
            )
            for item in report.results
            if item.failure is not None
        ]
        if not findings and report.ending is not Ending.COMPLETED:
            seen = min(item.checked for item in report.results)
            message = f"the properties could be tried on {seen} of {len(inputs)} inputs only: {report.ending.value}"
            findings.append(Finding(code="property-fails", message=message, line=line))
        return judged(self.name, findings)


def _place(subject: Subject, inputs: tuple[Arguments, ...], call: int) -> str:
    return shown_call(subject.task, inputs[call]) if 0 <= call < len(inputs) else "an input"
