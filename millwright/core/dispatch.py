"""Which replica of a model gets a call: all votes of a task the same one, as long as it is not much busier than others.

It knows no endpoint's health and keeps no count: both are given.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

BALANCE = 1.25
"""How far above the mean load a replica may be: consistent hashing with bounded loads (Mirrokni, Thorup and
Zadimoghaddam, arXiv 1608.01350), whose authors call 1.25 a good trade."""

SLACK = 4
"""Calls beyond that which a replica may always have, so that the few votes of one task stay together on idle ones."""


@dataclass(frozen=True)
class Replica:
    """An endpoint that can be asked: its calls in flight, and how many it may have."""

    endpoint: str
    in_flight: int
    limit: int


def choose(replicas: Sequence[Replica], affinity: str) -> str | None:
    """Choose the endpoint for a call; None where none has room.

    Calls with the same ``affinity`` share a prefix, and go to the same replica while its load is bounded by
    ``BALANCE`` times the mean plus ``SLACK``; else to the next in an order that the affinity fixes (rendezvous
    hashing), and to the least busy where all are above the bound.
    """
    if not replicas:
        return None
    mean = (sum(each.in_flight for each in replicas) + 1) / len(replicas)
    bound = math.ceil(BALANCE * mean) + SLACK
    free = [each for each in replicas if each.in_flight < each.limit]
    order = sorted(free, key=lambda each: hashlib.sha256(f"{affinity}\n{each.endpoint}".encode()).digest())
    within = (each for each in order if each.in_flight < bound)
    chosen = next(within, None) or min(order, key=lambda each: each.in_flight, default=None)
    return None if chosen is None else chosen.endpoint
