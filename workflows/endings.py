"""How a node's status is recorded, and how it ends: with an accepted answer, joined by rule, blocked, or given up.

It decides nothing: the node does.
"""

from collections.abc import Sequence

from temporalio import workflow

from activities.integration import Integration
from activities.records import Records
from schemas.election import Election
from schemas.identity import Digest, NodePath, TaskStatus
from schemas.project import NodeInput, NodeResult
from schemas.requests import NodeOutcome, NodeState, Purpose
from workflows import policies
from workflows.identifiers import STATE_ATTRIBUTE


def show(status: TaskStatus) -> None:
    """Show a node's status to whoever lists workflows."""
    workflow.upsert_search_attributes([STATE_ATTRIBUTE.value_set(status.value)])


async def stated(given: NodeInput, status: TaskStatus, note: str = "", *, summary: str = "") -> None:
    """Record a node's status while it is under way; ``summary`` is for the Web UI, the status by default."""
    await workflow.execute_activity_method(
        Records.set_state,
        NodeState(project=given.project, path=given.path, status=status, note=note),
        summary=summary or status.value,
        **policies.RECORD,
    )
    show(status)


async def settled(
    given: NodeInput,
    status: TaskStatus,
    purpose: Purpose,
    election: Election,
    *,
    k: int,
    candidate: Digest | None,
    note: str,
) -> NodeResult:
    """Settle what an election by ``k`` came to: ``candidate`` is accepted, or nothing where it is None."""
    outcome = NodeOutcome(
        project=given.project,
        path=given.path,
        status=status,
        purpose=purpose,
        candidate=candidate,
        election=election,
        k=k,
        note=note,
    )
    artifact = await workflow.execute_activity_method(
        Integration.settle_node, outcome, summary=f"{status.value}: {given.path}", **policies.RECORD
    )
    show(status)
    return NodeResult(path=given.path, status=status, artifact=artifact, note=note)


async def joined(given: NodeInput, lost: Sequence[NodePath], why: str) -> NodeResult:
    """Join a group's children by rule; ``lost`` are those that were not built."""
    note = f"not built: {', '.join(lost)}{why}" if lost else ""
    status = TaskStatus.FAILED if lost else TaskStatus.WON
    outcome = NodeOutcome(project=given.project, path=given.path, status=status, note=note)
    artifact = await workflow.execute_activity_method(
        Integration.join, outcome, summary=f"join {given.path}", **policies.RECORD
    )
    show(status)
    return NodeResult(path=given.path, status=status, artifact=artifact, note=note)


async def blocked(given: NodeInput, note: str) -> NodeResult:
    """Block a node, and all below it that has not ended."""
    await workflow.execute_activity_method(
        Records.block_below,
        NodeState(project=given.project, path=given.path, status=TaskStatus.BLOCKED, note=note),
        summary=f"blocked: {given.path}",
        **policies.RECORD,
    )
    show(TaskStatus.BLOCKED)
    return NodeResult(path=given.path, status=TaskStatus.BLOCKED, note=note)


async def failed(given: NodeInput, note: str, election: Election | None = None, *, k: int = 0) -> NodeResult:
    """Give a node up; ``election`` is the one that came to nothing, by ``k``, where there was one."""
    outcome = NodeOutcome(
        project=given.project,
        path=given.path,
        status=TaskStatus.FAILED,
        election=election,
        k=k if election else 0,
        note=note,
    )
    await workflow.execute_activity_method(
        Integration.settle_node, outcome, summary=f"failed: {given.path}", **policies.RECORD
    )
    show(TaskStatus.FAILED)
    return NodeResult(path=given.path, status=TaskStatus.FAILED, note=note)
