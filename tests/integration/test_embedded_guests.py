"""A stack's owner waits for the commands that use it, and for nobody else."""

import asyncio
from pathlib import Path

from millwright.adapters.embedded.guests import guests_gone, visiting
from millwright.adapters.embedded.home import Home


async def test_the_owner_waits_until_the_last_guest_has_ended(tmp_path: Path) -> None:
    """Two guests are waited for, and the owner is told of them once."""
    home = Home(tmp_path)
    home.prepare()
    told: list[str] = []
    with visiting(home):
        with visiting(home):
            waiting = asyncio.create_task(guests_gone(home, told.append))
            await asyncio.sleep(0.3)
        await asyncio.sleep(0.3)
        assert not waiting.done()
    await asyncio.wait_for(waiting, 5)
    assert len(told) == 1


async def test_an_owner_without_guests_leaves_at_once(tmp_path: Path) -> None:
    """Nobody to wait for, nothing to tell."""
    home = Home(tmp_path)
    home.prepare()
    told: list[str] = []
    await asyncio.wait_for(guests_gone(home, told.append), 1)
    assert told == []
