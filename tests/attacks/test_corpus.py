"""The corpus itself: large enough, varied enough, and aimed at nothing by mistake."""

from collections import Counter

from .attack import ANSWER, Effect
from .corpus import ATTACKS


def test_there_are_many_attacks_that_every_machine_can_be_shown() -> None:
    """At least sixty do not depend on how a kernel is configured; the suites of what is shown run each of them."""
    assert len([attack for attack in ATTACKS if not attack.fickle]) >= 60


def test_no_two_attacks_are_the_same() -> None:
    """Names and sources are unique."""
    assert max(Counter(attack.name for attack in ATTACKS).values()) == 1
    assert max(Counter(attack.source for attack in ATTACKS).values()) == 1


def test_every_kind_of_effect_is_gone_for() -> None:
    """No way in which an attack can be seen to work is without one."""
    assert {attack.effect for attack in ATTACKS} == set(Effect)


def test_every_attack_names_its_reasons() -> None:
    """A reason says how it ended and as what; none is that it passed."""
    for attack in ATTACKS:
        for reason in (*attack.bubblewrap.split("|"), *attack.webassembly.split("|")):
            how, _, what = reason.partition(" ")
            assert how in ("raised", "returned", "lost", "load"), attack.name
            assert what.strip(), attack.name
            assert str(ANSWER) not in what, attack.name
