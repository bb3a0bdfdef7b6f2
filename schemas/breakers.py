"""Circuit breakers: one an endpoint, shared by all workers.

What follows from what is ``millwright.core.breaker``'s to say.
"""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from schemas.base import Schema


class BreakerState(StrEnum):
    """Closed: calls go through. Open: none does. Half-open: a few try whether the endpoint has recovered."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker(Schema):
    """An endpoint's breaker as stored. ``version`` counts its changes: only the one that was read may be replaced.

    ``failures`` counts those in a row while closed, ``successes`` those in a row while half-open.
    """

    endpoint: str
    state: BreakerState = BreakerState.CLOSED
    failures: int = Field(default=0, ge=0)
    successes: int = Field(default=0, ge=0)
    opened_at: datetime | None = None
    version: int = Field(default=0, ge=0)


class BreakerRule(Schema):
    """When a breaker changes: it opens after ``failures`` in a row, lets calls try after ``open_seconds``, and closes
    after ``successes`` of those in a row."""

    failures: int = Field(default=5, ge=1)
    open_seconds: float = Field(default=60.0, gt=0)
    successes: int = Field(default=2, ge=1)
