"""Layer 5: the specification's properties hold over examples and generated inputs, its contracts over generated ones.

A property that cannot be run is the specification's fault, and says nothing of the candidate. A property speaks about
every input, also about those on which the candidate gives no answer.
"""

from millwright.core.verification.evidence import MOST_FINDINGS, every_input, not_loaded
from millwright.core.verification.examination import Aim, Examined, begin, go_on, has_contracts
from millwright.core.verification.language import Language
from millwright.core.verification.layer import Needs, Plan, Result, Subject, in_error, judged, not_applicable
from millwright.core.verification.wording import (
    breach_finding,
    failure_finding,
    few_answers,
    malformed_finding,
    no_promise,
    not_evaluated,
)
from schemas.identity import LayerName
from schemas.verification import Finding


class PropertyTestsLayer:
    """Rejects a candidate for which a property does not hold, or a contract does not on a generated input."""

    name = LayerName.PROPERTY_TESTS

    def plan(self, subject: Subject, language: Language) -> Plan:
        """Ask which inputs are promised, or for the trial at once where all are."""
        task = subject.task
        if not task.properties and not has_contracts(task):
            return not_applicable(self.name, "the specification has no properties and no contracts")
        inputs = every_input(subject)
        if not inputs:
            return not_applicable(self.name, "there are no examples and no inputs to try")
        if not task.properties and len(inputs) == len(task.test_cases):
            return not_applicable(self.name, "the specification has no properties, and there are no generated inputs")
        return begin(subject)

    def judge(self, subject: Subject, needs: Needs, results: tuple[Result, ...], language: Language) -> Plan:
        """Go on from the trial to conditions and properties, from those to smaller inputs, and to the verdict."""
        task = subject.task
        aim = Aim(contracts=has_contracts(task), on_examples=False, properties=task.properties)
        step = go_on(subject, aim, needs, results)
        return step if isinstance(step, Needs) else self._verdict(subject, step, language)

    def _verdict(self, subject: Subject, examined: Examined, language: Language) -> Plan:
        if examined.load_error is not None:
            return judged(self.name, [not_loaded(subject, language, examined.load_error, examined.load_line)])
        if examined.malformed is not None:
            return judged(self.name, [malformed_finding(subject, language, examined.malformed)])
        warnings = examined.tried.trial.scarcity()
        if not examined.seen:
            return not_applicable(self.name, no_promise(examined.tried.trial.considered), warnings)
        if examined.unrunnable:
            reasons = "; ".join(examined.unrunnable)
            return in_error(self.name, f"the specification's own property cannot be run: {reasons}")
        if examined.unevaluated:
            return in_error(self.name, not_evaluated(examined.unevaluated))
        found = examined.found
        line = language.definition_line(subject.source, subject.task.name)
        findings = [failure_finding(subject, language, failure) for failure in found.failures]
        findings += [Finding(code="property-fails", message=reason, line=line) for reason in examined.unfinished]
        findings += [breach_finding(subject, language, breach) for breach in found.breaches]
        if not subject.task.properties and not examined.was_evaluated(subject.task, on_examples=False):
            reason = "the specification has no properties, and no call on a generated input returned a value"
            return not_applicable(self.name, reason, warnings)
        if has_contracts(subject.task):
            warnings = (*warnings, *few_answers(examined.seen))
        return judged(self.name, [*findings[:MOST_FINDINGS], *warnings])
