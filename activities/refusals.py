"""Says why the answers of an election were refused: for whoever reads that nobody won it, or proposes what follows.

It refuses nothing itself.
"""

from collections import Counter

from millwright.ports import ProjectStore
from schemas.requests import ElectionRef, NodeOutcome, Purpose

_MOST_SHOWN = 2
_MOST_ROUNDS = 1000


async def refusals(projects: ProjectStore, election: ElectionRef) -> list[str]:
    """Return the red flag and its reason of each answer of an election that has one."""
    found: list[str] = []
    for round_ in range(_MOST_ROUNDS):
        drawn = await projects.completions(election.project, election.path, election.key, round_, election.revision)
        if not drawn:
            break
        found += [f"{item.flag.value}: {item.detail}" for item in drawn if item.flag is not None]
    return found


async def with_refusals(projects: ProjectStore, outcome: NodeOutcome) -> str:
    """Return the note of an outcome, with the reasons that most proposals were refused for where no plan was elected.

    The outcome of such an election names no purpose: no code was ever asked for.
    """
    if outcome.purpose is not None or outcome.election is None or outcome.candidate is not None:
        return outcome.note
    revision = (await projects.project(outcome.project)).revision
    election = ElectionRef(project=outcome.project, path=outcome.path, purpose=Purpose.DECOMPOSE, revision=revision)
    reasons = Counter(await refusals(projects, election))
    shown = [f"{reason} ({times} of {reasons.total()})" for reason, times in reasons.most_common(_MOST_SHOWN)]
    return f"{outcome.note}; refused most often as {', and as '.join(shown)}" if shown else outcome.note
