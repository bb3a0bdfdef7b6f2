"""Reads a file of red flags' rules: a mapping of archetypes to what differs from their defaults, in YAML or JSON.

It checks shape and limits; whether the rules exist is asked of the ``check`` that it is given. It opens no file.
"""

import json
from collections.abc import Callable, Mapping, Sequence

from pydantic import TypeAdapter, ValidationError

from millwright.adapters.documents.yaml_reader import Located, Path, read_small_yaml
from millwright.errors import BadInput
from schemas.identity import Archetype
from schemas.red_flags import RuleSettings
from schemas.specification import Fault

Check = Callable[[Mapping[Archetype, RuleSettings]], Sequence[Fault]]
"""Lists the faults of settings that have the right shape, each placed as ``coder.rules[2]``."""

LARGEST = 256 * 1024
"""The most bytes of such a file."""

_SHAPE: TypeAdapter[dict[Archetype, RuleSettings]] = TypeAdapter(dict[Archetype, RuleSettings])


def read_red_flags(content: bytes, origin: str, check: Check) -> Mapping[Archetype, RuleSettings]:
    """Read the settings of each archetype that the file names; ``origin`` names the file in messages.

    Raises:
        BadInput: it cannot be read, or has faults; every one is told, with its line.
    """
    located = read_small_yaml(content, origin, LARGEST, "a file of red flags' rules")
    if not isinstance(located.value, dict):
        raise BadInput(f"{origin} is no mapping of archetypes to rules: choose from {', '.join(Archetype)}")
    try:
        settings = _SHAPE.validate_json(json.dumps(located.value), strict=True)
    except ValidationError as error:
        told = [_told(located, item["loc"], _explained(item["type"], item["msg"])) for item in error.errors()]
        raise BadInput(_joined(origin, told)) from error
    if faults := check(settings):
        raise BadInput(_joined(origin, [_told(located, _steps(fault.where), fault.what) for fault in faults]))
    return settings


def _joined(origin: str, told: Sequence[str]) -> str:
    return f"{origin}, " + "; ".join(told)


def _told(located: Located, path: Path, what: str) -> str:
    steps = tuple(step for step in path if step != "[key]")  # pydantic's own mark that a key is meant
    written = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")
    return f"line {located.line_of(steps) or 1}: {written or 'the file'}: {what}"


def _explained(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "no such field"
    if kind == "enum":
        return f"no such archetype: choose from {', '.join(Archetype)}"
    return message.removeprefix("Input ")


def _steps(where: str) -> Path:
    """Read a place such as ``coder.rules[2]`` back into the way to it."""
    steps: list[str | int] = []
    for part in where.split("."):
        name, *places = part.replace("]", "").split("[")
        steps.extend((name, *map(int, places)))
    return tuple(steps)
