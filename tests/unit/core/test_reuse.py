"""When what was accepted may be accepted again, and when verdicts on it hold."""

from typing import Any

import pytest
from hypothesis import given

from millwright.core.reuse import meets, origin, setting_digest
from schemas.election import Rule
from schemas.identity import LayerName, NodePath, ProjectId, TaskStatus
from schemas.reuse import AcceptedPart
from tests.strategies import digest_of, rules

SHOP, BANK = ProjectId("shop"), ProjectId("bank")


def part(**fields: Any) -> AcceptedPart:
    """Make a part that was won with a margin of 3 in 5 answers."""
    base: dict[str, Any] = {
        "identity": digest_of("identity"),
        "project": SHOP,
        "path": NodePath("root.a"),
        "revision": 2,
        "entered": 2,
        "status": TaskStatus.WON,
        "rule": Rule(k=3, min_purity=0.5, min_yield=0.15),
        "candidate": digest_of("candidate"),
        "setting": digest_of("setting"),
        "votes": 3,
        "margin": 3,
        "k": 3,
        "samples": 5,
        "red_flags": 1,
        "rejected_by_layer": {LayerName.TYPES: 1},
    }
    return AcceptedPart.model_validate({**base, **fields})


@pytest.mark.parametrize(
    ("fields", "rule", "enough"),
    [
        ({}, Rule(k=3), True),
        ({}, Rule(k=2), True),
        ({}, Rule(k=4), False),
        ({}, Rule(k=3, min_purity=0.5, min_yield=0.15), True),
        ({}, Rule(k=3, min_yield=0.16), False),
        ({}, Rule(k=3, min_purity=0.51), False),
        ({"status": TaskStatus.PARTIAL}, Rule(k=1), False),
        ({"status": TaskStatus.RESOLVED}, Rule(k=9, min_yield=1.0), True),
    ],
)
def test_a_part_is_used_again_where_its_vote_is_enough_by_the_rule_of_today(
    fields: Any, rule: Rule, enough: bool
) -> None:
    """More than is asked for is enough; what a person accepted stays accepted; what was below the margin never was."""
    assert meets(part(**fields), rule) is enough


@given(rules(), rules())
def test_a_rule_at_least_as_strict_is_enough_and_no_other(won_by: Rule, rule: Rule) -> None:
    """Whatever the counts came to: how many attempts a rule allows says nothing of how strict it is."""
    assert meets(part(rule=won_by, margin=0), rule) is (won_by.k >= rule.k)


def test_verdicts_hold_for_the_very_same_setting_alone() -> None:
    """Another specification, example, neighbour, text or place is another setting; the order of modules is none."""
    modules = {"shop/a.py": "a = 1", "shop/b.py": "b = 1\ud800"}
    settings = [
        setting_digest(digest_of("s"), ("{}",), modules, "shop/a.py"),
        setting_digest(digest_of("t"), ("{}",), modules, "shop/a.py"),
        setting_digest(digest_of("s"), (), modules, "shop/a.py"),
        setting_digest(digest_of("s"), ("{}",), {**modules, "shop/b.py": "b = 2"}, "shop/a.py"),
        setting_digest(digest_of("s"), ("{}",), {**modules, "shop/c.py": ""}, "shop/a.py"),
        setting_digest(digest_of("s"), ("{}",), modules, "shop/b.py"),
    ]
    assert len(set(settings)) == len(settings)
    assert settings[0] == setting_digest(digest_of("s"), ("{}",), dict(reversed(modules.items())), "shop/a.py")


def test_a_part_says_where_its_vote_was_held() -> None:
    """An earlier revision of the same project, or another project."""
    assert origin(part(), SHOP) == "won in revision 2"
    assert origin(part(status=TaskStatus.RESOLVED), BANK) == "resolved in project shop"
