"""What goes wrong at a faulty endpoint, and when: by a hash of the call and of how often it was seen.

It opens no socket.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """One way in which an endpoint fails a call. The last two answer, with other content than was asked for."""

    RATE_LIMITED = "429"
    INTERNAL_ERROR = "500"
    UNAVAILABLE = "503"
    STALLED = "stall"
    RESET = "reset"
    GARBAGE = "garbage"
    TRUNCATED = "truncated"
    REFUSED = "401"
    LENGTH = "length"
    DECLINED = "declined"


TRANSPORT = (
    Fault.RATE_LIMITED,
    Fault.INTERNAL_ERROR,
    Fault.UNAVAILABLE,
    Fault.STALLED,
    Fault.RESET,
    Fault.GARBAGE,
    Fault.TRUNCATED,
)
"""Faults that bring no answer, and none of which may change what is built."""

CONTENT = (Fault.LENGTH, Fault.DECLINED)
"""Faults that bring another answer: a model that was cut off, and one that declines."""


@dataclass(frozen=True)
class FaultPlan:
    """Which calls fail, and how: each of ``shares`` is a fault's share of all calls, in [0, 1]; together at most 1."""

    shares: Mapping[Fault, float]
    seed: int = 0

    def fault(self, call: str, seen: int) -> Fault | None:
        """Return what befalls a call that was seen ``seen`` times before; None: it is answered.

        Every attempt is drawn anew: with shares under 1 a call that is tried again is answered at last.
        """
        point = _unit(f"{self.seed}/{call}/{seen}")
        for fault, share in self.shares.items():
            if point < share:
                return fault
            point -= share
        return None


def one(fault: Fault, share: float) -> FaultPlan:
    """Plan a single fault."""
    return FaultPlan({fault: share})


def mixed(share: float, seed: int = 0) -> FaultPlan:
    """Plan all faults of transport, in equal parts that make ``share`` together."""
    return FaultPlan(dict.fromkeys(TRANSPORT, share / len(TRANSPORT)), seed)


NOTHING = FaultPlan({})


def way(call: str, seen: int, ways: int) -> int:
    """Choose one of so many ways in which a fault shows itself, the same for the same call."""
    return int(_unit(f"way/{call}/{seen}") * ways)


def _unit(text: str) -> float:
    """Map a text to [0, 1), evenly."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:6], "big") / 2**48
