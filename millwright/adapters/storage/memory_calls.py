"""The part of the store in memory that deals in requests to models, with prompts, completions and breakers.

It keeps no totals: it adds the ledger up whenever it needs to, which is what the totals in Postgres are held against.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time
from typing import TypeVar

from millwright.adapters.storage.counting import (
    demand_room,
    demand_room_for_all,
    demand_time_for_all,
    is_capped,
    period_start,
    total,
)
from millwright.adapters.storage.rules import (
    completion_key,
    concluded,
    demand_conclusion,
    demand_same_call,
    demand_time_zones,
    entry_order,
    first_set,
    key_order,
    unreserved,
)
from millwright.errors import NotFound
from millwright.ports import NO_CAPS
from schemas.breakers import Breaker
from schemas.digests import canonical_json, digest_of_bytes
from schemas.evidence import CompletionRecord, ProjectRecord, ProjectSpend
from schemas.identity import Digest, NodePath, ProjectId
from schemas.models import Budget, CallKey, InstallationBudget, LedgerEntry, LedgerStatus, Period, Prompt
from schemas.reuse import Revision

K = TypeVar("K")
V = TypeVar("V")

_Attempt = tuple[CallKey, int]


def utc_now() -> datetime:
    """Read the clock."""
    return datetime.now(UTC)


def found(stored: dict[K, V], key: K, otherwise: str) -> V:
    """Return what is stored under a key. Raises NotFound with the words of ``otherwise``."""
    if key not in stored:
        raise NotFound(otherwise)
    return stored[key]


class MemoryCalls:
    """The calls of all projects. ``clock`` says in which period a reservation falls."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._projects: dict[ProjectId, ProjectRecord] = {}
        self._revisions: dict[tuple[ProjectId, int], Revision] = {}
        self._superseded_at: dict[tuple[ProjectId, int], datetime] = {}
        self._ledger: dict[_Attempt, LedgerEntry] = {}
        self._reserved_on: dict[_Attempt, date] = {}
        self._attempts: dict[CallKey, int] = {}
        self._completions: dict[CallKey, CompletionRecord] = {}
        self._prompts: dict[Digest, Prompt] = {}
        self._breakers: dict[str, Breaker] = {}

    async def reserve(
        self, entry: LedgerEntry, budget: Budget, installation: InstallationBudget = NO_CAPS
    ) -> LedgerEntry:
        """Reserve another attempt at a call, at its upper bound; returns it with its number. Raises BudgetReached."""
        number = self._attempts.get(entry.key, 0) + 1
        reserved = entry.model_copy(update={"status": LedgerStatus.RESERVED, "attempt": number})
        if is_capped(budget):
            key = entry.key
            mine = total(
                other
                for other in self._ledger.values()
                if (other.key.project, other.key.revision) == (key.project, key.revision)
            )
            demand_room(mine.used, reserved, budget)
        today = self._clock().astimezone(UTC).date()
        since = period_start(installation.period, today)
        if is_capped(installation):
            every = total(other for attempt, other in self._ledger.items() if self._reserved_on[attempt] >= since)
            demand_room_for_all(every.used, reserved, installation)
        if installation.max_time_seconds is not None:
            demand_time_for_all(self._seconds_run(installation.period), reserved, installation)
        self._attempts[entry.key] = number
        self._ledger[entry.key, number] = reserved
        self._reserved_on[entry.key, number] = today
        return reserved

    async def settle(self, entry: LedgerEntry, completions: Sequence[CompletionRecord]) -> None:
        """Store what an attempt brought and settle it; the first completion under a key stays. Raises NotFound."""
        demand_same_call(entry, completions)
        if self._attempt(entry).status is not LedgerStatus.SETTLED:
            self._ledger[entry.key, entry.attempt] = entry.model_copy(update={"status": LedgerStatus.SETTLED})
        self._store(entry.key.project, completions)

    async def conclude(self, entry: LedgerEntry) -> None:
        """Record how an attempt ended that brought no answer; only one still reserved changes. Raises NotFound."""
        demand_conclusion(entry)
        stored = self._attempt(entry)
        if stored.status is LedgerStatus.RESERVED:
            self._ledger[entry.key, entry.attempt] = concluded(stored, entry)

    async def recall(self, project: ProjectId, completions: Sequence[CompletionRecord]) -> None:
        """Store completions that were known before, and mark them so; the first under a key stays."""
        self._store(project, [completion.model_copy(update={"recalled": True}) for completion in completions])

    async def answers_to(self, call: Digest) -> tuple[CompletionRecord, ...]:
        """Read what a call was answered before, by whomever, in order of choice; empty if it was not."""
        answers = ((key.project, one) for key, one in self._completions.items() if one.call == call)
        return first_set(answers)

    async def save_prompt(self, prompt: Prompt) -> Digest:
        """Store a prompt under the digest of its canonical JSON."""
        digest = digest_of_bytes(canonical_json(prompt))
        self._prompts.setdefault(digest, prompt)
        return digest

    async def prompt(self, digest: Digest) -> Prompt:
        """Read a prompt. Raises NotFound."""
        return found(self._prompts, digest, f"no prompt is stored under {digest}")

    async def completions(
        self, project: ProjectId, path: NodePath, purpose: str, round_: int, revision: int = 1
    ) -> tuple[CompletionRecord, ...]:
        """Read the completions of one round of a revision in order of index."""
        wanted = (path, purpose, round_, revision)
        every = await self.all_completions(project)
        return tuple(one for one in every if (one.path, one.purpose, one.round, one.revision) == wanted)

    async def all_completions(self, project: ProjectId) -> tuple[CompletionRecord, ...]:
        """Read every completion of a project in order of (path, purpose, round, index, revision)."""
        keys = sorted((key for key in self._completions if key.project == project), key=key_order)
        return tuple(self._completions[key] for key in keys)

    async def label_completion(self, project: ProjectId, completion: CompletionRecord) -> None:
        """Record what was extracted from a completion; its text stays as it was settled. Raises NotFound."""
        key = completion_key(project, completion)
        stored = found(self._completions, key, f"the call {key} has no completion: settle it before it is labelled")
        label = {"candidate": completion.candidate, "flag": completion.flag, "detail": completion.detail}
        self._completions[key] = stored.model_copy(update=label)

    async def ledger(self, project: ProjectId) -> tuple[LedgerEntry, ...]:
        """Read a project's ledger in order of key and attempt."""
        return tuple(
            sorted((entry for entry in self._ledger.values() if entry.key.project == project), key=entry_order)
        )

    async def spend(self, project: ProjectId, revision: int | None = None) -> ProjectSpend:
        """Sum a project's ledger, or one revision's part of it."""
        every = await self.ledger(project)
        account = total(entry for entry in every if revision in (None, entry.key.revision))
        return ProjectSpend(settled=account.spent.spend(), reserved=account.reserved.spend())

    async def breakers(self, endpoints: Sequence[str]) -> dict[str, Breaker]:
        """Read breakers; one that was never stored is closed, at version 0."""
        return {endpoint: self._breakers.get(endpoint) or Breaker(endpoint=endpoint) for endpoint in endpoints}

    async def replace_breaker(self, breaker: Breaker) -> bool:
        """Store what became of a breaker in the place of the version that was read; False where that is gone."""
        demand_time_zones(breaker)
        stored = self._breakers.get(breaker.endpoint)
        if (stored.version if stored else 0) != breaker.version:
            return False
        self._breakers[breaker.endpoint] = breaker.model_copy(update={"version": breaker.version + 1})
        return True

    def _attempt(self, entry: LedgerEntry) -> LedgerEntry:
        stored = self._ledger.get((entry.key, entry.attempt))
        if stored is None:
            raise unreserved(entry)
        return stored

    def _store(self, project: ProjectId, completions: Sequence[CompletionRecord]) -> None:
        for completion in completions:
            self._completions.setdefault(completion_key(project, completion), completion)

    def _seconds_run(self, period: Period) -> float:
        now = self._clock()
        since = datetime.combine(period_start(period, now.astimezone(UTC).date()), time(), UTC)
        return sum(max(0.0, (min(ended, now) - max(started, since)).total_seconds()) for started, ended in self._runs())

    def _runs(self) -> Iterator[tuple[datetime, datetime]]:
        """Say when each revision of each project began and ended; one that goes on ends now."""
        now = self._clock()
        for project in self._projects.values():
            if project.started_at is not None:
                yield project.started_at, project.finished_at or now
        for number, revision in self._revisions.items():
            if revision.project.started_at is not None:
                yield revision.project.started_at, revision.project.finished_at or self._superseded_at[number]
