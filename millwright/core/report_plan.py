"""What a report says of the plans: whose promises were composed by example, and how near the estimates came.

It knows nothing of how parts were won.
"""

from collections.abc import Sequence

from schemas.evidence import NodeRecord
from schemas.identity import DELIVERED

_MOST_SHOWN = 10


def plan_section(nodes: Sequence[NodeRecord], atomic_lines: int, atomic_complexity: int) -> str:
    """Write the section on the plans; empty where nothing was planned by a proposal."""
    promised = [_promise(node) for node in nodes if node.promises is not None]
    sizes = _sizes(nodes, atomic_lines, atomic_complexity)
    blocks = ["## The plan"]
    if promised:
        blocks += [
            "A promise is an example of a part that was split. It is composed where the examples of its children lead "
            "from its inputs to its result; else it was unchecked when the plan was made.",
            "\n".join(promised),
        ]
    if sizes:
        blocks += sizes
    return "\n\n".join(blocks) if len(blocks) > 1 else ""


def _promise(node: NodeRecord) -> str:
    promises = node.promises
    if promises is None or not promises.examples:
        return f"- `{node.path}`: unchecked, for it has no example."
    found = f"{promises.composed} of {promises.examples} promises composed" if promises.composed else "unchecked"
    notes = "".join(f"; {' '.join(note.split())}" for note in promises.notes)
    return f"- `{node.path}`: {found}{notes}."


def _sizes(nodes: Sequence[NodeRecord], atomic_lines: int, atomic_complexity: int) -> list[str]:
    """Compare what was estimated with what was written, over the parts that were written in one piece."""
    written = [
        node for node in nodes if node.status in DELIVERED and node.lines and node.estimated_lines and not node.children
    ]
    if not written:
        return []
    estimated, real = sum(node.estimated_lines for node in written), sum(node.lines for node in written)
    lines = [f"Sizes: {estimated} lines were estimated for {len(written)} parts, {real} were written."]
    over = [node for node in written if node.lines > atomic_lines or node.complexity > atomic_complexity]
    if over:
        shown = [
            f"- `{node.path}` was taken for atomic ({node.estimated_lines} lines, complexity "
            f"{node.estimated_complexity}) and is larger: {node.lines} lines, complexity {node.complexity}."
            for node in over[:_MOST_SHOWN]
        ]
        rest = [f"- and {len(over) - _MOST_SHOWN} more."] if len(over) > _MOST_SHOWN else []
        lines.append("\n".join([*shown, *rest]))
    return lines
