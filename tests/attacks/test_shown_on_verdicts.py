"""Attacks on the verdict, and on time, memory and output work where nothing holds them: no engine runs here."""

import pytest

from .attack import Attack
from .canaries import canaries
from .corpus.bombs import BOMBS
from .corpus.forgeries import FORGERIES
from .unguarded import effects

pytestmark = pytest.mark.sandbox


@pytest.mark.parametrize("attack", [*BOMBS, *FORGERIES], ids=lambda attack: attack.name)
def test_an_attack_works_on_a_naive_verifier(attack: Attack, secret: str) -> None:
    """Its effect is seen from outside."""
    with canaries(secret) as laid:
        seen = effects(attack, laid)
    if attack.fickle and attack.effect not in seen:
        pytest.skip("this kernel refuses it to everybody")
    assert attack.effect in seen
