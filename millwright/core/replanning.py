"""What a new plan keeps of an earlier one: parts that it has unchanged keep their work, all else is begun anew.

It makes no plan, and stores nothing.
"""

from collections.abc import Sequence

from schemas.evidence import NodeRecord, Rework
from schemas.identity import DELIVERED, NodePath, TaskStatus

_EDITION = 8
"""Hexadecimal digits of a specification's digest that tell its calls from those of another task at the same place."""


def replanned(children: Sequence[NodeRecord], known: Sequence[NodeRecord]) -> tuple[NodeRecord, ...]:
    """Return the children of a new plan, with what they keep of the nodes ``known`` at the same places.

    A child with the same specification keeps its part, its calls and everything below it, if nothing that it depends on
    is done anew; where something is, its calls stay, and it is verified again. Any other child is a new task, and its
    calls have keys of their own.
    """
    before = {node.path: node for node in known}
    delivered = {path for path, node in before.items() if node.status in DELIVERED}
    merged = {child.path: _merged(child, before.get(child.path)) for child in children}
    fresh = {path for path, child in merged.items() if child.status not in DELIVERED}
    while True:
        again = {
            path
            for path, child in merged.items()
            if path not in fresh and any(_is_fresh(target, fresh, delivered) for target in _outer(child, known))
        }
        if not again:
            break
        fresh |= again
    return tuple(
        child if path not in fresh else child.model_copy(update={"status": TaskStatus.PENDING, "note": ""})
        for path, child in merged.items()
    )


def below_fresh(children: Sequence[NodeRecord], known: Sequence[NodeRecord]) -> tuple[NodeRecord, ...]:
    """Return what lies below children that are kept but verified again: it is verified again with them."""
    tops = {child.path for child in children if child.status not in DELIVERED}
    gone = {*dropped(children[0].parent, children, known)} if children and children[0].parent else set()
    return tuple(
        node.model_copy(update={"status": TaskStatus.PENDING, "note": ""})
        for node in known
        if node.path not in gone and any(node.path.startswith(f"{top}.") for top in tops)
    )


def _merged(child: NodeRecord, before: NodeRecord | None) -> NodeRecord:
    if before is not None and before.specification == child.specification:
        own = tuple(path for path in before.dependencies if path not in before.children)
        if own == child.dependencies:
            return before
    return child.model_copy(update={"rework": Rework(edition=child.specification[:_EDITION])})


def _outer(child: NodeRecord, known: Sequence[NodeRecord]) -> set[NodePath]:
    """Return what a child, or anything below it, depends on outside of itself."""
    inside = f"{child.path}."
    targets = {*child.dependencies}
    for node in known:
        if node.path.startswith(inside):
            targets |= {*node.dependencies}
    return {target for target in targets if target != child.path and not target.startswith(inside)}


def _is_fresh(target: NodePath, fresh: set[NodePath], delivered: set[NodePath]) -> bool:
    return target in fresh or target not in delivered


def dropped(parent: NodePath, children: Sequence[NodeRecord], known: Sequence[NodeRecord]) -> tuple[NodePath, ...]:
    """Return the nodes below ``parent`` that the new plan has no more: what it left out, and all below what changed.

    A child that is another task now is named as well, so that nothing of the earlier one is left at its place.
    """
    before = {node.path: node for node in known}
    kept = {child.path for child in children if child.path in before and before[child.path].rework == child.rework}
    inside = f"{parent}."
    gone = []
    for node in known:
        if node.path.startswith(inside):
            top = NodePath(inside + node.path[len(inside) :].partition(".")[0])
            if top not in kept:
                gone.append(node.path)
    return tuple(gone)
