"""Deepens layer 2 for a winner: the type checker's own command line, in a fresh process, finds no error either.

It does not repeat the layer's look at the signature.
"""

from millwright.core.verification.language import Language
from millwright.core.verification.layer import Needs, Plan, Result, Subject, judged, not_applicable, not_run
from millwright.core.verification.reports import analysis, tool_failure
from schemas.identity import LayerName
from schemas.specification import TaskKind
from schemas.verification import AnalysisRequest, AnalysisTool, Finding, Severity


class TypesAgain:
    """Rejects for an error that the type checker finds cold and did not find warm: then the warm answer was wrong."""

    name = LayerName.TYPES
    title = "types by the checker's own command line"

    def plan(self, subject: Subject, language: Language) -> Plan:
        """Ask the type checker, cold."""
        if subject.task.kind is TaskKind.FILE:
            return not_applicable(self.name, f"there is no type checker for {subject.task.target_language}")
        modules = dict(subject.modules)
        request = AnalysisRequest(
            tool=AnalysisTool.TYPES_COLD, modules=modules, target=subject.target, packages=subject.task.grants.packages
        )
        return Needs((request,))

    def judge(self, subject: Subject, needs: Needs, results: tuple[Result, ...], language: Language) -> Plan:
        """Reject for any error, and say that the two ways of asking disagree; warnings are the layer's own affair."""
        report = analysis(results[0])
        failed = tool_failure(report)
        if failed is not None:
            return not_run(self.name, failed)
        errors = (finding for finding in report.findings if finding.severity is Severity.ERROR)
        return judged(self.name, [_cold(finding) for finding in errors])


def _cold(finding: Finding) -> Finding:
    message = f"{finding.message} [{finding.code}] (found when asked cold, and not when asked warm)"
    return finding.model_copy(update={"code": "cold-check", "message": message})
