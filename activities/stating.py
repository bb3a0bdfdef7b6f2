"""Lets agents state what a function gives for some of its inputs, until a vote has settled what can be settled.

It is no activity of its own, and makes no example of what was stated.
"""

from collections.abc import Sequence

from activities.generation import Generation
from millwright.core import settling
from millwright.core.verification.evidence import Arguments
from millwright.ports import ProjectStore
from schemas.claims import digest_of_values
from schemas.election import Draw
from schemas.requests import DrawRequest, ElectionRef
from schemas.specification import TaskSpecification


class Stating:
    """Draws statements from a model."""

    def __init__(self, generation: Generation, projects: ProjectStore) -> None:
        self._generation = generation
        self._projects = projects

    async def answers(
        self, election: ElectionRef, task: TaskSpecification, asked: Sequence[Arguments], *, k: int, cap: int, seed: int
    ) -> tuple[list[settling.Answer], str | None]:
        """Draw answers, k at first and then as many as could settle another input, until none can be settled.

        Returns them, and the cap of the budget that stopped the calls, if one did.
        """
        among = tuple(map(digest_of_values, asked))
        nothing: settling.Answer = (None,) * len(asked)
        answers: list[settling.Answer] = []
        round_, needed = 0, min(k, cap)
        while needed:
            drawn = await self._generation.answers(
                DrawRequest(election=election, round=round_, count=needed, seed=seed, before=len(answers), among=among)
            )
            texts = await self.texts(election, drawn.draws)
            answers += [settling.unwritten(text) for text in texts]
            answers += [nothing] * (len(drawn.draws) - len(texts))  # a flagged answer is an attempt all the same
            if drawn.budget_reached is not None:
                return answers, drawn.budget_reached
            round_ += 1
            needed = settling.draws_needed(answers, len(asked), task, k=k, cap=cap)
        return answers, None

    async def texts(self, election: ElectionRef, draws: Sequence[Draw]) -> list[str]:
        """Read what is kept of the draws that were not flagged."""
        kept = [draw.candidate for draw in draws if draw.candidate is not None]
        return [await self._projects.candidate(election.project, election.path, digest) for digest in kept]
