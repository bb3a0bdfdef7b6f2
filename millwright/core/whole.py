"""What the checks of a whole add up to: whether it holds, what does not, and which parts that is about.

It runs no check. What was not run, or could not be, is a problem like what failed.
"""

from schemas.delivery import WholeCheck, WholeEvidence
from schemas.identity import Digest, NodePath
from schemas.requests import IntegrationResult
from schemas.verification import VerdictStatus

_FINE = frozenset({VerdictStatus.PASSED, VerdictStatus.NOT_APPLICABLE})
_WORDS = {
    VerdictStatus.REJECTED: "",
    VerdictStatus.NOT_RUN: "not run: ",
    VerdictStatus.ERROR: "could not be run: ",
}


def summary(evidence: WholeEvidence, manifest: Digest, stored: Digest) -> IntegrationResult:
    """Sum up the evidence, which is stored under a digest, for the workflow."""
    failed = [check for check in evidence.checks if check.status not in _FINE]
    return IntegrationResult(
        manifest=manifest,
        problems=tuple(_problem(check) for check in failed),
        passed=tuple(check.name for check in evidence.checks if check.status is VerdictStatus.PASSED),
        evidence=stored,
        concerned=concerned(evidence),
        unattributed=any(not check.complaints and check.status is VerdictStatus.REJECTED for check in failed),
    )


def concerned(evidence: WholeEvidence) -> tuple[NodePath, ...]:
    """Return the parts that a check complains of, in order of their paths."""
    return tuple(sorted({complaint.path for check in evidence.checks for complaint in check.complaints}))


def _problem(check: WholeCheck) -> str:
    parts = ", ".join(dict.fromkeys(complaint.path for complaint in check.complaints))
    where = f" ({parts})" if parts else ""
    return f"{check.name}{where}: {_WORDS.get(check.status, '')}{check.detail or 'no reason was given'}"
