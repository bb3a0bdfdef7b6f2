"""Which models an archetype's agents are asked of, and what is kept of a preset."""

from millwright.core.basis import planned_by
from millwright.core.routing import asked_in_turn, route_of, served_in, shown, single
from schemas.identity import Archetype
from schemas.presets import ModelEntry, ModelProfile, Preset, Prices, Route, Variant

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


def test_one_model_answers_everybody_and_code_in_every_variant() -> None:
    """What is known of the model stays with it; projects are planned by it."""
    preset = single("m", "http://m/v1", ModelProfile(prices=Prices(prompt=1, completion=2)))
    assert planned_by(preset).prices == Prices(prompt=1, completion=2)
    assert {route_of(preset, each).models for each in Archetype} == {("model",)}
    assert route_of(preset, Archetype.CODER).variants == tuple(Variant)
    assert route_of(preset, Archetype.DECOMPOSER).variants == (Variant.CLARITY,)


def test_a_preset_is_kept_without_addresses_and_names_of_keys() -> None:
    """What is sampled from is kept with a project, not where it was."""
    kept = shown(TWO).model_dump_json()
    assert "http" not in kept
    assert "SECRET_KEY" not in kept
    assert '"r1"' in kept
