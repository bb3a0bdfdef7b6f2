"""Finds the preset that the settings ask for, and the endpoints that follow from it.

It calls no endpoint. Which folder the presets lie in, it is told; how a file is read is ``preset_files``'.
"""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from millwright.adapters.documents.preset_files import presets_in, read_preset_file, routed
from millwright.errors import BadInput
from millwright.settings import ModelSettings
from schemas.presets import ANY_MODEL, ModelEntry, ModelProfile, Preset, Route

DEFAULT = "default"
"""The preset of models that no other speaks of, whose routes also hold for a model that the environment names."""

KEY_VARIABLE = "MILLWRIGHT_MODEL_KEY"
"""The variable with the key of endpoints whose preset names none."""

ONLY_MODEL = "model"
"""The key of the one model of a preset that is made for what the environment names."""

_THIS_MACHINE = ("127.0.0.1", "localhost")


def preset_of(model: ModelSettings | None, chosen: str | None, folder: Path, *, host: str = "") -> Preset:
    """Return the preset that the settings ask for.

    ``chosen`` is the name of a preset of the folder, or the path of a file. Its endpoints count; one without any is
    asked at the model settings' URL. With model settings alone, the first preset by name that speaks of the model says
    what is assumed of it, and ``default`` what each archetype asks. With neither it is ``default``, without endpoints.
    ``host`` stands in for this machine's address in the preset's endpoints.

    Raises:
        BadInput: there is no such preset, it has faults, or it and the model settings contradict each other.
    """
    if chosen is None:
        default = read_preset_file(folder / f"{DEFAULT}.yaml")
        return default if model is None else _with_keys(_made_for(model, presets_in(folder), default))
    preset = read_preset_file(_file_of(chosen, folder))
    if not any(entry.endpoints for entry in preset.models.values()):
        return preset if model is None else _with_keys(_at(preset, model, chosen))
    if model is not None:
        raise BadInput(
            f"MILLWRIGHT_MODEL_PRESET={chosen} has endpoints of its own, and MILLWRIGHT_MODEL_URL is set too: unset "
            "MILLWRIGHT_MODEL_URL and MILLWRIGHT_MODEL_NAME, or MILLWRIGHT_MODEL_PRESET"
        )
    return _with_keys(_on(host, preset) if host else preset)


def endpoints_of(preset: Preset, environment: Mapping[str, str]) -> tuple[ModelSettings, ...]:
    """Return each endpoint of the models that a preset's routes name, with the model's name and key there."""
    found = {
        ModelSettings(url=endpoint, name=entry.name, key=environment.get(entry.key, ""))
        for entry in (preset.models[key] for key in sorted(routed(preset)))
        for endpoint in entry.endpoints
    }
    return tuple(sorted(found, key=lambda each: (each.url, each.name)))


def _file_of(chosen: str, folder: Path) -> Path:
    path = Path(chosen).expanduser()
    if path.suffix or path.name != chosen:
        return path
    file = folder / f"{chosen}.yaml"
    if not file.exists():
        names = ", ".join(sorted(each.stem for each in folder.glob("*.yaml")))
        raise BadInput(f"MILLWRIGHT_MODEL_PRESET={chosen} is no preset: choose one of {names}, or give a file's path")
    return file


def _made_for(model: ModelSettings, presets: Mapping[str, Preset], default: Preset) -> Preset:
    """Return the preset of one model at one endpoint, asked as the default's routes say."""
    known = next(_speaking_of(model.name, presets), next(iter(default.models.values())))
    kept = known.model_dump(include={*ModelProfile.model_fields, "system_role"})
    entry = ModelEntry.model_validate({**kept, "name": model.name, "endpoints": (model.url,)})
    return default.model_copy(
        update={
            "name": model.name,
            "models": {ONLY_MODEL: entry},
            "default": _alone(default.default),
            "routes": {archetype: _alone(route) for archetype, route in default.routes.items()},
        }
    )


def _speaking_of(name: str, presets: Mapping[str, Preset]) -> Iterator[ModelEntry]:
    for entry in (entry for preset in presets.values() for entry in preset.models.values()):
        # What stands for anything is left to the default, whatever it comes after.
        pattern = not entry.endpoints and entry.name != ANY_MODEL and fnmatchcase(name, entry.name)
        if entry.name == name or pattern:
            yield entry


def _alone(route: Route) -> Route:
    return route.model_copy(update={"models": (ONLY_MODEL,), "fallback": ()})


def _at(preset: Preset, model: ModelSettings, chosen: str) -> Preset:
    """Put the models of a preset without endpoints at the model settings' URL."""
    models = {}
    for key, entry in preset.models.items():
        name = model.name if model.name and "*" in entry.name and fnmatchcase(model.name, entry.name) else entry.name
        if "*" in name:
            raise BadInput(
                f"MILLWRIGHT_MODEL_PRESET={chosen} wants a model such as {entry.name}: set MILLWRIGHT_MODEL_NAME to it"
            )
        models[key] = entry.model_copy(update={"name": name, "endpoints": (model.url,)})
    if model.name and model.name not in {entry.name for entry in models.values()}:
        raise BadInput(
            f"MILLWRIGHT_MODEL_PRESET={chosen} has no model {model.name!r}: unset MILLWRIGHT_MODEL_NAME, or the preset"
        )
    return preset.model_copy(update={"models": models})


def _on(host: str, preset: Preset) -> Preset:
    """Put a preset's servers on another machine."""

    def moved(endpoint: str) -> str:
        parts = urlsplit(endpoint)
        if parts.hostname not in _THIS_MACHINE:
            return endpoint
        return urlunsplit(parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host))

    models = {
        key: entry.model_copy(update={"endpoints": tuple(moved(each) for each in entry.endpoints)})
        for key, entry in preset.models.items()
    }
    return preset.model_copy(update={"models": models})


def _with_keys(preset: Preset) -> Preset:
    """Name the default variable where an entry names none."""
    models = {key: entry.model_copy(update={"key": entry.key or KEY_VARIABLE}) for key, entry in preset.models.items()}
    return preset.model_copy(update={"models": models})
