"""Finds the smallest input on which groups of candidates do different things, so that a person can say what is right.

It asks nobody and judges nobody. It runs candidates through ports; what divides, and what is simpler, is the core's.
"""

from collections.abc import Sequence

from activities.observing import admitted, lay_out
from activities.quiet import Quiet
from activities.recall import Recall
from activities.together import together
from activities.trying import Trying
from millwright.core.dividing import Division, division_at, divisions, first_pair
from millwright.core.doubt import doubtful
from millwright.core.verification.evidence import MOST_LOST, Arguments
from millwright.core.verification.layer import Subject
from millwright.core.verification.shrinking import smaller
from millwright.ports import Sandbox
from schemas.execution import Outcome

MOST_ROUNDS = 12
"""Times that an input is made simpler: each round is one run of two candidates on a few dozen inputs."""


class Divider:
    """Runs candidates through a sandbox, beside all other runs of this process."""

    def __init__(self, sandbox: Sandbox, recall: Recall, quiet: Quiet) -> None:
        self._sandbox, self._recall = sandbox, recall
        self._trying = Trying(sandbox, recall, quiet)

    async def divide(self, subjects: Sequence[Subject], votes: Sequence[int]) -> Division | None:
        """Find the simplest input on which candidates of one task divide, the leading one first; None where none does.

        Each stands for so many ``votes``. Inputs on which a good part of them fails are passed over as long as others
        divide them: nobody promised anything there.

        Raises:
            SandboxUnavailable: nothing is known of any candidate.
            SpecificationInvalid: the task's own examples or types cannot be decoded.
        """
        laid_out = await lay_out(self._recall, subjects[0])
        if not laid_out.calls or len(subjects) < 2:
            return None
        behaviours = await together([self._trying.trial(subject, laid_out) for subject in subjects])
        task, unpromised = subjects[0].task, set(laid_out.unpromised)
        doubted = doubtful(behaviours, len(laid_out.examples), task, MOST_LOST)
        for passed_over in (unpromised | doubted, unpromised):
            places = [place for place in range(len(laid_out.calls)) if place not in passed_over]
            found = divisions(
                [laid_out.calls[place] for place in places],
                [[behaviour[place] for place in places] for behaviour in behaviours],
                votes,
                task,
            )
            if found:
                return await self._simplest(subjects, votes, found[0])
        return None

    async def _simplest(self, subjects: Sequence[Subject], votes: Sequence[int], found: Division) -> Division:
        """Make the input simpler for as long as the same two candidates do different things on it."""
        task = subjects[0].task
        pair = first_pair(found.arguments, await self._on(subjects, found.arguments), task)
        for _ in range(MOST_ROUNDS):
            proposals = await admitted(self._sandbox, task, smaller(found.arguments, task))
            if pair is None or not proposals:
                break
            one, other = await together([self._trying.outcomes(subjects[place], proposals) for place in pair])
            told = [
                arguments
                for arguments, *both in zip(proposals, one, other, strict=True)
                if division_at(arguments, both, (1, 1), task) is not None
            ]
            if not told:
                break
            simpler = division_at(told[0], await self._on(subjects, told[0]), votes, task)
            if simpler is None:
                break
            found = simpler
        return found

    async def _on(self, subjects: Sequence[Subject], arguments: Arguments) -> list[Outcome]:
        return [
            seen[0] for seen in await together([self._trying.outcomes(subject, (arguments,)) for subject in subjects])
        ]
