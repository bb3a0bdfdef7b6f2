"""The diverse agents of one election: which model, temperature, prompt variant and seed each draw has.

The order is fixed by the build's seed, so that the same build has the same swarm on every worker.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from schemas.election import Slot
from schemas.identity import NodePath
from schemas.models import MOST_CHOICES
from schemas.presets import Route, Variant

_SEED_BITS = 31  # the widest that every known endpoint accepts

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True)
class Agent:
    """One call's diversity: the model's key, temperature, prompt variant, and a seed in [0, 2**31)."""

    model: str
    temperature: float
    variant: Variant
    seed: int

    def alike(self, other: "Agent") -> bool:
        """Say whether one request can serve both: they differ in nothing but their seeds."""
        mine, others = (self.model, self.temperature, self.variant), (other.model, other.temperature, other.variant)
        return mine == others


def agent(route: Route, seed: int, path: NodePath, slot: Slot, position: int) -> Agent:
    """Return the agent that draws at ``slot`` of the node at ``path`` in a build with ``seed``.

    ``position`` counts the draws of the election before it. The first has the route's first model and variant at the
    lowest temperature (MAKER, arXiv 2511.09030: the first vote at temperature 0). Those after it walk through models x
    variants x the other temperatures, so that neighbours differ and every combination comes before one comes again.
    Where the walk through models and variants begins depends on seed and path.
    """
    coldest = min(route.temperatures)
    if position == 0:
        return Agent(route.models[0], coldest, route.variants[0], seed_of(seed, path, slot))
    warmer = sorted(set(route.temperatures) - {coldest}) or [coldest]
    origin = _number(f"{seed}/{path}/swarm")
    pairs = _walk(route.models, route.variants)
    turned = [pairs[(number + origin) % len(pairs)] for number in range(len(pairs))]
    walk = _walk(turned, warmer)
    (model, variant), temperature = walk[position % len(walk)]
    return Agent(model, temperature, variant, seed_of(seed, path, slot))


def seed_of(seed: int, path: NodePath, slot: Slot) -> int:
    """Return the seed of the call at a slot, in [0, 2**31)."""
    return _number(f"{seed}/{path}/{slot.round}/{slot.index}")


def requests(agents: Sequence[Agent], *, together: bool = True) -> tuple[tuple[int, ...], ...]:
    """Group a round's agents into requests, as their places: those alike share one, which asks for several choices.

    ``together`` False keeps each apart, since their prompts differ.
    """
    groups: list[list[int]] = []
    for place, each in enumerate(agents):
        fitting = (group for group in groups if agents[group[0]].alike(each) and len(group) < MOST_CHOICES)
        group = next(fitting, None) if together else None
        if group is None:
            groups.append([place])
        else:
            group.append(place)
    return tuple(map(tuple, groups))


def _walk(first: Sequence[A], second: Sequence[B]) -> list[tuple[A, B]]:
    """List all pairs so that both parts change from one to the next, where there are more than two of the second.

    The second is shifted by one whenever both would come round together.
    """
    both = math.lcm(len(first), len(second))
    return [
        (first[number % len(first)], second[(number + number // both) % len(second)])
        for number in range(len(first) * len(second))
    ]


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> (64 - _SEED_BITS)
