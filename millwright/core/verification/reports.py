"""Tells the kinds of results apart, and refuses an answer that does not belong to its question.

A mismatch is the engine's fault and never the candidate's.
"""

from collections.abc import Sequence

from millwright.core.verification.layer import Result
from millwright.errors import AnalyserUnavailable, SandboxUnavailable
from schemas.execution import CallReport, ConditionReport, ConditionRequest, PropertyReport
from schemas.verification import AnalysisReport

TOOL_FAILURE = "tool-failure"
"""The code under which an analyser says that its tool fails on one candidate alone."""


def analysis(result: Result) -> AnalysisReport:
    """Take a result as a static tool's. Raises AnalyserUnavailable."""
    if not isinstance(result, AnalysisReport):
        raise AnalyserUnavailable(f"the analyser answered with a {type(result).__name__}; run `millwright doctor`")
    return result


def tool_failure(report: AnalysisReport) -> str | None:
    """Say why a tool that works otherwise could not look at this candidate; None where it did."""
    return next((finding.message for finding in report.findings if finding.code == TOOL_FAILURE), None)


def calls(result: Result, count: int) -> CallReport:
    """Take a result as that of so many calls. Raises SandboxUnavailable."""
    if not isinstance(result, CallReport) or len(result.outcomes) != count:
        raise SandboxUnavailable(_mismatch(f"{count} calls", result))
    return result


def conditions(result: Result, request: ConditionRequest) -> ConditionReport:
    """Take a result as the evaluation of a request. Raises SandboxUnavailable."""
    if isinstance(result, ConditionReport) and len(result.truths) == len(request.bindings):
        width = len(request.expressions)
        if all(len(row) == width for row in result.truths):
            return result
    raise SandboxUnavailable(_mismatch(f"{len(request.bindings)} evaluations", result))


def properties(result: Result, names: Sequence[str]) -> PropertyReport:
    """Take a result as that of these properties. Raises SandboxUnavailable."""
    if isinstance(result, PropertyReport):
        answered = [item.name for item in result.results]
        if answered == list(names) or (result.load_error is not None and not answered):
            return result
    raise SandboxUnavailable(_mismatch(f"the properties {', '.join(names)}", result))


def _mismatch(asked: str, result: Result) -> str:
    return (
        f"the sandbox was asked for {asked} and answered otherwise ({type(result).__name__}); run `millwright doctor`"
    )
