"""What would become of each part if one tree were built after another."""

from enum import StrEnum

from schemas.base import Schema
from schemas.identity import NodePath, TaskStatus
from schemas.specification import TaskSpecification


class Planned(Schema):
    """A node as it stands or would stand: its task, and the nodes that it may call, its children among them.

    ``status`` None: nothing of it was built yet.
    """

    path: NodePath
    task: TaskSpecification
    dependencies: tuple[NodePath, ...] = ()
    children: tuple[NodePath, ...] = ()
    status: TaskStatus | None = None


class Change(StrEnum):
    """What becomes of a part: used again as it is or once it was verified again, built (three reasons), or left out."""

    SAME = "same"
    VERIFIED_AGAIN = "verified_again"
    CHANGED = "changed"
    NEW = "new"
    NOT_ACCEPTED = "not_accepted"
    GONE = "gone"


class NodeDifference(Schema):
    """A part, what becomes of it, and why: features that changed, or parts that it depends on."""

    path: NodePath
    name: str
    change: Change
    why: tuple[str, ...] = ()
