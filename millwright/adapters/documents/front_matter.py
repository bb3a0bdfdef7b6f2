"""Reads the head of requirements: a few fields in YAML that hold whatever specifiers say.

It does not look for the head in the text, and checks no example against an interface: nobody has written that yet.
"""

import json
import re

from pydantic import ValidationError

from millwright.adapters.documents.yaml_reader import DocumentSyntaxError, Located, Path, read_yaml
from millwright.errors import BadInput
from schemas.requirements import FrontMatter

_FIRST_LINE = 2
"""The head's own first line in the file: the one before it has the three hyphens."""

_NEXT = "correct it, or take it out, and try again"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_front_matter(head: str, origin: str) -> FrontMatter:
    """Read the text between the two lines of hyphens; ``origin`` names the file in messages.

    Raises:
        BadInput: it is no mapping, has a field that is not known, or a value that does not fit; with its line.
    """
    try:
        located = read_yaml(head)
    except DocumentSyntaxError as error:
        line = error.line + _FIRST_LINE - 1
        raise BadInput(f"{origin}, line {line}: the front matter: {error.message}; {_NEXT}") from error
    if located.value is None:
        return FrontMatter()
    if not isinstance(located.value, dict):
        raise BadInput(
            f"{origin}, line {_FIRST_LINE}: the front matter is no list of fields such as `name: shop`; where the "
            "text is meant to begin with a rule, leave an empty line above it"
        )
    try:
        front = FrontMatter.model_validate_json(json.dumps(located.value), strict=True)
    except ValidationError as error:
        problem = error.errors()[0]
        raise BadInput(_message(located, problem["loc"], problem["type"], problem["msg"], origin)) from error
    if front.entry_point is not None and not _NAME.fullmatch(front.entry_point):
        what = f"{front.entry_point!r} is no name of a function"
        raise BadInput(_message(located, ("entry_point",), "", what, origin))
    return front


def _message(located: Located, place: Path, kind: str, what: str, origin: str) -> str:
    line = (located.line_of(place) or 1) + _FIRST_LINE - 1
    name = ".".join(map(str, place))
    if kind == "extra_forbidden":
        known = ", ".join(FrontMatter.model_fields)
        return f"{origin}, line {line}: the front matter has no field {name!r}; it may have {known}; {_NEXT}"
    return f"{origin}, line {line}: {name} in the front matter: {what.removeprefix('Value error, ')}; {_NEXT}"
