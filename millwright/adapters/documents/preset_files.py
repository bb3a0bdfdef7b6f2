"""Reads files of presets, in YAML or JSON, and tells every fault with its line.

It chooses none: that is ``model_presets``'. It reads no key, and refuses a file with something that looks like one.
"""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationError

from millwright.adapters.documents.yaml_reader import Located, read_small_yaml
from millwright.errors import BadInput
from schemas.presets import ModelEntry, Preset, Route

LARGEST = 64 * 1024
"""The most bytes of such a file."""

_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_ACCESS_KEY = re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{16}")  # those of Amazon's services look like a variable's name
_SECRET_OPTIONS = ("--api-key", "--hf-token")
_Fault = tuple[tuple[str | int, ...], str]


def read_preset(content: bytes, origin: str) -> Preset:
    """Read a preset; ``origin`` names the file in messages.

    Raises:
        BadInput: it cannot be read, or has faults; every one is told, with its line.
    """
    located = read_small_yaml(content, origin, LARGEST, "a preset")
    if not isinstance(located.value, dict):
        raise BadInput(f"{origin} is no mapping: a preset has fields, such as name: and models:")
    try:
        preset = Preset.model_validate_json(json.dumps(located.value), strict=True)
    except ValidationError as error:
        told = [_told(located, item["loc"], item["type"], item["msg"]) for item in error.errors(include_input=False)]
        raise BadInput(f"{origin}, " + "; ".join(told)) from None
    if told := [_told(located, path, "", message) for path, message in _faults(preset)]:
        raise BadInput(f"{origin}, " + "; ".join(told))
    return preset


def read_preset_file(file: Path) -> Preset:
    """Read a preset from a file. Raises BadInput."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BadInput(
            f"cannot read the preset {str(file)!r}: {error.strerror}; MILLWRIGHT_MODEL_PRESET names a preset or a file"
        ) from error
    return read_preset(content, str(file))


def presets_in(folder: Path) -> dict[str, Preset]:
    """Read the presets of a folder by name, which is a file's stem, in order.

    Raises:
        BadInput: a file cannot be read, or has faults.
    """
    return {file.stem: read_preset_file(file) for file in sorted(folder.glob("*.yaml"))}


def routed(preset: Preset) -> frozenset[str]:
    """Return the keys of the models that some archetype may ask."""
    return frozenset(key for _, route in _routes(preset) for key in (*route.models, *route.fallback))


def _routes(preset: Preset) -> Iterator[tuple[tuple[str, ...], Route]]:
    yield ("default",), preset.default
    for archetype, route in preset.routes.items():
        yield ("routes", archetype.value), route


def _faults(preset: Preset) -> Iterator[_Fault]:
    for path, route in _routes(preset):
        yield from _route_faults(path, route, preset)
    for key, entry in preset.models.items():
        yield from _entry_faults(("models", key), entry)
    asked = routed(preset)
    placed = [key for key in asked if key in preset.models and preset.models[key].endpoints]
    for key in sorted(asked & preset.models.keys()):
        if placed and key not in placed:
            yield ("models", key), "has no endpoint, while other models have: give it endpoints"
    ports: dict[int, str] = {}
    for key, entry in preset.models.items():
        if entry.serving is not None:
            other = ports.setdefault(entry.serving.port, key)
            if other != key:
                yield ("models", key, "serving", "port"), f"{entry.serving.port} is the port of {other} too"


def _route_faults(path: tuple[str, ...], route: Route, preset: Preset) -> Iterator[_Fault]:
    for field, keys in (("models", route.models), ("fallback", route.fallback)):
        for number, key in enumerate(keys):
            if key not in preset.models:
                yield (*path, field, number), f"there is no model {key!r}; models has {', '.join(preset.models)}"
                continue
            serving = preset.models[key].serving
            if serving and route.max_tokens is not None and route.max_tokens >= serving.context_tokens:
                yield (*path, "max_tokens"), f"leaves no room for a prompt in {key}'s {serving.context_tokens} tokens"


def _entry_faults(path: tuple[str, ...], entry: ModelEntry) -> Iterator[_Fault]:
    # What may be a secret is not quoted.
    if entry.key and (not _VARIABLE.fullmatch(entry.key) or _ACCESS_KEY.fullmatch(entry.key)):
        yield (*path, "key"), "names the environment variable with the key (capitals, digits, _), and is never the key"
    if entry.endpoints and "*" in entry.name:
        yield (*path, "name"), "is what the endpoints know the model by: * is only for entries without endpoints"
    for number, endpoint in enumerate(entry.endpoints):
        if fault := _endpoint_fault(endpoint):
            yield (*path, "endpoints", number), fault
    for number, argument in enumerate(entry.serving.arguments if entry.serving else ()):
        if argument.partition("=")[0] in _SECRET_OPTIONS:
            yield (*path, "serving", "arguments", number), "a key has no place in a file: set VLLM_API_KEY or HF_TOKEN"


def _endpoint_fault(endpoint: str) -> str | None:
    try:
        parts = urlsplit(endpoint)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        whole = False
        parts = urlsplit("")
    if "@" in parts.netloc:
        return "has a user or a password in it: name the variable with the key in the field key"
    if not whole or not parts.path.endswith("/v1") or parts.query or parts.fragment:
        return "give a base URL that ends in /v1, such as http://127.0.0.1:8000/v1"
    return None


def _told(located: Located, steps: Sequence[str | int], kind: str, message: str) -> str:
    path = tuple(steps)
    what = "no such field" if kind == "extra_forbidden" else message.removeprefix("Input ")
    return f"line {located.line_of(path) or 1}: {'.'.join(map(str, path)) or 'the file'}: {what}"
