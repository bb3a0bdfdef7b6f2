"""What a person is shown at a gate: the specification, the plan as a tree with its forecast, or the outcome.

It decides nothing, and what it writes is bounded: it passes through history.
"""

import math
from collections.abc import Mapping, Sequence

from millwright.core.forecast_words import certainty, figures, margins
from millwright.core.prompts.kinds import examples_of
from millwright.core.prompts.wording import conditions
from schemas.evidence import Forecast, ManifestEntry, NodeRecord
from schemas.identity import NodePath
from schemas.project import Counts
from schemas.requests import IntegrationResult
from schemas.shortening import named, one_line, shortened
from schemas.specification import TaskSpecification, TaskType

_MOST_NODES = 60
_MOST_FILES = 20
_MOST_PROBLEMS = 10
_MOST_NAMED = 5
_LONGEST_LINE = 200
_COUNTED = ("won", "partial", "resolved", "failed", "blocked", "waiting")


def specification_shown(task: TaskSpecification, signature: str, nodes: int) -> str:
    """Write a specification for whoever approves it: the whole's own, by the line it is called by, and how many tasks.

    Of the examples the first are shown.
    """
    if not task.has_interface:
        return f"{nodes - 1} tasks under {task.name}: {one_line(task.description, _LONGEST_LINE)}"
    paragraphs = (
        signature,
        one_line(task.description, _LONGEST_LINE),
        _list("Holds before the call", conditions(task.preconditions), _MOST_PROBLEMS),
        _list("Holds for the result", conditions(task.postconditions), _MOST_PROBLEMS),
        _list("Examples", [shortened(line, _LONGEST_LINE) for line in examples_of(task)], _MOST_PROBLEMS),
    )
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def plan_shown(
    nodes: Sequence[NodeRecord], tasks: Mapping[NodePath, TaskSpecification], forecast: Forecast, *, k: int
) -> str:
    """Write a plan for whoever approves it: the tree as far as it is known, and what it is expected to take."""
    further = [node.path for node in nodes if _is_split_further(node, tasks[node.path])]
    low, high = forecast.cost_range
    sure = certainty(forecast)
    tree = [_part(node, tasks[node.path]) for node in nodes]
    paragraphs = (
        _list("the plan", tree, _MOST_NODES),
        f"Split further: {named(further, _MOST_NAMED)}." if further else "No part is split further.",
        f"Expected: {figures(forecast)}, {forecast.cost:,.4f} in cost ({low:,.4f} to {high:,.4f}).",
        f"Margins: {margins(forecast.kinds)}." if forecast.kinds else f"Margin: k = {k}.",
        f"{sure[0].upper()}{sure[1:]}." if sure else "",
        *(f"Against the plan: {note}." for note in forecast.notes),
    )
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def delivery_shown(
    nodes: Sequence[NodeRecord],
    counted: Counts,
    integration: IntegrationResult,
    files: Sequence[ManifestEntry],
    *,
    message: str = "",
) -> str:
    """Write an outcome for whoever approves its delivery; ``message`` says why nothing of it was built."""
    ended = ", ".join(f"{count} {name}" for name in _COUNTED if (count := getattr(counted, name)))
    below = [node for node in nodes if node.status.value in _COUNTED[1:]]
    paragraphs = (
        f"the deliverable of {counted.tasks} tasks" + (f": {ended}" if ended else ""),
        one_line(message, _LONGEST_LINE),
        _list("Not won by their margin", [_ended(node) for node in below], _MOST_NODES),
        _list(
            "Problems of the whole",
            [f"- {one_line(problem, _LONGEST_LINE)}" for problem in integration.problems],
            _MOST_PROBLEMS,
        ),
        f"Checks that passed: {', '.join(integration.passed)}." if integration.passed else "",
        _list("Files", [f"- {entry.path}, {entry.size_bytes:,} bytes" for entry in files], _MOST_FILES),
        _doubts(nodes),
        "A rejection with a note does the parts again whose path or name it has; without any, the whole's own code.",
    )
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def _part(node: NodeRecord, task: TaskSpecification) -> str:
    about = f"{task.name}: {one_line(task.description, _LONGEST_LINE)}" if task.description else task.name
    size = f"; about {node.estimated_lines} lines" if node.estimated_lines else ""
    beside = [path for path in node.dependencies if path not in node.children]
    uses = f"; uses {named(beside, _MOST_NAMED)}" if beside else ""
    further = "; split further" if _is_split_further(node, task) else ""
    return f"{'  ' * node.path.count('.')}- {node.path}: {about}{size}{uses}{further}"


def _is_split_further(node: NodeRecord, task: TaskSpecification) -> bool:
    return not node.children and task.task_type is TaskType.DECOMPOSITION


def _ended(node: NodeRecord) -> str:
    return f"- {node.path}: {node.status.value}" + (f" ({one_line(node.note, _LONGEST_LINE)})" if node.note else "")


def _doubts(nodes: Sequence[NodeRecord]) -> str:
    predicted = [(node.defect, node.path) for node in nodes if node.defect is not None]
    if not predicted:
        return ""
    worst = sorted(predicted, key=lambda item: (-item[0], item[1]))[:_MOST_NAMED]
    first = ", ".join(f"{path} ({chance:.1%})" for chance, path in worst)
    expected = math.fsum(chance for chance, _ in predicted)
    return f"Predicted: {expected:.2f} wrong parts of the {len(predicted)} that were won; look first at {first}."


def _list(title: str, lines: Sequence[str], most: int) -> str:
    if not lines:
        return ""
    more = [f"- and {len(lines) - most} more"] if len(lines) > most else []
    return "\n".join((f"{title}:", *lines[:most], *more))
