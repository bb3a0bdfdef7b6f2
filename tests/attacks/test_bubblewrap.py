"""No attack gets anywhere in the bubblewrap engine, and each is turned down for the right reason.

How the engine starts is the other suites' affair.
"""

import time
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from millwright.adapters.sandbox.bubblewrap import BubblewrapSandbox
from tests.contract.sandbox_fixtures import descendants

from .attack import ANSWER, Attack
from .canaries import canaries
from .corpus import ATTACKS
from .corpus.forgeries import FORGERIES
from .guarded import SLOTS, attempt, satisfied, trust

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="module")]

_SECONDS = 10.0
_RESIDENT = 2 * SLOTS  # a bubblewrap for each slot, and the warm interpreter in it

GUESSES = [attack for attack in FORGERIES if attack.answer == ANSWER and not attack.knows]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(secret: str) -> AsyncIterator[BubblewrapSandbox]:
    """Give one warm engine to all attacks, and see that it leaves no process behind."""
    made = BubblewrapSandbox(slots=SLOTS)
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
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
async def test_an_attack_is_held(engine: BubblewrapSandbox, attack: Attack, secret: str) -> None:
    """It is rejected for its reason, reaches nothing, leaves nothing, and disturbs neither neighbour nor successor."""
    with canaries(secret) as laid:
        result = await attempt(engine, attack, laid)
    assert result.faults(attack.bubblewrap) == []


@pytest.mark.parametrize("attack", GUESSES, ids=lambda attack: attack.name)
async def test_a_forgery_satisfies_no_property(engine: BubblewrapSandbox, attack: Attack, secret: str) -> None:
    """What asks the candidate sits in a process of its own, which the candidate does not reach."""
    with canaries(secret) as laid:
        assert not await satisfied(engine, attack, laid)
