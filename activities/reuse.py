"""Looks for what an earlier build accepted under a node's identity, and makes a part that still holds the node's own.

It verifies nothing: where the code that a part meets has changed, the workflow has it verified before it is taken.
"""

from temporalio import activity

from activities.accepting import met_by
from activities.boundary import translated
from activities.identifying import identity_of, plan_identity_of
from activities.setting import Settings
from activities.standing import record_standing
from millwright.core.reuse import meets, origin
from millwright.errors import NotFound
from millwright.ports import ArtifactStore, ProjectStore
from schemas.election import Rule
from schemas.evidence import NodeRecord, ProjectRecord
from schemas.identity import Digest, ProjectId, TaskStatus
from schemas.reuse import AcceptedPart, AcceptedPlan, Reusable, ReuseRequest, Taken, TakeRequest


class Reuse:
    """Short activities over the store."""

    def __init__(self, projects: ProjectStore, artifacts: ArtifactStore) -> None:
        self._projects = projects
        self._artifacts = artifacts
        self._settings = Settings(projects, artifacts)

    @activity.defn
    @translated
    async def find_accepted(self, request: ReuseRequest) -> Reusable:
        """Find a part that meets the rule, else a plan, and put what was found at the node's disposal."""
        ref = request.ref
        project = await self._projects.project(ref.project)
        node = await self._projects.node(ref.project, ref.path)
        identity = await identity_of(self._projects, node)
        part = await self._part(project, identity, request.rule)
        if part is not None:
            return Reusable(identity=identity, candidate=part.candidate, verified=await self._adopt(node, part))
        plan = None if node.children else await self._plan(project, await plan_identity_of(self._projects, node))
        if plan is None:
            return Reusable(identity=identity)
        await self._projects.save_candidate(ref.project, ref.path, plan.proposal, plan.text)
        return Reusable(identity=identity, proposal=plan.proposal)

    @activity.defn
    @translated
    async def take_accepted(self, request: TakeRequest) -> Taken:
        """Record that a node uses a part again, which says from where; what a person accepted stays ``resolved``.

        Raises:
            NotFound: nothing is kept under the identity.
        """
        ref = request.ref
        project = await self._projects.project(ref.project)
        part = await self._part(project, request.identity, request.rule)
        if part is None:
            raise NotFound(f"{ref.project}: no part is kept for {ref.path} under {request.identity}")
        setting = await self._settings.load(ref.project, ref.path)
        source = await self._projects.candidate(ref.project, ref.path, part.candidate)
        text = setting.assemble(source)
        artifact = await self._artifacts.put(text.encode("utf-8", "surrogatepass"), "text/x-source")
        resolved = part.status is TaskStatus.RESOLVED
        status = TaskStatus.RESOLVED if resolved else TaskStatus.REUSED
        note = "; ".join(filter(None, (origin(part, ref.project), part.note)))
        counted = part.model_dump(
            include={"votes", "margin", "k", "samples", "red_flags", "rejected_by_layer", "defect"}
        )
        size = setting.language.measure(source)
        counted |= {"lines": size.code_lines, "complexity": size.complexity}
        row = {**counted, "status": status, "artifact": artifact, "candidate": part.candidate, "note": note}
        await self._projects.save_nodes([setting.node.model_copy(update=row)])
        await self._keep(project, setting.node, part, await met_by(self._projects, setting, source))
        await record_standing(self._projects, ref.project)
        return Taken(status=status, artifact=artifact, note=note if resolved else "")

    async def _adopt(self, node: NodeRecord, part: AcceptedPart) -> bool:
        """Give a node a part's source and settled examples; returns whether its verdicts hold, and gives them too."""
        source = (await self._artifacts.get(part.candidate)).decode("utf-8", "surrogatepass")
        await self._projects.save_candidate(node.project, node.path, part.candidate, source)
        await self._projects.add_further_examples(node.project, node.path, part.examples)
        setting = await self._settings.load(node.project, node.path)
        if await met_by(self._projects, setting, source) != part.setting:
            return False
        await self._projects.save_verdicts(node.project, node.path, part.candidate, part.verdicts)
        return True

    async def _keep(self, project: ProjectRecord, node: NodeRecord, part: AcceptedPart, setting: Digest) -> None:
        """Keep a part as it is used now: a later build finds it with the verdicts of today."""
        verdicts = (await self._projects.verdicts(node.project, node.path)).get(part.candidate, ())
        own = await self._projects.accepted_part(project.id, part.identity)
        entered, refuted = (project.revision, part.refuted) if own is None else (own.entered, own.refuted)
        held = {"setting": setting, "verdicts": verdicts, "entered": entered, "refuted": refuted}
        await self._projects.accept_part(project.id, part.model_copy(update=held))

    async def _part(self, project: ProjectRecord, identity: Digest, rule: Rule) -> AcceptedPart | None:
        """Find a part in an earlier revision, else in the project that this one is based on; none found at fault."""
        refuted: set[Digest] = set()
        for source in _sources(project):
            part = await self._projects.accepted_part(source, identity)
            if part is None:
                continue
            refuted.update(part.refuted)
            if part.candidate not in refuted and _is_earlier(project, source, part) and meets(part, rule):
                return part
        return None

    async def _plan(self, project: ProjectRecord, identity: Digest) -> AcceptedPlan | None:
        for source in _sources(project):
            plan = await self._projects.accepted_plan(source, identity)
            if plan is not None and _is_earlier(project, source, plan):
                return plan
        return None


def _sources(project: ProjectRecord) -> tuple[ProjectId, ...]:
    base = project.options.get("based_on")
    return (project.id,) if not isinstance(base, str) or base == project.id else (project.id, ProjectId(base))


def _is_earlier(project: ProjectRecord, source: ProjectId, kept: AcceptedPart | AcceptedPlan) -> bool:
    """What this very revision accepted is no reuse: an interrupted build comes to it again by its stored answers."""
    return source != project.id or kept.entered < project.revision
