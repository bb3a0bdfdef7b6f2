"""Adds inputs that agents propose to a node's own: those that are promised, and that it has not already.

It is no activity of its own, and runs no candidate.
"""

from collections.abc import Sequence

from activities.observing import admitted
from millwright.core.examples import example_calls
from millwright.core.verification.evidence import Arguments
from millwright.ports import ProjectStore, Sandbox
from schemas.claims import Claim, digest_of_values
from schemas.identity import Digest
from schemas.requests import ElectionRef
from schemas.specification import TaskSpecification
from schemas.verification import InputOrigin, InputVector


class Adding:
    """Writes inputs to the store."""

    def __init__(self, projects: ProjectStore, sandbox: Sandbox) -> None:
        self._projects = projects
        self._sandbox = sandbox

    async def add(
        self, election: ElectionRef, task: TaskSpecification, claims: Sequence[Claim], origin: InputOrigin, most: int
    ) -> int:
        """Add the inputs of claims, at most so many; returns how many are the node's by this origin's doing.

        Inputs that the specification has are left out, and so are those that the node has from elsewhere. What an
        earlier attempt has added counts again, so that a retry says the same.

        Raises:
            SandboxUnavailable: nothing is known of the inputs.
        """
        node = await self._projects.node(election.project, election.path)
        stored = await self._projects.inputs(node.specification)
        own = await self._projects.further_inputs(election.project, election.path)
        known = {digest_of_values(arguments) for arguments in example_calls(task)}
        known |= {digest_of_values(vector.arguments) for vector in (stored.vectors if stored else ())}
        known |= {digest_of_values(vector.arguments) for vector in own if vector.origin is not origin}
        fresh: dict[Digest, Arguments] = {}
        for claim in claims:
            digest = digest_of_values(claim.arguments)
            if digest not in known:
                fresh.setdefault(digest, claim.arguments)
        promised = await admitted(self._sandbox, task, tuple(fresh.values()))
        vectors = [InputVector(arguments=item, origin=origin) for item in promised[:most]]
        await self._projects.add_further_inputs(election.project, election.path, vectors)
        return len(vectors)
