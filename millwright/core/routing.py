"""Which models an archetype's agents are asked of, by the preset: its route, and the models in its stead.

It chooses no endpoint (``dispatch`` does) and draws no agent (``swarm`` does).
"""

from schemas.identity import Archetype
from schemas.presets import ModelEntry, ModelProfile, Preset, Route, Variant

_ROUNDS_TOLD = 9
"""Further rounds of an election are served after earlier ones, so many of them told apart."""


def route_of(preset: Preset, archetype: Archetype) -> Route:
    """Return the route of an archetype."""
    return preset.routes.get(archetype, preset.default)


def asked_in_turn(route: Route, model: str) -> tuple[str, ...]:
    """Return the keys of the models that may answer for ``model``, itself first, then the route's fallbacks."""
    return tuple(dict.fromkeys((model, *route.fallback)))


def served_in(route: Route, round_: int) -> int:
    """Return the priority of a call at its endpoint, lower first: the route's, and within it earlier rounds first."""
    return route.priority * (_ROUNDS_TOLD + 1) + min(round_, _ROUNDS_TOLD)


def single(name: str, endpoint: str, profile: ModelProfile, *, most_at_once: int = 64) -> Preset:
    """Return the preset of one model at one endpoint, which every archetype asks; code in every variant."""
    entry = ModelEntry.model_validate(
        {**profile.model_dump(include=set(ModelProfile.model_fields)), "name": name, "endpoints": (endpoint,)}
    ).model_copy(update={"most_at_once": most_at_once})
    route = Route(models=("model",))
    code = route.model_copy(update={"variants": tuple(Variant)})
    return Preset(
        name=name,
        models={"model": entry},
        default=route,
        routes={Archetype.CODER: code, Archetype.INTEGRATOR: code},
    )


def shown_endpoint(endpoint: str) -> str:
    """Return an endpoint's URL as it may be written down: without a user or a password in it."""
    scheme, separator, rest = endpoint.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"


def shown(preset: Preset) -> Preset:
    """Return a preset as it is kept with a project: without endpoints and names of keys."""
    models = {
        key: entry.model_copy(update={"endpoints": (), "key": "", "serving": None})
        for key, entry in preset.models.items()
    }
    return preset.model_copy(update={"models": models})
