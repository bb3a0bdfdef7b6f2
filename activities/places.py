"""Places for calls at endpoints: which one a call gets, how many there are, and how long one is waited for.

It makes no call and keeps no books. The backlog belongs in Temporal's queue; here waits only what a worker has begun.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from activities.breaking import Breakers
from millwright.core.dispatch import Replica, choose
from millwright.core.pace import Pace, faster, full, slower
from millwright.errors import EndpointLost, ModelOverloaded, ModelStalled, ModelUnavailable, ReplyBroken, RoutesClosed
from schemas.breakers import BreakerState
from schemas.presets import ModelEntry, Preset

_LONGEST_WAIT_SECONDS = 1.0
"""How long a call waits before it looks again at breakers that other workers may have changed."""

_LEAST_RETRY_SECONDS = 1.0


@dataclass
class _Lane:
    """One endpoint as this worker uses it; ``probing``: one call tries whether it has recovered."""

    pace: Pace
    in_flight: int = 0
    not_before: float = 0.0
    probing: bool = False


@dataclass(frozen=True)
class Place:
    """A place for one call: the model that is asked, where, and since when (the loop's clock)."""

    model: ModelEntry
    endpoint: str
    began: float
    probes: bool


class Places:
    """Gives out places, and learns from how calls end."""

    def __init__(self, preset: Preset, breakers: Breakers) -> None:
        self._preset = preset
        self._breakers = breakers
        most: dict[str, int] = {}
        for entry in preset.models.values():
            for endpoint in entry.endpoints:  # several models may lie behind one
                most[endpoint] = min(entry.most_at_once, most.get(endpoint, entry.most_at_once))
        self._lanes = {endpoint: _Lane(full(limit)) for endpoint, limit in most.items()}
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self, models: Sequence[str], affinity: str) -> Place:
        """Wait for a place with the first of some models that can be asked, by key; give it back by one of the others.

        A model is passed over only where the breaker of every endpoint of it is open.

        Raises:
            RoutesClosed: no endpoint of any of them may be asked now.
        """
        while True:
            soonest = float("inf")
            for key in models:
                entry = self._preset.models[key]
                states = await self._breakers.states(entry.endpoints)
                soonest = min([soonest, *(wait for _, wait in states.values())])
                if all(state is BreakerState.OPEN for state, _ in states.values()):
                    continue
                chosen = self._choose(states, affinity)
                if chosen is not None:
                    return await self._enter(entry, chosen, states[chosen][0])
                break
            else:
                names = ", ".join(self._preset.models[key].name for key in models)
                raise RoutesClosed(
                    f"no endpoint of {names} can be asked now; the first may be tried in {soonest:.0f} s",
                    retry_seconds=max(_LEAST_RETRY_SECONDS, soonest),
                )
            await self._wait()

    async def answered(self, place: Place) -> None:
        """Give a place back after an answer."""
        self.leave(place)
        lane = self._lanes[place.endpoint]
        lane.pace = faster(lane.pace)
        await self._breakers.succeeded(place.endpoint, probe=place.probes)

    async def failed(self, place: Place, error: ModelUnavailable, pause: float) -> None:
        """Give a place back after a failure; ``pause`` is what the endpoint asked for, in seconds, or 0."""
        self.leave(place)
        lane = self._lanes[place.endpoint]
        now = asyncio.get_running_loop().time()
        if isinstance(error, ModelOverloaded):
            lane.pace = slower(lane.pace, place.began, now)
            lane.not_before = max(lane.not_before, now + pause)
        elif isinstance(error, EndpointLost | ModelStalled | ReplyBroken):
            dead = isinstance(error, EndpointLost) and error.dead
            await self._breakers.failed(place.endpoint, dead=dead, probe=place.probes)

    def leave(self, place: Place) -> None:
        """Give a place back after a call that says nothing of the endpoint."""
        lane = self._lanes[place.endpoint]
        lane.in_flight -= 1
        if place.probes:
            lane.probing = False
        for _ in range(2):  # the place that is free, and one more where the pace has just allowed it
            self._wake()

    def _choose(self, states: dict[str, tuple[BreakerState, float]], affinity: str) -> str | None:
        now = asyncio.get_running_loop().time()
        free = []
        for endpoint, (state, _) in states.items():
            lane = self._lanes[endpoint]
            trying = state is BreakerState.HALF_OPEN and lane.probing
            if state is not BreakerState.OPEN and not trying and lane.not_before <= now:
                limit = 1 + lane.in_flight if state is BreakerState.HALF_OPEN else lane.pace.room
                free.append(Replica(endpoint, lane.in_flight, limit))
        return choose(free, affinity)

    async def _enter(self, entry: ModelEntry, endpoint: str, state: BreakerState) -> Place:
        lane = self._lanes[endpoint]
        probes = state is BreakerState.HALF_OPEN
        lane.in_flight += 1
        lane.probing = lane.probing or probes
        place = Place(entry, endpoint, asyncio.get_running_loop().time(), probes)
        if probes:
            try:
                await self._breakers.tried(endpoint)
            except BaseException:
                self.leave(place)
                raise
        return place

    def _wake(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    async def _wait(self) -> None:
        """Wait until a place may be free, a second at most."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await asyncio.wait_for(waiter, _LONGEST_WAIT_SECONDS)
        except TimeoutError:
            return
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._wake()  # somebody else may have the place
            raise
        finally:
            waiter.cancel()
