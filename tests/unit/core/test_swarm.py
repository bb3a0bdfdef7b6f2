"""Which temperature and seed each draw has, and which requests are the same."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millwright.core.project_input import checked_project_id, input_digest
from millwright.core.swarm import TEMPERATURES, agent
from millwright.errors import BadInput
from schemas.election import Slot
from schemas.identity import NodePath
from schemas.project import OnExhausted, ProjectInput
from tests.strategies import digest_of, node_paths, slots

ROOT = NodePath("root")


@settings(max_examples=50)
@given(st.integers(0, 2**53 - 1), node_paths(), slots())
def test_an_agent_depends_on_nothing_but_its_place(seed: int, path: NodePath, slot: Slot) -> None:
    """Equal places give equal agents within every endpoint's bounds."""
    drawn = agent(seed, path, slot)
    assert drawn == agent(seed, path, slot)
    assert 0 <= drawn.seed < 2**31
    assert drawn.temperature in (0.0, *TEMPERATURES)


def test_the_seed_of_a_place_is_fixed_for_ever() -> None:
    """Old builds can be repeated: this figure may not change."""
    assert agent(0, ROOT, Slot(round=0, index=0)).seed == int(digest_of("0/root/0/0")[:8], 16) >> 1


def test_only_the_very_first_draw_is_cold_and_places_differ() -> None:
    """Temperatures cycle over rounds and indices; seed, path, round and index all change the seed."""
    places = [Slot(round=r, index=i) for r in range(3) for i in range(4)]
    drawn = [agent(0, ROOT, slot) for slot in places]
    assert [item.temperature for item in drawn].count(0.0) == 1
    assert {item.temperature for item in drawn[1:]} == set(TEMPERATURES)
    others = [agent(1, ROOT, places[0]), agent(0, NodePath("root.a"), places[0])]
    assert len({item.seed for item in (*drawn, *others)}) == len(drawn) + 2


def test_a_request_is_the_same_inline_or_by_digest_and_under_other_limits() -> None:
    """What is asked for counts; how it is handed over, and how much it may take, do not."""
    inline = ProjectInput(requirements="Add.")
    stored = ProjectInput(requirements_digest=digest_of("Add."), k=5, on_exhausted=OnExhausted.FAIL, project="x")
    assert input_digest(inline) == input_digest(stored)


@pytest.mark.parametrize(
    "change",
    [{"requirements": "Subtract."}, {"specification": "tasks: []"}, {"target_language": "rust"}, {"seed": 1}],
)
def test_another_request_has_another_digest(change: dict[str, object]) -> None:
    """Prose, specification, language and seed are what is asked for."""
    base = ProjectInput(requirements="Add.")
    assert input_digest(base) != input_digest(base.model_copy(update=change))


def test_project_ids_are_taken_as_they_stand_or_refused_with_advice() -> None:
    """Nothing is silently changed: the nearest id is named instead."""
    assert checked_project_id("order-pricing") == "order-pricing"
    with pytest.raises(BadInput, match="'my-shop' would do"):
        checked_project_id("My Shop")
    with pytest.raises(BadInput) as refusal:
        checked_project_id("…" * 200)
    assert len(str(refusal.value)) < 250
