"""Layer 6: the source keeps to the specification's limits and holds nothing that cannot run, resolve or matter.

Style only warns. The security rules of the same tool belong to the next layer.
"""

from millwright.core.documents import dead_links
from millwright.core.verification.language import Language, advised
from millwright.core.verification.layer import Needs, Plan, Result, Subject, judged
from millwright.core.verification.remembered import remembered
from millwright.core.verification.reports import analysis
from schemas.identity import LayerName
from schemas.specification import TaskKind
from schemas.verification import AnalysisRequest, AnalysisTool, Finding, Severity


@remembered
def lint_request(subject: Subject) -> AnalysisRequest:
    """Ask the linter about a candidate: the same question for both layers that read its answer."""
    return AnalysisRequest(
        tool=AnalysisTool.LINT,
        modules=dict(subject.modules),
        target=subject.target,
        max_complexity=subject.task.max_complexity,
    )


class StaticAnalysisLayer:
    """Rejects excess over the limits, unreachable code, undefined names and unused results."""

    name = LayerName.STATIC_ANALYSIS

    def plan(self, subject: Subject, language: Language) -> Plan:
        """Ask the linter; of a file the limit on lines and the links are looked at."""
        if subject.task.kind is TaskKind.FILE:
            return judged(self.name, _of_file(subject, language))
        return Needs((lint_request(subject),))

    def judge(self, subject: Subject, needs: Needs, results: tuple[Result, ...], language: Language) -> Plan:
        """Reject for what the language finds and for the codes that it names; all else warns."""
        own = language.check_structure(subject.source, subject.task)
        places = {(finding.line, _kind(finding)) for finding in own}
        findings = list(own)
        for finding in analysis(results[0]).findings:
            if language.is_security_lint(finding.code) or (finding.line, _kind(finding)) in places:
                continue
            rejects = finding.code.startswith(language.rejecting_lint)
            severity = Severity.ERROR if rejects else Severity.WARNING
            findings.append(advised(finding.model_copy(update={"severity": severity}), language))
        return judged(self.name, findings)


def _of_file(subject: Subject, language: Language) -> tuple[Finding, ...]:
    own = language.check_structure(subject.source, subject.task)
    paths = frozenset(subject.modules)
    links = dead_links(subject.task.target_language, subject.source, subject.target, paths)
    dead = (Finding(code="dead-link", message=f"the link {link} leads nowhere", line=line) for line, link in links)
    return (*own, *dead)


def _kind(finding: Finding) -> str:
    """Name a finding so that the linter's and the language's complaint about one thing are counted once."""
    return {"C901": "too-complex", "B015": "unused-result", "B018": "unused-result"}.get(finding.code, finding.code)
