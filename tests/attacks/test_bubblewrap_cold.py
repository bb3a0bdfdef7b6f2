"""No attack on the host gets anywhere where each candidate has a bubblewrap of its own, without a warm interpreter.

That is how candidates with folders of their own run, and all of them where warm interpreters cannot.
"""

import time
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from millwright.adapters.sandbox.bubblewrap import BubblewrapSandbox
from tests.contract.sandbox_fixtures import descendants

from .attack import Attack
from .canaries import canaries
from .corpus.bombs import BOMBS
from .corpus.escapes import ESCAPES
from .corpus.processes import PROCESSES
from .guarded import SLOTS, attempt, trust

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="module")]

_SECONDS = 10.0
_RESIDENT = 0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(secret: str) -> AsyncIterator[BubblewrapSandbox]:
    """Give one engine to all attacks, and see that it leaves no process behind."""
    made = BubblewrapSandbox(slots=SLOTS, warm=False)
    await trust(made)
    yield made
    made.close()
    assert descendants() == 0


@pytest.fixture
def _nothing_stays(engine: BubblewrapSandbox) -> Iterator[None]:
    """See that an attack leaves no process beyond those that the engine itself has."""
    yield
    deadline = time.monotonic() + _SECONDS
    while descendants() > _RESIDENT and time.monotonic() < deadline:
        time.sleep(0.01)
    assert descendants() <= _RESIDENT


@pytest.mark.usefixtures("_nothing_stays")
@pytest.mark.parametrize(
    "attack", [*ESCAPES, *PROCESSES, *(attack for attack in BOMBS if not attack.brief)], ids=lambda attack: attack.name
)
async def test_an_attack_is_held(engine: BubblewrapSandbox, attack: Attack, secret: str) -> None:
    """It is rejected for its reason, reaches nothing, leaves nothing, and disturbs neither neighbour nor successor."""
    with canaries(secret) as laid:
        result = await attempt(engine, attack, laid)
    assert result.faults(attack.bubblewrap) == []
