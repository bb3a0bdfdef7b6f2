"""The part of a report about the whole: every check of it by name, and how much of each part its own tests reach.

It judges nothing, and calls nothing passed that was not.
"""

from collections.abc import Sequence

from schemas.delivery import PartCoverage, WholeCheck, WholeEvidence


def whole_section(evidence: WholeEvidence | None) -> str:
    """Write the section; empty where no whole was verified."""
    if evidence is None or not evidence.checks:
        return ""
    lines = [
        "## Checks of the whole",
        "Built, installed and run in an environment of its own, without a network.",
        "\n".join(_check(check) for check in evidence.checks),
        _coverage(evidence.coverage),
    ]
    if evidence.uncovered:
        lines.append(f"Lines reached by tests were not counted: {evidence.uncovered}.")
    return "\n\n".join(line for line in lines if line)


def _check(check: WholeCheck) -> str:
    words = f"- {check.name}: {check.status.value.replace('_', ' ')}"
    return f"{words} ({check.detail})" if check.detail else words


def _coverage(coverage: Sequence[PartCoverage]) -> str:
    if not coverage:
        return ""
    rows = "\n".join(
        f"| `{item.path}` | {item.covered} of {item.lines} | {_share(item)} | "
        f"{', '.join(map(str, item.missed)) or 'none'} |"
        for item in coverage
    )
    lines, covered = sum(item.lines for item in coverage), sum(item.covered for item in coverage)
    whole = f"{covered / lines:.0%}" if lines else "all"
    return (
        f"Of the lines of the parts' functions their own tests reach {whole} ({covered} of {lines}).\n\n"
        f"| part | lines reached | share | first lines not reached |\n|---|---|---|---|\n{rows}"
    )


def _share(item: PartCoverage) -> str:
    return f"{item.covered / item.lines:.0%}" if item.lines else "no lines"
