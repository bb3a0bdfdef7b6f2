"""Layer 3: postconditions and invariants hold for every promised input that was tried.

An exception or a time-out on an input is behaviour and no breach: the examples are the next layer's, the votes compare
the rest. Symbolic search for counter-examples is a further look at winners, and not made here.
"""

from millwright.core.verification.evidence import MOST_FINDINGS, every_input, not_loaded
from millwright.core.verification.examination import Aim, Examined, begin, go_on, has_contracts
from millwright.core.verification.language import Language
from millwright.core.verification.layer import Needs, Plan, Result, Subject, in_error, judged, not_applicable
from millwright.core.verification.wording import (
    breach_finding,
    few_answers,
    malformed_finding,
    no_promise,
    not_evaluated,
)
from schemas.identity import LayerName

_AIM = Aim(contracts=True)


class ContractsLayer:
    """Rejects a candidate that breaks a postcondition or an invariant."""

    name = LayerName.CONTRACTS

    def plan(self, subject: Subject, language: Language) -> Plan:
        """Ask which inputs are promised, or for the trial at once where all are."""
        if not has_contracts(subject.task):
            return not_applicable(self.name, "the specification has no postconditions and no invariants")
        if not every_input(subject):
            return not_applicable(self.name, "there are no examples and no inputs to try")
        return begin(subject)

    def judge(self, subject: Subject, needs: Needs, results: tuple[Result, ...], language: Language) -> Plan:
        """Go on from promised inputs to calls, from calls to conditions, and from those to the verdict.

        What the trial did not reach is tried in a second run. Breaches are shrunk before they are shown.
        """
        step = go_on(subject, _AIM, needs, results)
        return step if isinstance(step, Needs) else self._verdict(subject, step, language)

    def _verdict(self, subject: Subject, examined: Examined, language: Language) -> Plan:
        if examined.load_error is not None:
            return judged(self.name, [not_loaded(subject, language, examined.load_error, examined.load_line)])
        if examined.malformed is not None:
            return judged(self.name, [malformed_finding(subject, language, examined.malformed)])
        warnings = examined.tried.trial.scarcity()
        if not examined.seen:
            return not_applicable(self.name, no_promise(examined.tried.trial.considered), warnings)
        if examined.unevaluated:
            return in_error(self.name, not_evaluated(examined.unevaluated))
        breaches = examined.found.breaches[:MOST_FINDINGS]
        findings = [breach_finding(subject, language, breach) for breach in breaches]
        if not examined.was_evaluated(subject.task, on_examples=True):
            return not_applicable(self.name, "no call that was tried returned a value", warnings)
        return judged(self.name, [*findings, *warnings, *few_answers(examined.seen)])
