"""The bundled sample project with one sentence of its requirements changed, and what the demo model says to that.

It builds nothing and tests nothing.
"""

from collections.abc import Sequence
from dataclasses import replace

from millwright.adapters.embedded.demo_sampling import TaskCompletions, read_book
from millwright.core.prompts.planner import specifier_task
from tests.integration.demo_stack import EXAMPLE

BEFORE, AFTER = "`12 x Green tea`", "`12 * Green tea`"
"""How a row of the invoice is labelled."""

TOUCHED = frozenset({"root", "root.invoice", "root.invoice.line_label"})
"""Where that leads: the label, and what promises invoices with labels in them."""

_RETOLD = {("specifier", "root"), ("decomposer", "root"), ("decomposer", "invoice"), ("coder", "line_label")}
"""Whose answers are others after the change."""

_OF_ANOTHER_PART = "100 x Ceremonial matcha"
"""An example of how any long label is cut: it says nothing of the sign between quantity and item."""


def changed_requirements() -> str:
    """Return the sample's requirements with one sentence changed."""
    text = (EXAMPLE / "requirements.md").read_text(encoding="utf-8")
    assert text.count(BEFORE) == 1
    return text.replace(BEFORE, AFTER)


def changed_answers(requirements: str) -> Sequence[TaskCompletions]:
    """Return the example's answers, as the changed requirements want them."""
    return [_retold(entry, requirements) for entry in read_book([EXAMPLE / "completions"])]


def _retold(entry: TaskCompletions, requirements: str) -> TaskCompletions:
    task = entry.task.partition("@")[0]
    if (entry.archetype.value, task) not in _RETOLD:
        return entry
    kept = _OF_ANOTHER_PART if task == "invoice" else "\0"

    def said(text: str) -> str:
        return kept.join(piece.replace(" x ", " * ") for piece in text.split(kept))

    answers = tuple(replace(completion, text=said(completion.text)) for completion in entry.completions)
    name = specifier_task(requirements) if entry.archetype.value == "specifier" else entry.task
    return replace(entry, task=name, completions=answers)
