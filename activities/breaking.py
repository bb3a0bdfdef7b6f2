"""The circuit breakers of endpoints, as one worker sees them: read from the store all workers share, and written back.

It makes no call, and chooses no endpoint. The rules are ``millwright.core.breaker``'s.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from millwright.core import breaker as rules
from millwright.ports import BreakerStore
from schemas.addresses import public_url
from schemas.breakers import Breaker, BreakerRule, BreakerState

FRESH_SECONDS = 1.0
"""How long a breaker that was read is believed: so late may a worker hear that another one gave an endpoint up."""

Change = Callable[[Breaker], Breaker]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Breakers:
    """Reads and changes breakers; what another worker changed at the same time is read again, and nothing is lost."""

    def __init__(self, store: BreakerStore, rule: BreakerRule, now: Callable[[], datetime] = _utc_now) -> None:
        self._store = store
        self._rule = rule
        self._now = now
        self._known: dict[str, tuple[Breaker, float]] = {}

    async def states(self, endpoints: Sequence[str]) -> dict[str, tuple[BreakerState, float]]:
        """Return each endpoint's state, and the seconds until it may be tried, 0 where it may be now.

        An open breaker whose time has come is shown as half-open.
        """
        found = await self._read([public_url(endpoint) for endpoint in endpoints])
        now = self._now()
        shown = {}
        for endpoint in endpoints:
            due = rules.trying(found[public_url(endpoint)], now, self._rule)
            shown[endpoint] = (due.state, rules.recovers_in(due, now, self._rule))
        return shown

    async def tried(self, endpoint: str) -> None:
        """Note that a call is about to try an endpoint."""
        await self._change(endpoint, lambda known: rules.trying(known, self._now(), self._rule))

    async def succeeded(self, endpoint: str, *, probe: bool = True) -> None:
        """Note that a call was answered; ``probe``: one that tried whether the endpoint has recovered."""
        await self._change(endpoint, lambda known: rules.after_success(known, self._rule, probe=probe))

    async def failed(self, endpoint: str, *, dead: bool, probe: bool = True) -> None:
        """Note that a call, or a ``probe``, failed for a reason that lies with the endpoint."""
        await self._change(
            endpoint, lambda known: rules.after_failure(known, self._now(), self._rule, dead=dead, probe=probe)
        )

    async def _change(self, endpoint: str, change: Change) -> None:
        endpoint = public_url(endpoint)  # what is stored shows no password
        known = (await self._read([endpoint]))[endpoint]
        while (changed := change(known)) != known:
            if await self._store.replace_breaker(changed):
                self._keep(changed.model_copy(update={"version": changed.version + 1}))
                return
            known = (await self._store.breakers([endpoint]))[endpoint]
            self._keep(known)

    async def _read(self, endpoints: Sequence[str]) -> dict[str, Breaker]:
        clock = asyncio.get_running_loop().time()
        stale = [each for each in endpoints if each not in self._known or self._known[each][1] <= clock]
        if stale:
            for breaker in (await self._store.breakers(stale)).values():
                self._keep(breaker)
        return {endpoint: self._known[endpoint][0] for endpoint in endpoints}

    def _keep(self, breaker: Breaker) -> None:
        self._known[breaker.endpoint] = (breaker, asyncio.get_running_loop().time() + FRESH_SECONDS)
