"""What is built again when some parts are: the parts, and all that stands on them; and which layer a complaint is of.

It changes nothing that is stored.
"""

from collections.abc import Collection, Sequence

from schemas.evidence import NodeRecord
from schemas.identity import LayerName, NodePath

_LAYER_OF_CHECK = {
    "types": LayerName.TYPES,
    "lint": LayerName.STATIC_ANALYSIS,
    "security": LayerName.SECURITY,
    "imports": LayerName.SYNTAX,
}


def layer_of(check: str) -> LayerName:
    """Return the layer that a check of the whole belongs to; what runs examples is a matter of unit tests."""
    return _LAYER_OF_CHECK.get(check, LayerName.UNIT_TESTS)


def standing_on(paths: Collection[NodePath], nodes: Sequence[NodeRecord], top: NodePath) -> frozenset[NodePath]:
    """Return ``paths`` and every node below ``top`` that depends on any of them, however far.

    A node depends on its children. ``top`` itself is left out, unless it is named.
    """
    reached = {*paths}
    inside = f"{top}."
    while True:
        more = {
            node.path
            for node in nodes
            if node.path not in reached and node.path.startswith(inside) and reached.intersection(node.dependencies)
        }
        if not more:
            return frozenset(reached)
        reached |= more


def may_reopen(node: NodeRecord, max_reopenings: int, *, reopened: bool) -> bool:
    """Say whether a node's election may be held again; one that a first attempt ``reopened`` already stays so."""
    return reopened or node.rework.reopenings < max_reopenings
