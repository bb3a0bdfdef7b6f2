"""The report's section on people: who decided what, when, through which door, with which effect, and what is open.

It reads no store, and says nothing of how the parts were decided by votes.
"""

from collections.abc import Sequence

from millwright.core.audit import moment, told
from schemas.people import Decision, Question
from schemas.shortening import one_line


def people_section(questions: Sequence[Question], decisions: Sequence[Decision]) -> str:
    """Write the section; empty where nobody was asked and nobody decided."""
    lines = [f"- `{_about(item)}`: {told(item)}." for item in decisions]
    lines += [f"- open: `{question.id}`, asked of {_asked(question)}." for question in questions if question.open]
    return "## What people decided\n\n" + "\n".join(lines) if lines else ""


def _about(decision: Decision) -> str:
    if decision.question is not None:
        return decision.question
    return f"gate {decision.gate.value}" if decision.gate is not None else "the project"


def _asked(question: Question) -> str:
    who = one_line(question.assignee) or "anybody"
    since = f" since {moment(question.asked_at)}" if question.asked_at else ""
    return who + since + (f", due {moment(question.due_at)}" if question.due_at else "")
