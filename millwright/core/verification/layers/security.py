"""Layer 7: the source uses only what pure code needs, and holds no secrets.

A cheap gate: what protects the machine is the sandbox.
"""

from millwright.core.verification.language import Language, advised
from millwright.core.verification.layer import Needs, Plan, Result, Subject, judged, not_applicable
from millwright.core.verification.layers.static_analysis import lint_request
from millwright.core.verification.reports import analysis
from schemas.identity import LayerName
from schemas.specification import TaskKind
from schemas.verification import Severity


class SecurityLayer:
    """Rejects imports and names outside the allow-list, secrets, and the linter's gravest security rules."""

    name = LayerName.SECURITY

    def plan(self, subject: Subject, language: Language) -> Plan:
        """Ask the linter."""
        if subject.task.kind is TaskKind.FILE:
            return not_applicable(self.name, f"there is no security linter for {subject.task.target_language}")
        return Needs((lint_request(subject),))

    def judge(self, subject: Subject, needs: Needs, results: tuple[Result, ...], language: Language) -> Plan:
        """Reject for what is not allowed and for the codes that the language names; its other security codes warn."""
        own_modules = {language.module_name(path) for path in subject.modules if path != subject.target}
        findings = list(language.check_security(subject.source, subject.task, own_modules))
        for finding in analysis(results[0]).findings:
            if language.is_security_lint(finding.code):
                rejects = finding.code in language.rejecting_security_lint
                severity = Severity.ERROR if rejects else Severity.WARNING
                findings.append(advised(finding.model_copy(update={"severity": severity}), language))
        return judged(self.name, findings)
