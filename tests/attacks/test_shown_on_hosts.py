"""Attacks on the host, on processes and on later candidates work where nothing holds them: no engine runs here."""

import pytest

from .attack import Attack
from .canaries import canaries
from .corpus.escapes import ESCAPES
from .corpus.processes import PROCESSES
from .corpus.tampering import TAMPERING
from .unguarded import effects

pytestmark = pytest.mark.sandbox


@pytest.mark.parametrize("attack", [*ESCAPES, *PROCESSES, *TAMPERING], ids=lambda attack: attack.name)
def test_an_attack_works_on_a_naive_verifier(attack: Attack, secret: str) -> None:
    """Its effect is seen from outside."""
    with canaries(secret) as laid:
        seen = effects(attack, laid)
    if attack.fickle and attack.effect not in seen:
        pytest.skip("this kernel refuses it to everybody")
    assert attack.effect in seen
