"""What a build must be like, whatever its endpoints did: the claims of the fault campaign, checked in one place.

It builds nothing.
"""

from collections.abc import Sequence

from schemas.breakers import BreakerState
from schemas.identity import TaskStatus
from tests.faults.building import Outcome

MOST_REQUESTS = 2.0
"""How many times the requests of the build without faults one with faults may make."""


def demand_unharmed(outcome: Outcome, calm: Outcome) -> None:
    """Demand the artifacts, votes and answers of the build without faults, for at most twice its requests."""
    assert outcome.exit_code == 0, outcome.output
    assert outcome.manifest is not None
    assert outcome.manifest == calm.manifest
    assert _votes(outcome) == _votes(calm)
    assert {node.status for node in outcome.nodes} == {TaskStatus.WON}
    assert outcome.requests <= MOST_REQUESTS * calm.requests
    demand_counted(outcome)


def demand_counted(outcome: Outcome) -> None:
    """Demand that the ledger has every request that an endpoint has read, and no other, call by call."""
    assert outcome.counted == outcome.asked


def _votes(outcome: Outcome) -> dict[str, tuple[int, int, int]]:
    """Return each node's margin, samples and red flags."""
    return {node.path: (node.margin, node.samples, node.red_flags) for node in outcome.nodes}


def passed_through(seen: Sequence[BreakerState], *wanted: BreakerState) -> bool:
    """Say whether states were seen in an order, with others between them or not."""
    rest = iter(seen)
    return all(state in rest for state in wanted)
