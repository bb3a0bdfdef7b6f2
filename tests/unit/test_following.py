"""Following a build while services come and go: a restart is waited for, and what was never there is said at once."""

from typing import cast

import pytest

from millwright.adapters.storage.memory import MemoryStore
from millwright.client import Client
from millwright.commandline import following
from millwright.commandline.composition import Stores
from millwright.commandline.display import Lines
from millwright.commandline.following import follow
from millwright.errors import DatabaseUnavailable, MillwrightError, TemporalUnavailable
from schemas.identity import ProjectId, TaskStatus
from tests.unit.commandline_fakes import PretendedClient, store_project

PROJECT = ProjectId("shop")


class Flickering(PretendedClient):
    """A client whose looks go as they are told: an error is raised, True runs, False has ended."""

    looks: list[MillwrightError | bool]

    async def is_running(self, project: str) -> bool:
        """Give the next look."""
        look = self.looks.pop(0)
        if isinstance(look, MillwrightError):
            raise look
        return look


async def _followed(*looks: MillwrightError | bool) -> following.Outcome:
    store = MemoryStore()
    await store_project(store, PROJECT, TaskStatus.WON, 0)
    client = Flickering(store, TaskStatus.WON, 0)
    client.looks = list(looks)
    return await follow(cast(Client, client), Stores(store, store), PROJECT, Lines())


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "POLL_SECONDS", 0.0)


@pytest.mark.parametrize("error", [DatabaseUnavailable("restarting"), TemporalUnavailable("restarting")])
async def test_a_service_that_comes_back_is_waited_for(error: MillwrightError) -> None:
    """The build went on meanwhile, and its end is told."""
    outcome = await _followed(True, error, error, True, error, False)
    assert (outcome.exit_code, outcome.status) == (0, TaskStatus.WON)


async def test_a_service_that_was_never_reached_is_told_at_once() -> None:
    """Nothing suggests that it will come."""
    with pytest.raises(DatabaseUnavailable, match="nobody listens"):
        await _followed(DatabaseUnavailable("nobody listens"), False)


async def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that stays away is told in the end."""
    monkeypatch.setattr(following, "PATIENCE_SECONDS", -1.0)
    with pytest.raises(TemporalUnavailable, match="gone"):
        await _followed(True, TemporalUnavailable("gone"), False)
