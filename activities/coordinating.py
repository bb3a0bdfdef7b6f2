"""Asks a coordinator what to do after an election that nobody won, and records the proposal and what becomes of it.

It takes no step. Which steps are open, and which is the policy's own, it is told.
"""

from temporalio import activity

from activities.boundary import heartbeating, translated
from activities.generation import Generation
from activities.refusals import refusals
from activities.stating import Stating
from millwright.core.coordination import situation, unstored
from millwright.core.fallback import checked
from millwright.ports import ArtifactStore, ProjectStore
from schemas.coordination import Advice, Advised, Situation
from schemas.digests import canonical_json
from schemas.identity import Digest
from schemas.requests import CoordinateRequest, DrawRequest, Purpose


class Coordinating:
    """Activities that wait on coordinators."""

    def __init__(self, generation: Generation, projects: ProjectStore, artifacts: ArtifactStore) -> None:
        self._generation = generation
        self._projects = projects
        self._artifacts = artifacts
        self._stating = Stating(generation, projects)

    @activity.defn
    @translated
    async def advise(self, request: CoordinateRequest) -> Advice:
        """Let one coordinator propose a step; a retry in the same situation pays nothing and records nothing twice."""
        async with heartbeating():
            facts = await self._facts(request)
            told = await self._artifacts.put(canonical_json(facts), "application/json")
            about = request.election.model_copy(update={"purpose": Purpose.COORDINATE})
            drawn = await self._generation.answers(
                DrawRequest(election=about, round=0, count=1, seed=request.seed, among=(told,))
            )
            read = [unstored(text) for text in await self._stating.texts(about, drawn.draws)]
            if not read:
                return Advice(budget_reached=drawn.budget_reached)
            await self._record(request, told, read[0])
        return read[0]

    async def _facts(self, request: CoordinateRequest) -> Situation:
        election = request.election
        verdicts = await self._projects.verdicts(election.project, election.path)
        return situation(
            election.path,
            request.outcome,
            [verdict for given in verdicts.values() for verdict in given],
            await refusals(self._projects, election),
            k=request.k,
            tried=request.tried,
            open_=request.open,
        )

    async def _record(self, request: CoordinateRequest, told: Digest, advice: Advice) -> None:
        if advice.proposed is None:
            return
        node = await self._projects.node(request.election.project, request.election.path)
        taken = checked(advice.proposed, request.open)
        line = Advised(situation=told, proposed=advice.proposed, taken=taken, reason=advice.reason)
        advised = (*(item for item in node.rework.advised if item.situation != told), line)
        rework = node.rework.model_copy(update={"advised": advised})
        await self._projects.save_nodes([node.model_copy(update={"rework": rework})])
