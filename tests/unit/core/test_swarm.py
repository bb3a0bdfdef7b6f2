"""Which model, temperature, variant and seed each draw has, and which draws share a request."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millwright.core.project_input import checked_project_id, input_digest
from millwright.core.swarm import Agent, agent, requests, seed_of
from millwright.errors import BadInput
from schemas.election import Slot
from schemas.identity import NodePath
from schemas.models import MOST_CHOICES
from schemas.presets import Route, Variant
from schemas.project import OnExhausted, ProjectInput
from tests.strategies import digest_of, node_paths, slots

ROOT = NodePath("root")
ROUTES = st.builds(
    Route,
    models=st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True).map(tuple),
    temperatures=st.lists(st.sampled_from([0.0, 0.2, 0.4, 0.7, 1.0]), min_size=1, max_size=5, unique=True).map(tuple),
    variants=st.lists(st.sampled_from(list(Variant)), min_size=1, max_size=5, unique=True).map(tuple),
)


def _swarm(route: Route, count: int, seed: int = 0, path: NodePath = ROOT) -> list[Agent]:
    return [agent(route, seed, path, Slot(round=0, index=index), index) for index in range(count)]


@settings(max_examples=50)
@given(ROUTES, st.integers(0, 2**53 - 1), node_paths(), slots(), st.integers(0, 500))
def test_an_agent_depends_on_nothing_but_its_place(
    route: Route, seed: int, path: NodePath, slot: Slot, position: int
) -> None:
    """Equal places give equal agents, of the route and within every endpoint's bounds."""
    drawn = agent(route, seed, path, slot, position)
    assert drawn == agent(route, seed, path, slot, position)
    assert 0 <= drawn.seed < 2**31
    assert drawn.model in route.models
    assert drawn.variant in route.variants
    assert drawn.temperature in route.temperatures


@given(ROUTES, st.integers(0, 2**53 - 1), node_paths())
def test_the_first_vote_is_the_coldest_and_every_combination_comes_before_one_comes_again(
    route: Route, seed: int, path: NodePath
) -> None:
    """The swarm walks through models x variants x the warmer temperatures, evenly."""
    warmer = set(route.temperatures) - {min(route.temperatures)} or set(route.temperatures)
    size = len(route.models) * len(route.variants) * len(warmer)
    first, *rest = _swarm(route, size + 1, seed, path)
    assert (first.model, first.temperature) == (route.models[0], min(route.temperatures))
    assert len({(each.model, each.temperature, each.variant) for each in rest}) == size
    assert {each.temperature for each in rest} == warmer


@given(ROUTES.filter(lambda route: len(route.temperatures) > 3))
def test_neighbours_differ(route: Route) -> None:
    """Two draws in a row of one walk never share a temperature, so that a small first round is diverse already."""
    size = len(route.models) * len(route.variants) * (len(route.temperatures) - 1)
    drawn = _swarm(route, size)[1:]
    assert all(one.temperature != other.temperature for one, other in pairwise(drawn))


def test_where_the_walk_begins_depends_on_seed_and_path() -> None:
    """Not every task is asked in the same variant first."""
    route = Route(models=("a",), variants=tuple(Variant))
    paths = [NodePath(f"root.part{number}") for number in range(40)]
    assert {_swarm(route, 2, path=path)[1].variant for path in paths} == set(Variant)
    assert {_swarm(route, 2, seed=seed)[1].variant for seed in range(40)} == set(Variant)


def test_the_seed_of_a_place_is_fixed_for_ever() -> None:
    """Old builds can be repeated: this figure may not change."""
    assert seed_of(0, ROOT, Slot(round=0, index=0)) == int(digest_of("0/root/0/0")[:8], 16) >> 1
    places = [Slot(round=r, index=i) for r in range(3) for i in range(4)]
    seeds = {seed_of(0, ROOT, place) for place in places}
    assert len(seeds | {seed_of(1, ROOT, places[0]), seed_of(0, NodePath("root.a"), places[0])}) == len(places) + 2


@given(ROUTES, st.integers(1, 150), st.booleans())
def test_requests_cover_each_draw_once_and_hold_only_what_is_alike(route: Route, count: int, together: bool) -> None:
    """Draws share a request exactly where they differ in nothing but their seeds and their prompts are the same."""
    drawn = _swarm(route, count)
    groups = requests(drawn, together=together)
    assert sorted(place for group in groups for place in group) == list(range(count))
    assert all(len(group) <= (MOST_CHOICES if together else 1) for group in groups)
    assert all(drawn[group[0]].alike(drawn[place]) for group in groups for place in group)
    kinds = {(each.model, each.temperature, each.variant) for each in drawn}
    if together and count <= MOST_CHOICES:
        assert len(groups) == len(kinds)


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
