"""Each layer's plan and judgement, from fabricated results: lint."""

import pytest

from millwright.core.verification.layer import Subject
from schemas.identity import LayerName
from schemas.verification import (
    AnalysisReport,
    AnalysisRequest,
    AnalysisTool,
    Finding,
    VerdictStatus,
)
from tests.unit.core.verification.layer_results import (
    CLAMP,
    judge,
    needs,
    plan,
    subject,
    verdict,
)


class TestLint:
    """Layers 6 and 7, which read one tool's answer."""

    @pytest.mark.parametrize(
        ("code", "layer"),
        [
            ("C901", LayerName.STATIC_ANALYSIS),
            ("E902", LayerName.STATIC_ANALYSIS),
            ("F632", LayerName.STATIC_ANALYSIS),
            ("F701", LayerName.STATIC_ANALYSIS),
            ("F821", LayerName.STATIC_ANALYSIS),
            ("S102", LayerName.SECURITY),
            ("S301", LayerName.SECURITY),
            ("S608", LayerName.SECURITY),
            ("F401", None),
            ("B905", None),
            ("S101", None),
            ("S311", None),
            ("SIM108", None),
        ],
    )
    def test_only_grave_codes_reject(self, code: str, layer: LayerName | None) -> None:
        """Style and doubtful rules warn; each code is judged by one layer only."""
        of = subject()
        rejecting = []
        for name in (LayerName.STATIC_ANALYSIS, LayerName.SECURITY):
            asked = needs(plan(name, of))
            report = AnalysisReport(findings=(Finding(code=code, message="m", line=1),))
            if verdict(judge(name, of, asked, report)).status is VerdictStatus.REJECTED:
                rejecting.append(name)
        assert rejecting == ([] if layer is None else [layer])

    def test_both_layers_ask_the_same_question(self) -> None:
        """An analyser that remembers answers it once."""
        of = subject()
        asked = [needs(plan(name, of)).requests for name in (LayerName.STATIC_ANALYSIS, LayerName.SECURITY)]
        assert asked[0] == asked[1]
        assert asked[0][0] == AnalysisRequest(
            tool=AnalysisTool.LINT, modules=dict(of.modules), target=of.target, max_complexity=of.task.max_complexity
        )

    def test_modules_of_the_project_may_be_imported(self) -> None:
        """Only those that are there: another package of the same name is not."""
        source = "from shop.money import cents\nfrom shop.other import x\n" + CLAMP
        of = subject(source=source)
        of = Subject(
            task=of.task,
            source=of.source,
            modules={**of.modules, "shop/money.py": "def cents() -> int:\n    return 1\n"},
            target=of.target,
            module=of.module,
            inputs=of.inputs,
        )
        asked = needs(plan(LayerName.SECURITY, of))
        rejection = verdict(judge(LayerName.SECURITY, of, asked, AnalysisReport(findings=())))
        assert [finding.message for finding in rejection.findings] == [
            "the module shop.other is not allowed; use only pure parts of the standard library"
        ]
