"""Prepares what is to be done again: elections that are held again, and plans that take the place of others.

It holds no election and makes no plan. A retry changes nothing more.
"""

from temporalio import activity

from activities.accepting import refute_part
from activities.boundary import translated
from activities.standing import record_standing
from millwright.core.reopening import layer_of, may_reopen, standing_on
from millwright.ports import ArtifactStore, ProjectStore
from schemas.attribution import Reopened, ReopenRequest, ReplanRequest
from schemas.delivery import WholeEvidence
from schemas.evidence import NodeRecord
from schemas.identity import Digest, LayerName, NodePath, TaskStatus
from schemas.verification import Finding, Verdict, VerdictStatus

_LAID_AT = "the whole did not hold with its answer"
_AGAIN = "to be verified again: something that it depends on is done again"


class Reworking:
    """Activities that open again what had ended."""

    def __init__(self, projects: ProjectStore, artifacts: ArtifactStore) -> None:
        self._projects = projects
        self._artifacts = artifacts

    @activity.defn
    @translated
    async def reopen(self, request: ReopenRequest) -> Reopened:
        """Open nodes for another election, as often as that is allowed, and what stands on them for another check."""
        nodes = {node.path: node for node in await self._projects.nodes(request.project)}
        named = [nodes[path] for path in request.paths if path in nodes]
        targets = {
            node.path: node
            for node in named
            if may_reopen(node, request.max_reopenings, reopened=node.status is TaskStatus.PENDING)
        }
        if not targets:
            return Reopened()
        held = await self._held_against(request)
        changed = []
        for path in standing_on(targets.keys(), list(nodes.values()), request.top):
            node = nodes[path]
            if node.status is TaskStatus.PENDING:
                continue
            if path in targets:
                await refute_part(self._projects, node)
                node = await self._barred(node, held.get(path, ()))
                again = node.rework.reopenings + 1
                why = request.reason or _LAID_AT
                reasons = (*node.rework.reasons, why)
                rework = node.rework.model_copy(update={"reopenings": again, "reasons": reasons})
                note = f"its election is held again ({again} of {request.max_reopenings})"
                node = node.model_copy(update={"rework": rework, "note": note})
            else:
                node = node.model_copy(update={"note": _AGAIN})
            changed.append(node.model_copy(update={"status": TaskStatus.PENDING}))
        await self._projects.save_nodes(changed)
        await record_standing(self._projects, request.project)
        return Reopened(paths=tuple(sorted(targets)))

    async def _held_against(self, request: ReopenRequest) -> dict[NodePath, tuple[tuple[LayerName, Finding], ...]]:
        """Collect what is held against each node's accepted candidate."""
        if request.evidence is None:
            if request.barred_by is None:
                return {}
            finding = Finding(code="integration", message="it breaks a promise of its own where its parent calls it")
            return {path: ((request.barred_by, finding),) for path in request.paths}
        evidence = WholeEvidence.model_validate_json(await self._artifacts.get(request.evidence))
        held: dict[NodePath, tuple[tuple[LayerName, Finding], ...]] = {}
        for check in evidence.checks:
            for item in check.complaints:
                finding = Finding(code=f"whole-{check.name}", message=item.what, line=item.line)
                held[item.path] = (*held.get(item.path, ()), (layer_of(check.name), finding))
        return held

    async def _barred(self, node: NodeRecord, held: tuple[tuple[LayerName, Finding], ...]) -> NodeRecord:
        """Take its vote from the candidate that was accepted, and record what is held against it as a verdict."""
        if node.candidate is None or not held:
            return node
        layer = held[0][0]
        findings = tuple(finding for of, finding in held if of is layer)
        verdict = Verdict(layer=layer, status=VerdictStatus.REJECTED, findings=findings)
        await self._projects.save_verdicts(node.project, node.path, node.candidate, (verdict,))
        barred = {**node.rework.barred, node.candidate: layer}
        return node.model_copy(update={"rework": node.rework.model_copy(update={"barred": barred})})

    @activity.defn
    @translated
    async def note_replan(self, request: ReplanRequest) -> Digest:
        """Record that a node is planned anew; returns where the reason is kept for whoever makes the plan."""
        node = await self._projects.node(request.project, request.path)
        given_up = (*node.rework.given_up[: request.number - 1], request.reason)  # one each, also when this is retried
        rework = node.rework.model_copy(update={"replans": request.number, "given_up": given_up})
        note = f"planned anew ({request.number}): {request.reason}"
        await self._projects.save_nodes([node.model_copy(update={"rework": rework, "note": note})])
        return await self._artifacts.put(request.reason.encode("utf-8", "surrogatepass"), "text/plain")
