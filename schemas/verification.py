"""Verdicts and the evidence behind them; what static tools are asked and what they answer."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from schemas.base import Schema
from schemas.identity import Digest, LayerName
from schemas.specification import PackageGrant, TaskSpecification
from schemas.values import Value


def printable(text: str) -> str:
    """Put text on one line and escape what is not printable: a candidate's words end in terminals and histories."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode("ascii")
        for char in " ".join(text.split())
    )


Told = Annotated[str, AfterValidator(printable)]
"""Text for people that may hold a candidate's own words: one line of printable characters."""


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
    message: Told
    line: int | None = None
    severity: Severity = Severity.ERROR


class Confirmation(Schema):
    """What a further look at a winner came to: its title, its answer, and in ``reason`` what was seen or why nothing.

    ``not_run`` stands for an answer that was not reached (undecided, no second engine); it counts for nothing.
    """

    title: str
    status: VerdictStatus
    reason: Told = ""
    seconds: float = 0.0


class Verdict(Schema):
    """What one layer says of one candidate; ``reason`` is why it was not applicable, not run or in error.

    ``confirmations`` are the further looks that a winner was given; one that rejects makes the verdict a rejection.
    """

    layer: LayerName
    status: VerdictStatus
    reason: Told = ""
    findings: tuple[Finding, ...] = ()
    seconds: float = 0.0
    confirmations: tuple[Confirmation, ...] = ()


class InputOrigin(StrEnum):
    """Where an input came from.

    ``mutated``: made from another one by a small change; ``proposed``: by a verifier agent; ``reviewed``: by a reviewer
    agent that had read the winner; ``splitting``: kept since it told candidates apart that agreed on all others;
    ``integration``: the glue above called it so where integration failed, and every layer looks at it.
    """

    EXAMPLE = "example"
    BOUNDARY = "boundary"
    GENERATED = "generated"
    SIZED = "sized"
    MUTATED = "mutated"
    PROPOSED = "proposed"
    REVIEWED = "reviewed"
    SPLITTING = "splitting"
    INTEGRATION = "integration"


class InputVector(Schema):
    """One list of arguments to try, in the order of the specification's inputs.

    A sized one is for timing only: ``size`` counts its elements (characters, items, or the magnitude of a number) and
    ``stated`` says that the specification's own constraints allow that size.
    """

    arguments: tuple[Value, ...]
    origin: InputOrigin
    size: int | None = None
    stated: bool = False


class InputSet(Schema):
    """The inputs of one specification, the same for every candidate; ``generator`` names tool and version."""

    specification_digest: Digest
    generator: str
    vectors: tuple[InputVector, ...]


class AnalysisTool(StrEnum):
    """One capability of an analyser.

    ``types`` and ``lint`` are warm or batched and meant for every candidate. The rest is for winners: ``types_cold`` is
    the type checker's own command line in a fresh process, ``audit`` a security audit, ``symbolic`` a search for inputs
    that break the contracts, which executes the candidate in a sandbox.
    """

    TYPES = "types"
    LINT = "lint"
    TYPES_COLD = "types_cold"
    AUDIT = "audit"
    SYMBOLIC = "symbolic"


class AnalysisRequest(Schema):
    """One candidate for a static tool.

    ``target`` is the path in ``modules`` of the candidate's own module; findings elsewhere are not reported.
    ``max_complexity`` bounds cyclomatic complexity per function. ``task`` is needed by the symbolic search alone.
    ``packages`` are granted, and not among the modules yet.
    """

    tool: AnalysisTool
    modules: dict[str, str]
    target: str
    max_complexity: int = Field(default=10, ge=1)
    task: TaskSpecification | None = None
    packages: tuple[PackageGrant, ...] = ()


class Conclusion(StrEnum):
    """What a search came to: all paths were seen and hold, a counter-example was found, or neither."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    UNDECIDED = "undecided"


class AnalysisReport(Schema):
    """A tool's findings for one candidate, with the tool's own codes, unjudged.

    ``conclusion`` and ``counterexamples`` (argument lists that were claimed to break a contract, to be run again before
    they count) are the symbolic search's; ``detail`` says why it is undecided.
    """

    findings: tuple[Finding, ...]
    conclusion: Conclusion | None = None
    counterexamples: tuple[tuple[Value, ...], ...] = ()
    detail: str = ""
