"""Reads model presets: a mapping of fields, in YAML or JSON, one file a model.

It checks shape and limits, and finds the preset that speaks of a model. Which folder they lie in, it is told.
"""

import json
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import ValidationError

from millwright.adapters.documents.yaml_reader import Located, read_small_yaml
from millwright.errors import BadInput
from schemas.presets import ModelPreset

LARGEST = 64 * 1024
"""The most bytes of such a file."""

FALLBACK = "default.yaml"
"""The preset of models that no other speaks of."""


def read_model_preset(content: bytes, origin: str) -> ModelPreset:
    """Read a preset; ``origin`` names the file in messages.

    Raises:
        BadInput: it cannot be read, or has faults; every one is told, with its line.
    """
    located = read_small_yaml(content, origin, LARGEST, "a model preset")
    if not isinstance(located.value, dict):
        raise BadInput(f"{origin} is no mapping: a preset has fields, such as name: and right:")
    try:
        return ModelPreset.model_validate_json(json.dumps(located.value), strict=True)
    except ValidationError as error:
        told = [_told(located, item["loc"], item["type"], item["msg"]) for item in error.errors()]
        raise BadInput(f"{origin}, " + "; ".join(told)) from error


def preset_for(model: str, folder: Path) -> ModelPreset:
    """Return the preset of a folder that speaks of a model by name, or else its ``default.yaml``.

    Files are tried in order of name; the first that speaks of the model counts.

    Raises:
        BadInput: a file cannot be read, or has faults.
    """
    files = sorted(file for file in folder.glob("*.yaml") if file.name != FALLBACK)
    presets = [_read(file) for file in files]
    named = (preset for preset in presets if any(fnmatchcase(model, name) for name in preset.models))
    return next(named, None) or _read(folder / FALLBACK)


def _read(file: Path) -> ModelPreset:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read the model preset {str(file)!r}: {error.strerror}") from error
    return read_model_preset(content, str(file))


def _told(located: Located, steps: Sequence[str | int], kind: str, message: str) -> str:
    path = tuple(steps)
    what = "no such field" if kind == "extra_forbidden" else message.removeprefix("Input ")
    return f"line {located.line_of(path) or 1}: {'.'.join(map(str, path)) or 'the file'}: {what}"
