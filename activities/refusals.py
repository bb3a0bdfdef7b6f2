"""Says why the proposals of an election over structures were refused, for whoever reads that nobody won it.

It refuses nothing itself.
"""

from collections import Counter

from millwright.ports import ProjectStore
from schemas.requests import ElectionRef, NodeOutcome, Purpose

_MOST_SHOWN = 2
_MOST_ROUNDS = 1000


async def with_refusals(projects: ProjectStore, outcome: NodeOutcome) -> str:
    """Return the note of an outcome, with the reasons that most proposals were refused for where no plan was elected.

    The outcome of such an election names no purpose: no code was ever asked for.
    """
    if outcome.purpose is not None or outcome.election is None or outcome.candidate is not None:
        return outcome.note
    revision = (await projects.project(outcome.project)).revision
    election = ElectionRef(project=outcome.project, path=outcome.path, purpose=Purpose.DECOMPOSE, revision=revision)
    reasons: Counter[str] = Counter()
    for round_ in range(_MOST_ROUNDS):
        drawn = await projects.completions(outcome.project, outcome.path, election.key, round_, revision)
        if not drawn:
            break
        reasons.update(f"{item.flag.value}: {item.detail}" for item in drawn if item.flag is not None)
    shown = [f"{reason} ({times} of {reasons.total()})" for reason, times in reasons.most_common(_MOST_SHOWN)]
    return f"{outcome.note}; refused most often as {', and as '.join(shown)}" if shown else outcome.note
