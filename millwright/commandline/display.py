"""Shows a build while it runs: a live tree on a terminal, a line per change elsewhere. All of it goes to stderr.

It reads views that it is handed, and asks for nothing itself.
"""

import time
from typing import TYPE_CHECKING, Protocol

from rich.console import Group
from rich.live import Live
from rich.text import Text
from rich.tree import Tree

from millwright.commandline.output import console, is_interactive, note
from millwright.records import ProjectView, TreeNode
from schemas.identity import NodePath, TaskStatus

if TYPE_CHECKING:
    from rich.console import RenderableType

_MARKS: dict[TaskStatus, tuple[str, str]] = {
    TaskStatus.PENDING: ("·", "dim"),
    TaskStatus.RUNNING: ("▸", "cyan"),
    TaskStatus.WON: ("✓", "green"),
    TaskStatus.REUSED: ("✓", "green"),
    TaskStatus.PARTIAL: ("~", "yellow"),
    TaskStatus.RESOLVED: ("✓", "yellow"),
    TaskStatus.WAITING: ("?", "magenta"),
    TaskStatus.FAILED: ("✗", "red"),
    TaskStatus.BLOCKED: ("✗", "dim red"),
    TaskStatus.CANCELLED: ("-", "dim"),
}
_SETTLED = frozenset({TaskStatus.WON, TaskStatus.REUSED, TaskStatus.PARTIAL, TaskStatus.RESOLVED})
_HEADROOM = 6
"""Lines of the terminal left for the heading and the prompt."""


class Display(Protocol):
    """Shows views as they come."""

    def __enter__(self) -> "Display":
        """Begin."""
        ...

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was found."""
        ...

    def update(self, view: ProjectView) -> None:
        """Show the newest view."""
        ...


def display() -> Display:
    """Choose the display that suits the streams."""
    return LiveTree() if is_interactive() else Lines()


class LiveTree:
    """A tree that is redrawn in place."""

    def __init__(self) -> None:
        self._console = console(error=True)
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="ellipsis")
        self._began = time.monotonic()

    def __enter__(self) -> "LiveTree":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def update(self, view: ProjectView) -> None:
        """Redraw."""
        heading = Text(f"{headline(view)} · {clock(time.monotonic() - self._began)}", style="bold")
        body = render_tree(view.tree, self._console.height - _HEADROOM) if view.tree else Text("  planning…", "dim")
        self._live.update(Group(heading, body), refresh=True)


class Lines:
    """A line for each node that changes its state."""

    def __init__(self) -> None:
        self._seen: dict[NodePath, TaskStatus] = {}

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, view: ProjectView) -> None:
        """Write what changed since the last view."""
        for node in walk(view.tree):
            known = self._seen.get(node.path, TaskStatus.PENDING)
            if node.status is not known:
                self._seen[node.path] = node.status
                note(f"{node.path}: {describe(node)} [{headline(view)}]")


def walk(tree: TreeNode | None) -> list[TreeNode]:
    """List a tree's nodes, each before its children."""
    if tree is None:
        return []
    return [tree, *(node for child in tree.children for node in walk(child))]


def headline(view: ProjectView) -> str:
    """Say in one line where a project stands."""
    counts, spend = view.counts, view.spend
    done = counts.won + counts.partial + counts.resolved
    parts = [f"{view.project.id}: {view.project.status}", f"{done}/{counts.tasks} tasks"]
    for name in ("partial", "waiting", "failed", "blocked"):
        if number := getattr(counts, name):
            parts.append(f"{number} {name}")
    parts.append(f"{spend.calls:,} calls")
    parts.append(f"{spend.prompt_tokens + spend.completion_tokens:,} tokens")
    if spend.cost:
        parts.append(f"{spend.cost:,.4f} USD")
    return " · ".join(parts)


def describe(node: TreeNode) -> str:
    """Say in a few words where a node stands."""
    parts = [node.status.value]
    if node.samples:
        parts.append(f"{node.votes} votes, margin {node.margin} of {node.k}, {node.samples} samples")
    if node.note:
        parts.append(node.note)
    return " · ".join(parts)


def render_tree(tree: TreeNode, height: int | None = None) -> "RenderableType":
    """Draw a tree; where it would be taller than ``height`` lines, settled subtrees are folded into one line each."""
    fold = height is not None and len(walk(tree)) > max(height, 1)
    drawn = Tree(_label(tree), guide_style="dim")
    _grow(drawn, tree, fold)
    return drawn


def _grow(drawn: Tree, node: TreeNode, fold: bool) -> None:
    for child in node.children:
        if fold and child.children and all(below.status in _SETTLED for below in walk(child)):
            label = _label(child)
            label.append(f" ({len(walk(child)) - 1} below)", style="dim")
            drawn.add(label)
        else:
            _grow(drawn.add(_label(child)), child, fold)


def _label(node: TreeNode) -> Text:
    mark, style = _MARKS[node.status]
    label = Text(f"{mark} ", style=style)
    label.append(node.name, style="bold" if node.children else "")
    label.append(f"  {describe(node)}", style="dim")
    return label


def clock(seconds: float) -> str:
    """Write a duration as minutes and seconds."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"
