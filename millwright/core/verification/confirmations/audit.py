"""Deepens layer 7 for a winner: a security audit by a tool of its own.

It knows the auditor's codes by what they mean for pure code, and runs nothing.
"""

from millwright.core.verification.language import Language
from millwright.core.verification.layer import Needs, Plan, Result, Subject, judged, not_applicable, not_run
from millwright.core.verification.reports import analysis, tool_failure
from schemas.identity import LayerName
from schemas.specification import TaskKind
from schemas.verification import AnalysisRequest, AnalysisTool, Finding, Severity

_ONLY_WARN = frozenset({"B101", "B105", "B106", "B107", "B110", "B112", "B311", "B324"})
"""What honest code does as well: assertions, texts that only look like passwords (layer 7 weighs those by their
entropy), ignored exceptions, random numbers and digests that protect nothing."""

_IMPORT_NOTICES = "B4"
"""The auditor's notices on imports alone; which modules may be imported is the layer's own list."""


class SecurityAudit:
    """Rejects what the auditor holds to be grave, with at least some confidence; all else warns."""

    name = LayerName.SECURITY
    title = "security audit"

    def plan(self, subject: Subject, language: Language) -> Plan:
        """Ask the auditor."""
        if subject.task.kind is TaskKind.FILE:
            return not_applicable(self.name, f"there is no audit for {subject.task.target_language}")
        modules = dict(subject.modules)
        return Needs((AnalysisRequest(tool=AnalysisTool.AUDIT, modules=modules, target=subject.target),))

    def judge(self, subject: Subject, needs: Needs, results: tuple[Result, ...], language: Language) -> Plan:
        """Reject for grave findings: the auditor marks those as errors."""
        report = analysis(results[0])
        failed = tool_failure(report)
        if failed is not None:
            return not_run(self.name, failed)
        return judged(self.name, [_weighed(finding) for finding in report.findings])


def _weighed(finding: Finding) -> Finding:
    if finding.code in _ONLY_WARN or finding.code.startswith(_IMPORT_NOTICES):
        return finding.model_copy(update={"severity": Severity.WARNING})
    return finding
