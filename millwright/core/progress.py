"""Where a project stands, read off its nodes: counts, whether anything can still go on, and how it ended.

It reads no clock and no store.
"""

from collections.abc import Mapping, Sequence

from millwright.core.decomposition import waits_for
from schemas.evidence import NodeRecord
from schemas.identity import NodePath, TaskStatus
from schemas.project import CODES, Counts, ExitCode

_OPEN = frozenset({TaskStatus.PENDING, TaskStatus.RUNNING, TaskStatus.WAITING})
_COUNTED = {
    TaskStatus.WON: "won",
    TaskStatus.REUSED: "won",
    TaskStatus.PARTIAL: "partial",
    TaskStatus.RESOLVED: "resolved",
    TaskStatus.WAITING: "waiting",
    TaskStatus.FAILED: "failed",
    TaskStatus.CANCELLED: "failed",
    TaskStatus.BLOCKED: "blocked",
}


AT_CAP = "waits for approval of the budget: "
"""Begins the note of a node that waits where a cap was reached; the message that names the cap follows."""


def counts(nodes: Sequence[NodeRecord], has_code: Mapping[NodePath, bool]) -> Counts:
    """Count the tasks that have code of their own (``has_code`` by path) by how they ended."""
    figures = dict.fromkeys(("tasks", "won", "partial", "resolved", "waiting", "failed", "blocked"), 0)
    for node in nodes:
        if has_code.get(node.path, True):
            figures["tasks"] += 1
            if node.status in _COUNTED:
                figures[_COUNTED[node.status]] += 1
    return Counts(**figures)


def is_stalled(nodes: Sequence[NodeRecord]) -> bool:
    """Say whether a person is waited for and nothing else can go on."""
    waiting = [node for node in nodes if node.status is TaskStatus.WAITING]
    if not waiting:
        return False
    by_path = {node.path: node for node in nodes}
    dependencies = {node.path: node.dependencies for node in nodes}
    first: dict[NodePath, tuple[NodePath, ...]] = {}
    for node in nodes:
        if node.status is TaskStatus.RUNNING:
            first |= waits_for(node.children, dependencies)
    return not any(_can_go_on(node, by_path, first) for node in nodes)


def awaited(nodes: Sequence[NodeRecord]) -> str:
    """Say what a project waits for that stands at a reached cap; empty where no node does."""
    notes = (node.note for node in nodes if node.status is TaskStatus.WAITING and node.note.startswith(AT_CAP))
    return next(notes, "")


def _can_go_on(
    node: NodeRecord, by_path: Mapping[NodePath, NodeRecord], first: Mapping[NodePath, Sequence[NodePath]]
) -> bool:
    if node.status is TaskStatus.RUNNING:
        return not any(_unfinished(child, by_path) for child in node.children)
    if node.status is not TaskStatus.PENDING:
        return False
    parent = by_path.get(node.parent) if node.parent else None
    if parent is None:
        return True
    if parent.status is not TaskStatus.RUNNING:
        return False
    return not any(_unfinished(sibling, by_path) for sibling in first.get(node.path, ()))


def _unfinished(path: NodePath, by_path: Mapping[NodePath, NodeRecord]) -> bool:
    node = by_path.get(path)
    return node is None or node.status in _OPEN


def exit_of(figures: Counts, *, budget_reached: bool, sound: bool) -> ExitCode:
    """Return how a project ended: the worst of budget, failure, waiting, below the margin, built.

    A part that a person resolved was accepted below the margin, and counts as such.

    ``sound``: the whole was assembled and every check of it held.
    """
    if budget_reached:
        return ExitCode.BUDGET
    if figures.failed or figures.blocked or not sound:
        return ExitCode.FAILED
    if figures.waiting:
        return ExitCode.WAITING
    if figures.partial or figures.resolved:
        return ExitCode.BELOW_MARGIN
    return ExitCode.BUILT


STATUS_OF: dict[ExitCode, TaskStatus] = {
    ExitCode.BUILT: TaskStatus.WON,
    ExitCode.BELOW_MARGIN: TaskStatus.PARTIAL,
    ExitCode.WAITING: TaskStatus.WAITING,
    ExitCode.FAILED: TaskStatus.FAILED,
    ExitCode.BUDGET: TaskStatus.FAILED,
}


def exit_number(code: ExitCode) -> int:
    """Return the number of an exit code."""
    return CODES[code]
