"""The report of a build, as Markdown: what was asked, what was built, and the evidence for each part.

Times, ports and run ids stand only here and in the record, never in the deliverable.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from millwright.core.audit import moment
from millwright.core.defects import Suspect, expected_defects, likeliest
from millwright.core.forecast_words import foretold
from millwright.core.learning import Range
from millwright.core.report_people import people_section
from millwright.core.report_plan import plan_section
from millwright.core.report_requirements import questions_section, requirements_section, unproven_lines
from millwright.core.report_rework import rework_section
from millwright.core.report_whole import whole_section
from millwright.core.verification.ladder import is_verified
from schemas.delivery import WholeEvidence
from schemas.evidence import Forecast, ManifestEntry, NodeRecord, ProjectRecord
from schemas.identity import DELIVERED, Digest, LayerName, TaskStatus
from schemas.models import Spend
from schemas.people import Decision, Question
from schemas.project import Counts, Policy
from schemas.requirements import Requirements, Trace
from schemas.shortening import one_line
from schemas.verification import Confirmation, Severity, Verdict, VerdictStatus

_NOTHING_ASKED = Requirements()


@dataclass(frozen=True)
class Evidence:
    """What is known of one node: its row, its task's summary, its winner and the verdicts on it.

    ``defect`` is the predicted probability that a part that was won is wrong all the same.
    """

    node: NodeRecord
    summary: str
    has_code: bool
    winner: Digest | None
    verdicts: tuple[Verdict, ...]
    defect: Range | None = None


@dataclass(frozen=True)
class Account:
    """Everything that a report speaks of."""

    project: ProjectRecord
    counts: Counts
    spend: Spend
    forecast: Forecast | None
    evidence: tuple[Evidence, ...]
    files: tuple[ManifestEntry, ...]
    problems: tuple[str, ...]
    checks: tuple[str, ...]
    questions: tuple[Question, ...]
    decisions: tuple[Decision, ...]
    models: tuple[str, ...]
    calibration: str = ""
    whole: WholeEvidence | None = None
    traces: tuple[Trace, ...] = ()
    requirements: Requirements = _NOTHING_ASKED


_HOW_IT_ENDED = {
    0: "built: every part won its vote and the whole passed its checks",
    1: "failed",
    3: "waiting for a person",
    4: "stopped at a budget",
    6: "built, with parts accepted below the margin",
}


def report(account: Account) -> str:
    """Write the report."""
    project = account.project
    sections = [
        f"# {project.id}: build report",
        _outcome(account),
        _problems(account),
        requirements_section(account.traces, account.requirements),
        questions_section(account.requirements.questions),
        _parts(account.evidence),
        _plan(account),
        _used_again(account),
        _certainty(account),
        _evidence(account.evidence),
        rework_section([item.node for item in account.evidence]),
        whole_section(account.whole),
        _spend(account),
        people_section(account.questions, account.decisions),
        _files(account.files),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _outcome(account: Account) -> str:
    project, counts = account.project, account.counts
    code = project.exit_code if project.exit_code is not None else 1
    lines = [
        f"**Outcome**: {_HOW_IT_ENDED.get(code, 'failed')} (exit code {code}).",
        f"**Parts**: {counts.won} won, {counts.partial} below the margin or untested, "
        f"{counts.resolved} decided by a person, {counts.waiting} waiting, {counts.failed} failed, "
        f"{counts.blocked} blocked; {counts.tasks} in all.",
        f"**Models**: {', '.join(account.models) or 'none was called'}.",
        f"**Time**: {_moment(project.started_at)} to {_moment(project.finished_at)}.",
    ]
    if project.message:
        lines.append(f"**Message**: {one_line(project.message)}")
    return "\n\n".join(lines)


def _moment(value: datetime | None) -> str:
    return moment(value) if value else "unknown"


def _problems(account: Account) -> str:
    weak = [item for item in account.evidence if item.node.status in (TaskStatus.PARTIAL, TaskStatus.RESOLVED)]
    lost = [item for item in account.evidence if item.node.status not in DELIVERED]
    lines = [f"- the whole: {one_line(problem)}" for problem in account.problems]
    lines += [
        f"- `{item.node.path}` ({item.node.status.value}), margin {item.node.margin} of {item.node.k}: "
        f"{one_line(item.node.note)}".rstrip()
        for item in weak
    ]
    lines += [f"- `{item.node.path}` is {item.node.status.value}. {one_line(item.node.note)}".rstrip() for item in lost]
    lines += [
        f"- `{item.node.path}` was not let through by every layer of the ladder."
        for item in account.evidence
        if item.has_code and item.node.status in DELIVERED and not is_verified(item.verdicts)
    ]
    lines += unproven_lines(account.traces)
    return "## What is not proven\n\n" + (
        "\n".join(lines) if lines else "Nothing is left unproven by this build's checks."
    )


def _parts(evidence: Sequence[Evidence]) -> str:
    rows = [
        f"| `{item.node.path}` | {item.node.status.value} | {item.node.votes} | {item.node.margin} of {item.node.k} | "
        f"{item.node.samples} | {item.node.red_flags} | {_rejected(item.node.rejected_by_layer)} |"
        for item in evidence
        if item.has_code
    ]
    head = (
        "## How each part was won\n\n"
        "| part | status | votes | margin | samples | red flags | rejected by |\n|---|---|---|---|---|---|---|\n"
    )
    return head + "\n".join(rows) if rows else ""


def _used_again(account: Account) -> str:
    """Say which parts cost nothing in this build, and where their votes were held."""
    again = [item.node for item in account.evidence if item.node.status is TaskStatus.REUSED]
    lines = [f"- `{node.path}`: {one_line(node.note)}" for node in again]
    head = "## Used again\n\nUnchanged, so not elected anew; counts and evidence are those of the vote they won.\n\n"
    return head + "\n".join(lines) if lines else ""


def _rejected(by_layer: Mapping[LayerName, int]) -> str:
    return ", ".join(f"{layer.value} {by_layer[layer]}" for layer in LayerName if by_layer.get(layer)) or "none"


def _plan(account: Account) -> str:
    policy = Policy.model_validate(account.project.options.get("policy", {}))
    return plan_section([item.node for item in account.evidence], policy.atomic_lines, policy.atomic_complexity)


def _certainty(account: Account) -> str:
    """Say how many of the parts that were won are expected to be wrong; what was not won is not predicted."""
    suspects = [Suspect(item.node.path, item.defect) for item in account.evidence if item.defect is not None]
    if not suspects:
        return ""
    wrong = expected_defects(suspects)
    lines = [
        "## How sure",
        f"Of the {len(suspects)} parts that were won by votes, {wrong.mid:.2f} are expected to be wrong (between "
        f"{wrong.low:.0f} and {math.ceil(wrong.high)}, nine times in ten). Likeliest:",
        "\n".join(
            f"- `{part.name}`: {part.defect.mid:.1%} ({part.defect.low:.1%} to {part.defect.high:.1%})"
            for part in likeliest(suspects)
        ),
        f"The prediction comes from {one_line(account.calibration)}; other models and kinds of task may err otherwise.",
    ]
    return "\n\n".join(lines)


def _evidence(evidence: Sequence[Evidence]) -> str:
    blocks = [
        f"### `{item.node.path}`\n\n{item.summary}\n\n"
        + "\n".join(f"- {verdict.layer.value}: {_verdict(verdict)}" for verdict in item.verdicts)
        for item in evidence
        if item.winner is not None and item.verdicts
    ]
    return "## Evidence on each winner\n\n" + "\n\n".join(blocks) if blocks else ""


def _verdict(verdict: Verdict) -> str:
    looks = [f"{look.title}: {_look(look)}" for look in verdict.confirmations]
    return "; ".join((_own(verdict), *looks))


def _look(look: Confirmation) -> str:
    """Say what a further look came to; one without an answer is never called passed."""
    words = look.status.value.replace("_", " ")
    return f"{words} ({' '.join(look.reason.split())})" if look.reason else words


def _own(verdict: Verdict) -> str:
    words = verdict.status.value.replace("_", " ")
    if verdict.status in (VerdictStatus.NOT_APPLICABLE, VerdictStatus.NOT_RUN, VerdictStatus.ERROR):
        return f"{words} ({' '.join(verdict.reason.split())})"
    warnings = [finding for finding in verdict.findings if finding.severity is Severity.WARNING]
    return f"{words}, {len(warnings)} warning(s)" if warnings else words


def _spend(account: Account) -> str:
    spend, forecast = account.spend, account.forecast
    lines = [
        "## What it took",
        f"{spend.calls} model calls, {spend.prompt_tokens} prompt and {spend.completion_tokens} completion tokens, "
        f"cost {spend.cost:.4f}.",
    ]
    if forecast:
        lines += foretold(forecast)
    if account.checks:
        lines.append("Checks of the whole that passed: " + ", ".join(account.checks) + ".")
    return "\n\n".join(lines)


def _files(files: Sequence[ManifestEntry]) -> str:
    rows = "\n".join(f"| `{entry.path}` | {entry.size_bytes} | `{entry.digest[:16]}` |" for entry in files)
    return f"## Files\n\n| file | bytes | SHA-256 begins |\n|---|---|---|\n{rows}" if rows else ""
