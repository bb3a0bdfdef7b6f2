"""Verdicts and the evidence behind them; what static tools are asked and what they answer."""

from enum import StrEnum

from pydantic import Field

from schemas.base import Schema
from schemas.identity import Digest, LayerName
from schemas.values import Value


class VerdictStatus(StrEnum):
    """What a layer says; only ``passed`` counts as passed, and ``error`` says nothing of the candidate."""

    PASSED = "passed"
    REJECTED = "rejected"
    NOT_APPLICABLE = "not_applicable"
    NOT_RUN = "not_run"
    ERROR = "error"


class Severity(StrEnum):
    """Whether a finding rejects or only warns."""

    ERROR = "error"
    WARNING = "warning"


class Finding(Schema):
    """One located complaint: a stable code, what is wrong, and the candidate's line (one-based; None: the whole)."""

    code: str
    message: str
    line: int | None = None
    severity: Severity = Severity.ERROR


class Verdict(Schema):
    """What one layer says of one candidate; ``reason`` is why it was not applicable, not run or in error."""

    layer: LayerName
    status: VerdictStatus
    reason: str = ""
    findings: tuple[Finding, ...] = ()
    seconds: float = 0.0


class InputOrigin(StrEnum):
    """Where an input came from."""

    EXAMPLE = "example"
    BOUNDARY = "boundary"
    GENERATED = "generated"


class InputVector(Schema):
    """One list of arguments to try, in the order of the specification's inputs."""

    arguments: tuple[Value, ...]
    origin: InputOrigin


class InputSet(Schema):
    """The inputs of one specification, the same for every candidate; ``generator`` names tool and version."""

    specification_digest: Digest
    generator: str
    vectors: tuple[InputVector, ...]


class AnalysisTool(StrEnum):
    """A static tool, as one capability of an analyser."""

    TYPES = "types"
    LINT = "lint"


class AnalysisRequest(Schema):
    """One candidate for a static tool.

    ``target`` is the path in ``modules`` of the candidate's own module; findings elsewhere are not reported.
    ``max_complexity`` bounds cyclomatic complexity per function.
    """

    tool: AnalysisTool
    modules: dict[str, str]
    target: str
    max_complexity: int = Field(default=10, ge=1)


class AnalysisReport(Schema):
    """A static tool's findings for one candidate, with the tool's own codes, unjudged."""

    findings: tuple[Finding, ...]
