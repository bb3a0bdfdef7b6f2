"""The diverse agents of one election: which temperature and seed each draw has.

The order is fixed, so that the same seed gives the same swarm on every worker.
"""

import hashlib
from dataclasses import dataclass

from schemas.election import Slot
from schemas.identity import NodePath

TEMPERATURES = (0.4, 0.7, 1.0)
"""Cycled over after the first draw, which is at temperature 0 (MAKER, arXiv 2511.09030: first vote at the lowest)."""

_SEED_BITS = 31  # the widest that every known endpoint accepts


@dataclass(frozen=True)
class Agent:
    """One call's diversity: its temperature and its seed in [0, 2**31)."""

    temperature: float
    seed: int


def agent(seed: int, path: NodePath, slot: Slot) -> Agent:
    """Return the agent that draws at ``slot`` of the node at ``path`` in a build with ``seed``."""
    text = f"{seed}/{path}/{slot.round}/{slot.index}"
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> (64 - _SEED_BITS)
    first = slot.round == 0 and slot.index == 0
    temperature = 0.0 if first else TEMPERATURES[(slot.round + slot.index) % len(TEMPERATURES)]
    return Agent(temperature=temperature, seed=number)
