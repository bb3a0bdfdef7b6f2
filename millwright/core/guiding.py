"""What a person's note on a rejected delivery is about, and how the parts that it opens again are told of it.

It understands no prose: a part is meant where its path or its name stands in the note.
"""

import re
from collections.abc import Collection, Sequence

from schemas.digests import digest_of_bytes
from schemas.evidence import NodeRecord
from schemas.identity import ROOT_PATH, LayerName, NodePath, TaskStatus

_EDITION = 8
"""Hexadecimal digits that tell the calls of a part from those before it was rejected."""

REJECTED_AS = LayerName.CONTRACTS
"""The layer that a person's rejection counts under, since no layer rejected the answer: it breaks what was meant."""


def meant(note: str, nodes: Sequence[NodeRecord], with_code: Collection[NodePath]) -> tuple[NodePath, ...]:
    """Return the parts that a note opens again, in order of path; ``with_code`` are those that have code of their own.

    Those that it mentions, where a part without code stands for all below it; else the root's own code, else all parts.
    """
    named = {node.path for node in nodes if _mentions(note, node)}
    reached = named & set(with_code)
    for path in named - reached:
        reached |= {inner for inner in with_code if inner.startswith(f"{path}.")}
    if reached:
        return tuple(sorted(reached))
    return (ROOT_PATH,) if ROOT_PATH in with_code else tuple(sorted(with_code))


def guided(node: NodeRecord, note: str) -> NodeRecord:
    """Return a rejected part with what was said of it: it is to be done again, by other calls, without that answer."""
    guidance = (*node.rework.guidance, note)
    edition = digest_of_bytes("\0".join((node.specification, *guidance)).encode("utf-8", "surrogatepass"))[:_EDITION]
    barred = dict(node.rework.barred)
    if node.candidate is not None:
        barred[node.candidate] = REJECTED_AS
    rework = node.rework.model_copy(update={"guidance": guidance, "edition": edition, "barred": barred})
    again = f"rejected by a person, and done again ({len(guidance)})"
    return node.model_copy(update={"rework": rework, "status": TaskStatus.PENDING, "note": again})


def is_guided(node: NodeRecord, note: str) -> bool:
    """Say whether a first attempt has opened a part already."""
    return node.status is TaskStatus.PENDING and node.rework.guidance[-1:] == (note,)


def _mentions(note: str, node: NodeRecord) -> bool:
    words = {re.escape(node.path), re.escape(node.name)}
    return re.search(rf"(?<![\w.])(?:{'|'.join(words)})(?!\w|\.\w)", note) is not None
