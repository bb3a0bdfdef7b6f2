"""Keeps what was accepted under the identity of its node, for later builds to find.

It is no activity of its own: those that settle an election call it.
"""

from activities.identifying import identity_of, plan_identity_of
from activities.setting import Setting
from millwright.core.reuse import setting_digest
from millwright.ports import ArtifactStore, ProjectStore
from schemas.digests import canonical_json
from schemas.evidence import NodeRecord
from schemas.identity import Digest, TaskStatus
from schemas.project import Policy
from schemas.reuse import AcceptedPart, AcceptedPlan

KEPT = frozenset({TaskStatus.WON, TaskStatus.RESOLVED})
"""What is kept: won by its margin, or accepted by a person. What was taken below the margin is elected anew."""


async def accept_part(
    projects: ProjectStore, artifacts: ArtifactStore, setting: Setting, node: NodeRecord, source: str
) -> None:
    """Keep a node's part as it was just accepted; ``node`` is the row that says so."""
    if node.status not in KEPT or node.candidate is None or not node.k:
        return
    await artifacts.put(source.encode("utf-8", "surrogatepass"), "text/x-source")
    policy = Policy.model_validate(setting.project.options.get("policy", {}))
    counted = node.model_dump(
        include={"votes", "margin", "k", "samples", "red_flags", "rejected_by_layer", "defect", "note"}
    )
    identity = await identity_of(projects, node)
    before = await projects.accepted_part(node.project, identity)
    await projects.accept_part(
        node.project,
        AcceptedPart(
            identity=identity,
            project=node.project,
            path=node.path,
            revision=setting.project.revision,
            entered=setting.project.revision,
            status=node.status,
            rule=policy.rule.model_copy(update={"k": node.k}),
            candidate=node.candidate,
            setting=await met_by(projects, setting, source),
            verdicts=(await projects.verdicts(node.project, node.path)).get(node.candidate, ()),
            examples=await projects.further_examples(node.project, node.path),
            refuted=before.refuted if before else (),  # even where an interrupted build comes to the same again
            **counted,
        ),
    )


async def refute_part(projects: ProjectStore, node: NodeRecord) -> None:
    """Remember that what a node accepted was found at fault, so that no later build takes it for its own."""
    if node.candidate is None:
        return
    part = await projects.accepted_part(node.project, await identity_of(projects, node))
    if part is not None and node.candidate not in part.refuted:
        refuted = (*part.refuted, node.candidate)
        await projects.accept_part(node.project, part.model_copy(update={"refuted": refuted}))


async def met_by(projects: ProjectStore, setting: Setting, source: str) -> Digest:
    """Digest all that verdicts on a candidate of a node rest on."""
    examples = await projects.further_examples(setting.project.id, setting.node.path)
    return setting_digest(
        setting.node.specification,
        tuple(canonical_json(case).decode("ascii") for case in examples),
        {**setting.modules, setting.target: setting.assemble(source)},
        setting.target,
    )


async def accept_plan(projects: ProjectStore, node: NodeRecord, proposal: Digest, revision: int) -> None:
    """Keep the proposal that was just accepted as a node's plan."""
    plan = AcceptedPlan(
        identity=await plan_identity_of(projects, node),
        entered=revision,
        proposal=proposal,
        text=await projects.candidate(node.project, node.path, proposal),
    )
    await projects.accept_plan(node.project, plan)
