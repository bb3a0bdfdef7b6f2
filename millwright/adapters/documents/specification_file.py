"""Reads what a user hands over: files of task specifications, in YAML or JSON, and requirements in prose.

It checks the shape of a specification; whether it agrees with itself is asked of the ``check`` that it is given. It
opens no file.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Sequence

from pydantic import JsonValue, ValidationError

from millwright.adapters.documents.yaml_reader import DocumentSyntaxError, Located, Path, read_small_yaml, read_yaml
from millwright.errors import BadInput, SpecificationInvalid
from schemas.specification import Fault, SpecificationDocument

Check = Callable[[SpecificationDocument], Sequence[Fault]]
"""Lists the faults of a document that has the right shape."""

LARGEST_SPECIFICATION = 16 * 1024 * 1024
"""The most characters of a file of specifications."""

_LARGEST_FIELDS = 400_000
"""The most bytes of a single task."""

LARGEST_REQUIREMENTS = 1024 * 1024
"""The most bytes of requirements in prose."""

_STEP = re.compile(r"\[(\d+)\]|\.?([^.\[\]]+)")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")


def read_specification(text: str, origin: str, check: Check) -> SpecificationDocument:
    """Read a document: a mapping with ``tasks:``, or a bare list of tasks; ``origin`` names it in messages.

    Raises:
        SpecificationInvalid: it cannot be read, or has faults; every one is listed, with its line where that is known.
    """
    located = _parse(text, origin)
    document = _document(located, origin)
    faults = check(document)
    if faults:
        raise SpecificationInvalid(_with_lines(located, faults))
    return document


def read_fields(content: bytes, origin: str) -> dict[str, JsonValue]:
    """Read some fields of one task: a mapping of them, or a document of that one task; what they say is not checked.

    Raises:
        BadInput: it cannot be read, or is of no task or of several.
    """
    read = read_small_yaml(content, origin, _LARGEST_FIELDS, "a task specification").value
    tasks = read.get("tasks") if isinstance(read, dict) else read
    if isinstance(tasks, list) and len(tasks) == 1:
        read = tasks[0]
    elif tasks is not None:
        raise BadInput(f"{origin} is no single task: give the changed fields, such as `description: …`")
    if not isinstance(read, dict) or not read:
        raise BadInput(f"{origin} has no fields of a task: give those to change, such as `description: …`")
    return read


def locate_faults(text: str, faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """Return faults found later in a readable document, with the lines of ``text`` on which they stand."""
    return _with_lines(_parse(text, "the specification"), faults)


def read_requirements(data: bytes, origin: str) -> str:
    """Read requirements in prose; ``origin`` names them in messages.

    Raises:
        BadInput: they are empty, larger than 1 MiB, or not text in UTF-8.
    """
    if len(data) > LARGEST_REQUIREMENTS:
        size = len(data) / LARGEST_REQUIREMENTS
        raise BadInput(f"{origin} has {size:.1f} MiB; requirements may have at most 1 MiB: split them into projects")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{origin} is not text in UTF-8 (byte {error.start}): save it as UTF-8 and try again") from error
    control = _CONTROL.search(text)
    if control is not None:
        place = f"line {text.count(chr(10), 0, control.start()) + 1}"
        raise BadInput(f"{origin} is not text (control character in {place}): give requirements as plain text")
    if not text.strip():
        raise BadInput(f"{origin} is empty: write down what is to be built, and try again")
    return text


def _parse(text: str, origin: str) -> Located:
    if len(text) > LARGEST_SPECIFICATION:
        what = f"longer than {LARGEST_SPECIFICATION // 1024**2} Mi characters: split it into projects"
        raise SpecificationInvalid([Fault(where=origin, what=what)])
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise SpecificationInvalid([Fault(where=origin, what="empty: list the tasks under `tasks:`")])
    looks_like_json = text.lstrip()[0] in "{["
    try:
        value = read_json(text) if looks_like_json else None
    except DocumentSyntaxError as json_fault:
        if not isinstance(json_fault.__cause__, json.JSONDecodeError):
            raise _unreadable(json_fault, origin) from json_fault
        try:
            return read_yaml(text)  # a flow mapping or sequence of YAML begins like JSON
        except DocumentSyntaxError:
            raise _unreadable(json_fault, origin) from json_fault
    try:
        located = read_yaml(text)
    except DocumentSyntaxError as yaml_fault:
        if looks_like_json:
            return Located(value, {})
        raise _unreadable(yaml_fault, origin) from yaml_fault
    return Located(value, located.lines) if looks_like_json else located


def read_json(text: str) -> JsonValue:
    """Read JSON as its standard has it: no NaN, no key twice.

    Raises:
        DocumentSyntaxError: it is not JSON.
    """
    try:
        value: JsonValue = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite
        )
    except json.JSONDecodeError as error:
        raise DocumentSyntaxError(f"not JSON: {error.msg}", error.lineno) from error
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise DocumentSyntaxError(f"not JSON: {reason}", 1) from error
    return value


def _unique(pairs: list[tuple[str, JsonValue]]) -> JsonValue:
    mapping: dict[str, JsonValue] = {}
    for key, value in pairs:
        if key in mapping:
            raise ValueError(f"the key {key!r} is there twice")
        mapping[key] = value
    return mapping


def _refuse_constant(word: str) -> JsonValue:
    raise ValueError(f'{word} is not JSON: write {{"$float": "nan"}}, "inf" or "-inf"')


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text} is too large for a float")
    return number


def _unreadable(fault: DocumentSyntaxError, origin: str) -> SpecificationInvalid:
    path = f"{_written(fault.path)} in " if fault.path else ""
    return SpecificationInvalid([Fault(where=f"{path}{origin}, line {fault.line}", what=fault.message)])


def _document(located: Located, origin: str) -> SpecificationDocument:
    value = located.value
    if isinstance(value, list):
        value = {"tasks": value}
    if not isinstance(value, dict):
        what = "neither a mapping with `tasks:` nor a list of tasks"
        raise SpecificationInvalid([Fault(where=origin, what=what)])
    try:
        return SpecificationDocument.model_validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        faults = [
            Fault(where=_written(item["loc"]), what=_explained(item["type"], item["msg"])) for item in error.errors()
        ]
        raise SpecificationInvalid(_with_lines(located, faults)) from error


def _explained(kind: str, message: str) -> str:
    match kind:
        case "missing":
            return "this field is required"
        case "extra_forbidden":
            return "no such field"
        case _:
            return message.removeprefix("Value error, ").removeprefix("Input ")


def _written(path: Path) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".") or "the document"


def _with_lines(located: Located, faults: Iterable[Fault]) -> tuple[Fault, ...]:
    found = []
    for fault in faults:
        line = located.line_of(_steps(fault.where, bare=isinstance(located.value, list)))
        place = f"{fault.where}, line {line}" if line is not None else fault.where
        found.append(Fault(where=place, what=fault.what))
    return tuple(found)


def _steps(where: str, bare: bool) -> Path:
    steps = tuple(int(index) if index else name for index, name in _STEP.findall(where))
    return steps[1:] if bare and steps[:1] == ("tasks",) else steps
