"""Names that identify things, and the closed sets of words they draw from.

It defines no structures: those live beside the noun that they describe.
"""

import re
from enum import StrEnum
from typing import NewType

ProjectId = NewType("ProjectId", str)
"""A project's id: lower-case letters, digits and hyphens, 1 to 64 characters."""

NodePath = NewType("NodePath", str)
"""A place in the decomposition tree: task ids joined by dots, beginning with ``root``."""

TaskId = NewType("TaskId", str)
"""A task specification's id, unique in its file."""

RequirementId = NewType("RequirementId", str)
"""The number of a statement of the requirements: ``R1``, ``R2``, …"""

Digest = NewType("Digest", str)
"""A SHA-256 digest as 64 lower-case hexadecimal characters."""

ROOT_PATH = NodePath("root")

PROJECT_ID_PATTERN = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
TASK_ID_PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}")


class Archetype(StrEnum):
    """A role with its prompt and model route."""

    DECOMPOSER = "decomposer"
    SPECIFIER = "specifier"
    CODER = "coder"
    VERIFIER = "verifier"
    INTEGRATOR = "integrator"
    REVIEWER = "reviewer"
    COORDINATOR = "coordinator"


class LayerName(StrEnum):
    """The eight layers of the ladder, in their order."""

    SYNTAX = "syntax"
    TYPES = "types"
    CONTRACTS = "contracts"
    UNIT_TESTS = "unit_tests"
    PROPERTY_TESTS = "property_tests"
    STATIC_ANALYSIS = "static_analysis"
    SECURITY = "security"
    PERFORMANCE = "performance"


class TaskStatus(StrEnum):
    """Where a node stands; ``blocked``: something it depends on failed."""

    PENDING = "pending"
    RUNNING = "running"
    WON = "won"
    PARTIAL = "partial"
    RESOLVED = "resolved"
    WAITING = "waiting"
    FAILED = "failed"
    BLOCKED = "blocked"
    REUSED = "reused"
    CANCELLED = "cancelled"


class Gate(StrEnum):
    """A point at which a project can be made to wait for an approval."""

    SPECIFICATION = "specification"
    PLAN = "plan"
    BUDGET = "budget"
    DELIVERY = "delivery"


DELIVERED = frozenset({TaskStatus.WON, TaskStatus.PARTIAL, TaskStatus.RESOLVED, TaskStatus.REUSED})
"""The statuses in which a node has an artifact that others may build on."""


def child_path(parent: NodePath, task: TaskId) -> NodePath:
    """Return the path of the node ``task`` under ``parent``."""
    return NodePath(f"{parent}.{task}")


def parent_path(path: NodePath) -> NodePath | None:
    """Return the path of the node above ``path``; None for the root."""
    head, _, _ = path.rpartition(".")
    return NodePath(head) if head else None


def project_id_from(text: str) -> ProjectId | None:
    """Make a project id of ``text`` (a file's stem, a workflow id); None if nothing usable is left."""
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:64].strip("-")
    return ProjectId(slug) if slug else None
