"""Layer 1: the source is one module that compiles, hides nothing from the checkers, and defines the function once.

It looks at text only; types are the next layer's.
"""

from millwright.core.verification.language import Language
from millwright.core.verification.layer import Needs, Plan, Result, Subject, judged
from schemas.identity import LayerName


class SyntaxLayer:
    """Rejects what is not one module of the target language."""

    name = LayerName.SYNTAX

    def plan(self, subject: Subject, language: Language) -> Plan:
        """Settle from the text alone."""
        return judged(self.name, language.check_syntax(subject.source, subject.task))

    def judge(self, subject: Subject, needs: Needs, results: tuple[Result, ...], language: Language) -> Plan:
        """Settle as ``plan`` does: nothing was asked for."""
        return self.plan(subject, language)
