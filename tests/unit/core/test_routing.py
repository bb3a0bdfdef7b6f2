"""Which models an archetype's agents are asked of, and what is kept of a preset."""

from millwright.core.basis import planned_by
from millwright.core.routing import asked_in_turn, route_of, served_in, shown
from schemas.identity import Archetype
from schemas.presets import ModelEntry, Preset, Route

TWO = Preset(
    name="two",
    models={
        "coder": ModelEntry(name="big", endpoints=("http://a/v1", "http://b/v1"), key="SECRET_KEY", revision="r1"),
        "planner": ModelEntry(name="small", endpoints=("http://c/v1",)),
    },
    default=Route(models=("planner",), fallback=("coder",)),
    routes={Archetype.CODER: Route(models=("coder", "planner"), fallback=("planner", "coder"))},
)


def test_an_archetype_without_a_route_has_the_default() -> None:
    """Only coders have a route of their own here."""
    assert route_of(TWO, Archetype.CODER).models == ("coder", "planner")
    assert {route_of(TWO, each).models for each in Archetype if each is not Archetype.CODER} == {("planner",)}


def test_a_model_is_asked_before_those_in_its_stead_and_none_twice() -> None:
    """The route's fallbacks follow in their order."""
    route = route_of(TWO, Archetype.CODER)
    assert asked_in_turn(route, "coder") == ("coder", "planner")
    assert asked_in_turn(route, "planner") == ("planner", "coder")


def test_earlier_rounds_and_more_urgent_routes_are_served_first() -> None:
    """The route weighs more than the round, and far rounds are all alike."""
    urgent, usual = Route(models=("a",), priority=1), Route(models=("a",), priority=2)
    order = [
        served_in(urgent, 0),
        served_in(urgent, 5),
        served_in(urgent, 40),
        served_in(usual, 0),
        served_in(usual, 1),
    ]
    assert order == sorted(set(order))
    assert served_in(urgent, 40) == served_in(urgent, 400)


def test_a_project_is_planned_by_the_model_that_coders_ask_first() -> None:
    """Whatever other archetypes ask."""
    assert planned_by(TWO).name == "big"
    assert planned_by(TWO.model_copy(update={"routes": {}})).name == "small"


def test_a_preset_is_kept_without_addresses_and_names_of_keys() -> None:
    """What is sampled from is kept with a project, not where it was."""
    kept = shown(TWO).model_dump_json()
    assert "http" not in kept
    assert "SECRET_KEY" not in kept
    assert '"r1"' in kept
