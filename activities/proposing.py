"""Lets agents propose what a vote needs beside code: inputs worth trying, and examples where nobody wrote any.

It rejects nothing by what agents claim, and accepts no example that most of them do not state.
"""

from temporalio import activity

from activities.adding import Adding
from activities.asking import Asking
from activities.asserting import Asserting
from activities.boundary import heartbeating, translated
from activities.examining import alone, broken_examples
from activities.generation import Generation
from activities.observing import admitted
from activities.stating import Stating
from millwright.core import settling
from millwright.core.proposals import agreed, unstored
from millwright.core.verification.evidence import Arguments
from millwright.errors import NotFound
from millwright.ports import ArtifactStore, ProjectStore, Sandbox
from schemas.requests import (
    DrawRequest,
    ElectionRef,
    ProposedInputs,
    ProposeRequest,
    Purpose,
    SettledExamples,
    SettleExamplesRequest,
)
from schemas.specification import TaskSpecification
from schemas.verification import InputOrigin

MOST_INPUTS = 60
"""Proposed inputs that a node keeps: each is run with every candidate."""

MOST_CLAIMS = 400
"""Claims that a node keeps."""


class Proposing:
    """Activities that wait on models, for other things than code."""

    def __init__(
        self, generation: Generation, projects: ProjectStore, artifacts: ArtifactStore, sandbox: Sandbox
    ) -> None:
        self._generation = generation
        self._projects = projects
        self._sandbox = sandbox
        self._asking = Asking(projects, artifacts)
        self._adding = Adding(projects, sandbox)
        self._asserting = Asserting(projects, sandbox.evaluate)
        self._stating = Stating(generation, projects)

    @activity.defn
    @translated
    async def propose_inputs(self, request: ProposeRequest) -> ProposedInputs:
        """Let verifier agents propose inputs, and keep those that are promised and new; a retry changes nothing."""
        election = _about(request.election, Purpose.INPUTS)
        async with heartbeating():
            task = await self._asking.task(election)
            if not request.count or not task.inputs:
                return ProposedInputs()
            drawn = await self._generation.answers(
                DrawRequest(election=election, round=0, count=request.count, seed=request.seed)
            )
            answers = [unstored(text) for text in await self._stating.texts(election, drawn.draws)]
            claims = agreed([answer.claims for answer in answers])
            kept = await self._adding.add(election, task, claims, InputOrigin.PROPOSED, MOST_INPUTS)
            stated = [claim for claim in claims if claim.expected is not None][:MOST_CLAIMS]
            await self._projects.save_claims(election.project, election.path, stated)
            asserted = await self._asserting.kept(election)
        return ProposedInputs(
            kept=kept,
            claims=len(stated),
            dropped=sum(answer.dropped for answer in answers),
            budget_reached=drawn.budget_reached,
            asserts=len(asserted.assertions),
            refuted=asserted.refuted,
        )

    @activity.defn
    @translated
    async def settle_examples(self, request: SettleExamplesRequest) -> SettledExamples:
        """Let specifier agents state the results of simple inputs, and keep as examples what a vote settles.

        Raises:
            NotFound: the node's inputs were not generated yet.
        """
        election = _about(request.election, Purpose.EXAMPLES)
        async with heartbeating():
            task = await self._asking.task(election)
            asked = settling.chosen_inputs(await self._promised(election, task), task)
            if not asked:
                return SettledExamples()
            answers, reached = await self._stating.answers(
                election, task, asked, k=request.k, cap=request.cap, seed=request.seed
            )
            cases = settling.settled_examples(answers, asked, task, request.k)
            sound = [case for case in cases if not await broken_examples(self._sandbox, alone(task, case))]
            await self._projects.add_further_examples(election.project, election.path, sound)
        return SettledExamples(
            asked=len(asked),
            settled=tuple(case.name for case in sound),
            enough=len(sound) >= (settling.FEWEST_SETTLED if task.inputs else 1),
            samples=len(answers),
            budget_reached=reached,
        )

    async def _promised(self, election: ElectionRef, task: TaskSpecification) -> tuple[Arguments, ...]:
        """Return the node's inputs that satisfy its constraints and preconditions; one call for a task without any."""
        node = await self._projects.node(election.project, election.path)
        stored = await self._projects.inputs(node.specification)
        if stored is None:
            raise NotFound(f"{election.project}: {election.path} has no inputs yet: they are generated before")
        inputs = [vector.arguments for vector in stored.vectors if vector.origin is not InputOrigin.SIZED]
        if not task.inputs:
            return ((),)
        return await admitted(self._sandbox, task, inputs)


def _about(election: ElectionRef, purpose: Purpose) -> ElectionRef:
    """Name the election by what is asked: a simplification of the task changes neither its inputs nor its results."""
    return election.model_copy(update={"purpose": purpose, "simplification": 0})
