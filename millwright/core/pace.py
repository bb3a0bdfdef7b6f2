"""How many calls an endpoint is given at once, and how long a call waits before it is tried again.

Additive increase, multiplicative decrease (Chiu and Jain 1989), as for congestion on networks. It reads no clock.
"""

import hashlib
from dataclasses import dataclass, replace

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0


@dataclass(frozen=True)
class Pace:
    """How many calls may be in flight at an endpoint: ``limit``, never above ``most`` or below 1.

    ``slowed_at`` is when it was last lowered, in seconds of the caller's clock: calls from before say nothing new.
    """

    most: int
    limit: float
    slowed_at: float = float("-inf")

    @property
    def room(self) -> int:
        """Calls that may be in flight."""
        return max(1, int(self.limit))


def full(most: int) -> Pace:
    """Begin with all that the endpoint is said to bear."""
    return Pace(most=most, limit=float(most))


def faster(pace: Pace) -> Pace:
    """Raise the limit after an answer: by one for each limit's worth of answers."""
    return replace(pace, limit=min(float(pace.most), pace.limit + 1 / max(1.0, pace.limit)))


def slower(pace: Pace, began: float, now: float) -> Pace:
    """Halve the limit after a call that began at ``began`` was turned away; once for all calls of one crowd."""
    if began <= pace.slowed_at:
        return pace
    return replace(pace, limit=max(1.0, pace.limit / 2), slowed_at=now)


def pause(attempt: int, key: str) -> float:
    """Return the seconds to wait before another attempt; ``attempt`` counts those that failed, from 1.

    It doubles up to half a minute, and is spread by ``key`` over its second half, so that calls which failed together
    do not come back together. What an endpoint asks for is kept by its place, and no matter of the call's.
    """
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(attempt - 1, 16))
    spread = hashlib.sha256(f"{key}/{attempt}".encode()).digest()[0] / 255
    return longest * (0.5 + 0.5 * spread)
