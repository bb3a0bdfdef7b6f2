"""The discriminator: fresh labels for each draw, and a choice that is read back to what was shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from millwright.core.prompts.choosing import (
    LABELS,
    asked_in_prose,
    choose_prompt,
    decomposition_outline,
    read_choice,
    shown_order,
)
from schemas.election import Flag, RedFlag
from schemas.identity import Digest
from schemas.planning import Proposal
from tests.strategies import digest_of, digests

AMONG = tuple(digest_of(name) for name in "abcd")


@given(st.lists(digests(), min_size=1, max_size=7), st.integers(0, 2**31))
def test_a_draw_shows_the_leading_proposals_each_once(among: list[Digest], seed: int) -> None:
    """At most four are shown, the first ones, in an order that depends on the seed alone."""
    shown = shown_order(among, seed)
    assert set(shown) == set(list(dict.fromkeys(among))[: len(LABELS)])
    assert len(shown) == len(set(shown))
    assert shown == shown_order(among, seed)


def test_no_proposal_has_a_place_of_its_own() -> None:
    """Over many draws each proposal stands first about as often as any other."""
    first = [shown_order(AMONG, seed)[0] for seed in range(400)]
    assert all(70 <= first.count(digest) <= 130 for digest in AMONG)


@given(st.integers(0, 2**31), st.integers(0, 3))
def test_a_label_is_the_proposal_that_was_shown_under_it(seed: int, place: int) -> None:
    """The answer is read by the same order as it was asked in."""
    order = shown_order(AMONG, seed)
    assert read_choice({"choice": LABELS[place], "reason": "plain"}, order) == order[place]
    assert read_choice({"choice": f" {LABELS[place].lower()} "}, order) == order[place]


@pytest.mark.parametrize("answer", [{}, [], {"choice": "C"}, {"choice": "AB"}, {"choice": ""}, {"choice": 0}])
def test_a_choice_of_nothing_that_was_shown_is_flagged(answer: JsonValue) -> None:
    """Two were shown: there is no third, and no default."""
    found = read_choice(answer, AMONG[:2])
    assert isinstance(found, RedFlag)
    assert found.flag is Flag.MALFORMED


def test_proposals_stand_under_their_labels() -> None:
    """The prompt holds what was asked and every outline, and offers just these labels."""
    text = choose_prompt("root", asked_in_prose("Sell things.\n"), ["first", "second"]).messages[1].content
    assert "# Requirements\n\n> Sell things." in text
    assert "# Proposal A\n\nfirst" in text
    assert "# Proposal B\n\nsecond" in text
    assert "# Proposal C" not in text
    assert '{"enum": ["A", "B"]}' in text


def test_a_split_is_outlined_by_interfaces_and_dependencies() -> None:
    """A reader sees what each child takes, gives and uses, and how large it is thought to be."""
    child = {
        "id": "net",
        "name": "net_price",
        "description": "Take\n off.",
        "inputs": [{"name": "gross", "type_annotation": "float"}],
        "outputs": [{"name": "net", "type_annotation": "float"}],
        "dependencies": ["rate"],
    }
    proposal = Proposal.model_validate(
        {"children": [{"specification": child, "estimated_lines": 4, "estimated_complexity": 2}]}
    )
    assert decomposition_outline(proposal) == (
        "- net: net_price(gross: float) -> float; uses rate (about 4 lines, complexity 2). Take off."
    )
