"""No attack gets anywhere in the WebAssembly engine, and each is turned down for the right reason.

There are no processes in it to leave behind, but threads of this one.
"""

import threading
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from millwright.adapters.sandbox.webassembly.sandbox import WebAssemblySandbox
from tests.contract.test_webassembly import cache

from .attack import ANSWER, Attack
from .canaries import canaries
from .corpus import ATTACKS
from .corpus.forgeries import FORGERIES
from .guarded import SLOTS, attempt, satisfied, trust

pytestmark = pytest.mark.asyncio(loop_scope="module")

GUESSES = [attack for attack in FORGERIES if attack.answer == ANSWER and not attack.knows]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(secret: str) -> AsyncIterator[WebAssemblySandbox]:
    """Give one warm engine to all attacks, and see that it leaves no thread behind."""
    made = WebAssemblySandbox(cache(), slots=SLOTS)
    await trust(made)
    yield made
    made.close()
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("webassembly")] == []


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
async def test_an_attack_is_held(engine: WebAssemblySandbox, attack: Attack, secret: str) -> None:
    """It is rejected for its reason, reaches nothing, leaves nothing, and disturbs neither neighbour nor successor."""
    threads = threading.active_count()
    with canaries(secret) as laid:
        result = await attempt(engine, attack, laid)
    assert result.faults(attack.webassembly) == []
    assert threading.active_count() <= threads


@pytest.mark.parametrize("attack", GUESSES, ids=lambda attack: attack.name)
async def test_a_forgery_satisfies_no_property(engine: WebAssemblySandbox, attack: Attack, secret: str) -> None:
    """What asks the candidate sits in an instance of its own, which the candidate does not reach."""
    with canaries(secret) as laid:
        assert not await satisfied(engine, attack, laid)
