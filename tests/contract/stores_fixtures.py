"""The stores under contract, and small makers of what is put into them.

It tests nothing itself.
"""

from collections.abc import AsyncIterator
from typing import Protocol

import pytest

from millwright.adapters.storage.memory import MemoryStore
from millwright.adapters.storage.postgres import open_store
from millwright.ports import ArtifactStore, BreakerStore, ProjectStore
from schemas.digests import digest_of_bytes
from schemas.evidence import CompletionRecord, Forecast, NodeRecord, ProjectRecord
from schemas.identity import Archetype, Digest, NodePath, ProjectId, TaskId
from schemas.models import Budget, CallKey, FinishReason, LedgerEntry

SHOP = ProjectId("shop")
BANK = ProjectId("bank")
LEAF = NodePath("root.cart.subtotal")
NO_CAP = Budget()
HOSTILE = ("", "plain", "\x00", "a\x00b", "\ud800", "\udfff tail", "\ud83d\ude00", "😀", "\x1a", "\x1a0000", "\\u0000")
"""Texts that a model may emit and a database may refuse: NUL, lone surrogates, two that make a pair, our own escape."""


class Store(ProjectStore, ArtifactStore, BreakerStore, Protocol):
    """All ports of storage on one object."""


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """Give an empty store of each kind."""
    if request.param == "memory":
        yield MemoryStore()
        return
    async with open_store(request.getfixturevalue("database_url")) as opened:
        yield opened


def digest(text: str) -> Digest:
    """Make some digest."""
    return digest_of_bytes(text.encode())


def project(identity: ProjectId = SHOP, asked: str = "a shop") -> ProjectRecord:
    """Make a project."""
    return ProjectRecord(id=identity, input_digest=digest(asked))


def entry(
    index: int = 0, *, tokens: tuple[int, int] = (10, 20), cost: float = 0.0, owner: ProjectId = SHOP, round_: int = 0
) -> LedgerEntry:
    """Make a ledger entry."""
    return LedgerEntry(
        key=CallKey(project=owner, path=LEAF, purpose="code", round=round_, index=index),
        archetype=Archetype.CODER,
        prompt_version="coder/1",
        prompt_digest=digest("prompt"),
        temperature=0.7,
        seed=2**63 - 1,
        max_tokens=2048,
        prompt_tokens=tokens[0],
        completion_tokens=tokens[1],
        cost=cost,
    )


def completion(call: LedgerEntry, text: str = "def subtotal(): ...") -> CompletionRecord:
    """Make the completion of a call."""
    return CompletionRecord(
        path=call.key.path,
        purpose=call.key.purpose,
        round=call.key.round,
        index=call.key.index,
        archetype=call.archetype,
        text=text,
        finish_reason=FinishReason.STOP,
    )


async def settled(store: Store, call: LedgerEntry, text: str = "def subtotal(): ...") -> LedgerEntry:
    """Reserve a call without a cap and settle it with one completion; returns the attempt."""
    attempt = await store.reserve(call, NO_CAP)
    answer = completion(call, text).model_copy(update={"revision": call.key.revision})
    await store.settle(attempt, [answer])
    return attempt


def node(path: str, **changes: object) -> NodeRecord:
    """Make a node."""
    base = NodeRecord(
        project=SHOP, path=NodePath(path), task=TaskId(path.rpartition(".")[2]), name=path, specification=digest("s")
    )
    return base.model_copy(update=changes)


def forecast(calls: int) -> Forecast:
    """Make a forecast."""
    return Forecast(
        lines=120,
        lines_range=(100, 150),
        tasks=12,
        tasks_range=(10, 15),
        calls=calls,
        calls_range=(calls - 10, calls + 10),
        tokens=90_000,
        tokens_range=(80_000, 100_000),
        cost=0.1 + 0.2,
        cost_range=(0.2, 0.4),
        wall_seconds=61.5,
        wall_seconds_range=(50.0, 70.0),
        k=3,
        agents=4,
        timeline="a minute",
        basis="prior",
    )
