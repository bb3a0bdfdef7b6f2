"""The names by which workflows, queues and search attributes are found from outside.

It starts nothing and connects to nothing.
"""

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from schemas.identity import NodePath, ProjectId, TaskStatus
from schemas.project import NodeInput

CONTROL_QUEUE = "millwright-control"
"""Workflows, records and decisions."""

MODEL_QUEUE = "millwright-model"
"""Waiting on models: high concurrency."""

VERIFY_QUEUE = "millwright-verify"
"""CPU and the sandbox: one slot a core."""

PROJECT_ATTRIBUTE = SearchAttributeKey.for_keyword("MillwrightProject")
NODE_ATTRIBUTE = SearchAttributeKey.for_keyword("MillwrightNode")
STATE_ATTRIBUTE = SearchAttributeKey.for_keyword("MillwrightState")
WAITS_FOR_ATTRIBUTE = SearchAttributeKey.for_keyword("MillwrightWaitsFor")
SPEND_ATTRIBUTE = SearchAttributeKey.for_float("MillwrightSpend")

_PREFIX = "millwright/"


def project_workflow_id(project: ProjectId) -> str:
    """Return the workflow id of a project."""
    return f"{_PREFIX}{project}"


def node_workflow_id(project: ProjectId, path: NodePath) -> str:
    """Return the workflow id of a node."""
    return f"{_PREFIX}{project}/node/{path}"


def project_named_by(workflow_id: str) -> str:
    """Return the part of a workflow id that names its project: our own ids lose their prefix."""
    return workflow_id.removeprefix(_PREFIX)


def node_attributes(given: NodeInput) -> TypedSearchAttributes:
    """Return the search attributes that a node starts with."""
    return TypedSearchAttributes(
        [
            SearchAttributePair(PROJECT_ATTRIBUTE, given.project),
            SearchAttributePair(NODE_ATTRIBUTE, given.path),
            SearchAttributePair(STATE_ATTRIBUTE, TaskStatus.PENDING.value),
        ]
    )
