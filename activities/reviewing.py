"""Lets reviewer agents read a winner and propose inputs on which it may fail; they are run, and no opinion decides.

It compares no candidates and counts no votes: the election does, on what was added here.
"""

from temporalio import activity

from activities.adding import Adding
from activities.asking import Asking
from activities.boundary import heartbeating, translated
from activities.generation import Generation
from activities.stating import Stating
from millwright.core.proposals import agreed
from millwright.core.reviewing import MOST_REVIEWED, unstored
from millwright.ports import ArtifactStore, ProjectStore, Sandbox
from schemas.requests import DrawRequest, Purpose, ReviewedWinner, ReviewRequest
from schemas.verification import InputOrigin


class Reviewing:
    """Activities that wait on reviewers."""

    def __init__(
        self, generation: Generation, projects: ProjectStore, artifacts: ArtifactStore, sandbox: Sandbox
    ) -> None:
        self._generation = generation
        self._projects = projects
        self._asking = Asking(projects, artifacts)
        self._stating = Stating(generation, projects)
        self._adding = Adding(projects, sandbox)

    @activity.defn
    @translated
    async def review_winner(self, request: ReviewRequest) -> ReviewedWinner:
        """Let reviewers propose inputs for a winner, and keep those that are promised and new; a retry changes nothing.

        What they claim of results is kept as claims are.
        """
        election = request.election.model_copy(update={"purpose": Purpose.REVIEW, "simplification": 0})
        async with heartbeating():
            task = await self._asking.task(election)
            if not task.inputs:
                return ReviewedWinner()
            drawn = await self._generation.answers(
                DrawRequest(election=election, round=0, count=request.count, seed=request.seed, among=(request.winner,))
            )
            reviews = [unstored(text) for text in await self._stating.texts(election, drawn.draws)]
            claims = agreed([review.claims for review in reviews])
            kept = await self._adding.add(election, task, claims, InputOrigin.REVIEWED, MOST_REVIEWED)
            stated = [claim for claim in claims if claim.expected is not None]
            await self._projects.save_claims(election.project, election.path, stated)
        return ReviewedWinner(
            kept=kept,
            claims=len(stated),
            dropped=sum(review.dropped for review in reviews),
            budget_reached=drawn.budget_reached,
        )
