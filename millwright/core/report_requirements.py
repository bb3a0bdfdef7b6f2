"""What a report says of the requirements: where each is met and shown, what is unproven, what the prose leaves open.

It follows nothing itself: ``millwright.core.tracing`` does.
"""

from collections.abc import Sequence

from schemas.requirements import OpenQuestion, Reading, Requirements, Standing, StatementKind, Trace
from schemas.shortening import shortened

_LONGEST_TEXT = 200
_MOST_TESTS = 4
_MOST_ASKED = 12
_MOST_READINGS = 4


def requirements_section(traces: Sequence[Trace], asked: Requirements) -> str:
    """Write the table of requirements, and which statements are none; nothing where nothing was traced."""
    if not traces:
        return ""
    shown = sum(item.standing is Standing.SHOWN for item in traces)
    rows = "\n".join(
        f"| {item.requirement.statement.id} | {_kind(item)} | {_cell(item.requirement.statement.text)} | "
        f"{_named(item.nodes)} | {_tests(item)} | {evidence_of(item)} |"
        for item in traces
    )
    context = [item.statement.id for item in asked.items if item.kind is StatementKind.CONTEXT]
    beside = f" Taken for context only, by most votes: {', '.join(context)}." if context else ""
    return (
        f"## Requirements\n\nOf {len(traces)} requirements {shown} are shown by tests that passed.{beside}\n\n"
        f"| number | kind | requirement | parts | tests | evidence |\n|---|---|---|---|---|---|\n{rows}"
    )


def unproven_lines(traces: Sequence[Trace]) -> list[str]:
    """List the requirements that no passed test shows, one a line."""
    return [
        f"- requirement {item.requirement.statement.id} ({_cut(item.requirement.statement.text)}): {evidence_of(item)}"
        for item in traces
        if item.standing is not Standing.SHOWN
    ]


def questions_section(questions: Sequence[OpenQuestion]) -> str:
    """List what the prose leaves open; nothing where that is nothing."""
    lines = question_lines(questions)
    head = (
        "## What the requirements leave open\n\n"
        "Where nobody decided otherwise, the build took the reading that most votes share.\n\n"
    )
    return head + "\n".join(lines) if lines else ""


def question_lines(questions: Sequence[OpenQuestion]) -> list[str]:
    """Write open questions with their readings, one a line."""
    return [
        f"- {', '.join(item.about) or 'examples'}: {_cut(item.question)} "
        f"({item.votes} of {item.of} answers raise it){_readings(item.readings)}"
        for item in questions
    ]


def shown_at_gate(questions: Sequence[OpenQuestion]) -> str:
    """Write what a person who approves the specification has to know; it passes through history, and is kept short."""
    if not questions:
        return "the specification; specifiers found nothing in the requirements that is open"
    lines = question_lines(questions[:_MOST_ASKED])
    more = f"\n- and {len(questions) - _MOST_ASKED} more in the report" if len(questions) > _MOST_ASKED else ""
    return (
        "the specification, which leaves open:\n\n" + "\n".join(lines) + more + "\n\n"
        "Approve to go on with the readings that most votes share. Reject with a note to have it specified anew, or "
        "say in the requirements what is meant, and build again."
    )


def evidence_of(trace: Trace) -> str:
    """Say in words how well a requirement is proven."""
    if trace.standing is Standing.SHOWN:
        return f"shown by {len(trace.tests)} test{'' if len(trace.tests) == 1 else 's'}"
    if trace.requirement.kind is StatementKind.CONSTRAINT:
        return "unproven: no test shows it"
    if trace.standing is Standing.COVERED:
        return "unproven: covered, but no test shows it"
    if not trace.nodes:
        return "unproven: no delivered part covers it"
    return "unproven: its part was not delivered and tested"


def _kind(trace: Trace) -> str:
    return trace.requirement.kind.value if trace.requirement.kind else "nobody was asked"


def _tests(trace: Trace) -> str:
    return _named([f"{test.path}: {test.name}" for test in trace.tests])


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_TESTS} more" if len(names) > _MOST_TESTS else ""
    return ", ".join(f"`{_cell(name)}`" for name in names[:_MOST_TESTS]) + more or "none"


def _readings(readings: Sequence[Reading]) -> str:
    told = [f"{item.votes} read it as: {_cut(item.text)}" for item in readings[:_MOST_READINGS]]
    told += [f"{len(readings) - _MOST_READINGS} readings more"] if len(readings) > _MOST_READINGS else []
    return "; " + "; ".join(told) if told else ""


def _cell(text: str) -> str:
    """Put a text into a cell of a table."""
    return _cut(text).replace("|", "\\|")


def _cut(text: str) -> str:
    return shortened(" ".join(text.split()), _LONGEST_TEXT)
