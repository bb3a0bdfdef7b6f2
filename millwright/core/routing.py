"""Which models an archetype's agents are asked of, by the preset: its route, and the models in its stead.

It chooses no endpoint (``dispatch`` does) and draws no agent (``swarm`` does).
"""

from schemas.identity import Archetype
from schemas.presets import Preset, Route

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


def shown(preset: Preset) -> Preset:
    """Return a preset as it is kept with a project: without endpoints and names of keys."""
    models = {
        key: entry.model_copy(update={"endpoints": (), "key": "", "serving": None})
        for key, entry in preset.models.items()
    }
    return preset.model_copy(update={"models": models})
