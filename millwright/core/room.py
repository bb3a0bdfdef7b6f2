"""How many nodes each part of a tree may have, so that the whole stays within its limit.

It depends on nothing but the parts above, never on what happens to be planned elsewhere meanwhile: the same build
splits its tasks in the same way, in whatever order they come.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fork:
    """A node that was split: the weights of its children, and which of them the way goes on to."""

    weights: tuple[int, ...]
    taken: int


def room_below(max_nodes: int, way: Sequence[Fork]) -> int:
    """Return how many nodes may lie below the one that a way from the root leads to.

    What a node may have below it, less its own children, is shared among them by weight. The root counts as a node.
    """
    room = max_nodes - 1
    for fork in way:
        left = max(0, room - len(fork.weights))
        room = left * fork.weights[fork.taken] // max(1, sum(fork.weights))
    return max(0, room)
