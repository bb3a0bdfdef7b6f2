"""Layer 2: the function has the specification's signature, and the strict type checker finds no error.

What the checker is and how it is run is the analyser's affair.
"""

from millwright.core.verification.language import Language, advised
from millwright.core.verification.layer import Needs, Plan, Result, Subject, judged
from millwright.core.verification.reports import analysis
from schemas.identity import LayerName
from schemas.specification import TaskKind
from schemas.verification import AnalysisRequest, AnalysisTool, Severity


class TypesLayer:
    """Rejects another signature, Any beyond the specification, and type errors."""

    name = LayerName.TYPES

    def plan(self, subject: Subject, language: Language) -> Plan:
        """Settle a signature that differs; else ask the type checker."""
        findings = language.check_signature(subject.source, subject.task)
        if any(finding.severity is Severity.ERROR for finding in findings):
            return judged(self.name, findings)
        if subject.task.kind is TaskKind.FILE:  # its content was held against the declared type
            return judged(self.name, findings)
        request = AnalysisRequest(
            tool=AnalysisTool.TYPES,
            modules=dict(subject.modules),
            target=subject.target,
            packages=subject.task.grants.packages,
        )
        return Needs((request,))

    def judge(self, subject: Subject, needs: Needs, results: tuple[Result, ...], language: Language) -> Plan:
        """Reject for any error that the type checker found in the candidate's own module."""
        own = language.check_signature(subject.source, subject.task)
        found = (advised(finding, language) for finding in analysis(results[0]).findings)
        return judged(self.name, (*own, *found))
