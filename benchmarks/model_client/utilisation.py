"""How much of an endpoint's slots was used while there was something to use them for; pure arithmetic over spans.

It measures nothing itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """One request, in seconds of the wall clock.

    ``ready``: when the activity that makes it was scheduled; ``started`` and ``ended``: its time in a slot.
    """

    ready: float
    started: float
    ended: float


@dataclass(frozen=True)
class Utilisation:
    """What was used of what could have been.

    ``usable_seconds`` is the integral over time of min(slots, ready), where ready counts the requests whose activity
    was scheduled and which are not answered; ``used_seconds`` that of the requests in a slot. The ``saturated`` pair is
    the same over those times alone at which ready reached the slots.
    """

    slots: int
    seconds: float
    usable_seconds: float
    used_seconds: float
    saturated_usable: float
    saturated_used: float

    @property
    def share(self) -> float:
        """Slot-seconds used of those for which there was ready work, in [0, 1]; 1 where there was none."""
        return self.used_seconds / self.usable_seconds if self.usable_seconds else 1.0

    @property
    def saturated_share(self) -> float:
        """The same while there was ready work for every slot; 1 where there never was."""
        return self.saturated_used / self.saturated_usable if self.saturated_usable else 1.0

    @property
    def saturated_seconds(self) -> float:
        """How long there was ready work for every slot."""
        return self.saturated_usable / self.slots


def utilisation(spans: Sequence[Span], slots: int) -> Utilisation:
    """Integrate over the time from the first request that was ready to the last that ended."""
    usable = used = saturated_usable = saturated_used = 0.0
    for seconds, ready, busy in _stretches(spans):
        usable += seconds * min(slots, ready)
        used += seconds * min(slots, busy)
        if ready >= slots:
            saturated_usable += seconds * slots
            saturated_used += seconds * min(slots, busy)
    length = max((span.ended for span in spans), default=0.0) - min((span.ready for span in spans), default=0.0)
    return Utilisation(slots, length, usable, used, saturated_usable, saturated_used)


def _stretches(spans: Sequence[Span]) -> Iterator[tuple[float, int, int]]:
    """Cut time where a count changes; yield each stretch's seconds, the requests ready in it and those in a slot."""
    changes: list[tuple[float, int, int]] = []
    for span in spans:
        changes += [(span.ready, 1, 0), (span.started, 0, 1), (span.ended, -1, -1)]
    ready = busy = 0
    last = 0.0
    for at, more_ready, more_busy in sorted(changes):
        if ready:
            yield at - last, ready, busy
        last = at
        ready += more_ready
        busy += more_busy
