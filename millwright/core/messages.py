"""Reads what people send to a workflow: an answer to a question, or a decision at a gate, as it came.

What does not fit is refused in one line that names the field, what was given and what would do. Whether a message fits
what is open is for others to say.
"""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from pydantic import ValidationError

from millwright.core.resolution import AnswerValue, malformed
from schemas.base import Schema
from schemas.models import Budget
from schemas.people import Door
from schemas.project import Answer, Approval, ApprovalDecision
from schemas.shortening import shortened

_LONGEST_SHOWN = 60
"""The most characters of what was given that a refusal repeats: it may be a whole program."""

_MOST_PROBLEMS = 3


class _Form(NamedTuple):
    """What a message is made of: the schema, what would do in each field, and an example of the whole."""

    schema: type[Schema]
    wants: Mapping[str, str]
    example: str


_ABOUT = {
    "decision_id": 'a text of 1 to 200 characters that no earlier decision had, such as "1"',
    "by": "a name of at most 200 characters",
    "note": "a text of at most 4000 characters",
    "through": "nothing, for only our own clients say how a message came",
}
_ANSWER = _Form(
    Answer,
    {
        "question": 'the id of the question, such as "root.double/1"',
        "value": "one of the question's words, or an object of one field",
        **_ABOUT,
    },
    '{"question": "root.double/1", "decision_id": "1", "value": "retry", "by": "me"}',
)
_APPROVAL = _Form(
    Approval,
    {
        "gate": "one of specification, plan, budget, delivery",
        "decision": "one of approve, reject, assign",
        "budget": 'an object with caps, such as {"max_calls": 100}',
        "to": "a name of at most 200 characters",
        **_ABOUT,
    },
    '{"gate": "plan", "decision_id": "1", "decision": "approve", "by": "me"}',
)
_CAPS = {
    "max_calls": "a whole number from 1",
    "max_tokens": "a whole number from 1",
    "max_cost": "a number above 0",
    "max_time_seconds": "a number above 0",
}
Message = TypeVar("Message", bound=Schema)


def read_answer(*given: object) -> Answer | str:
    """Read the arguments of an ``answer``; returns the line that refuses them where they are none."""
    found = _read(given, _ANSWER)
    if isinstance(found, str):
        return found
    answer = Answer.model_validate(found)
    problem = _door_problem(answer.through) or _value_problem(answer.value)
    return _refused([problem], _ANSWER) if problem else answer


def read_approval(*given: object) -> Approval | str:
    """Read the arguments of an ``approve``; returns the line that refuses them where they are none."""
    found = _read(given, _APPROVAL)
    if isinstance(found, str):
        return found
    approval = Approval.model_validate(found)
    problem = _door_problem(approval.through)
    if problem:
        return _refused([problem], _APPROVAL)
    assigns = approval.decision is ApprovalDecision.ASSIGN
    if assigns and not approval.to.strip():
        return _refused(["to is missing: assign hands the question on to somebody, so give a name"], _APPROVAL)
    if approval.to and not assigns:
        return _refused(['to belongs to "decision": "assign" alone'], _APPROVAL)
    return approval


def _read(given: Sequence[object], form: _Form) -> dict[str, object] | str:
    """Return the one object that was given if it fits its form, else the line that refuses it."""
    if len(given) != 1:
        what = "nothing was given" if not given else f"{len(given)} arguments were given"
        return _refused([f"{what}: give one JSON object"], form)
    (raw,) = given
    if not isinstance(raw, dict):
        return _refused([f"{_shown(raw)} was given: give one JSON object"], form)
    try:
        form.schema.model_validate(raw)
    except ValidationError as error:
        return _refused(list(dict.fromkeys(_problems(error, raw, form))), form)
    return raw


def _problems(error: ValidationError, raw: Mapping[str, object], form: _Form) -> Iterator[str]:
    for fault in error.errors(include_url=False, include_context=False):
        field, *inner = (str(part) for part in fault["loc"]) if fault["loc"] else ("message",)
        if fault["type"] == "extra_forbidden" and not inner:
            yield _unknown(field, list(form.wants), "")
        elif fault["type"] == "extra_forbidden" and field == "budget":
            yield _unknown(inner[0], list(Budget.model_fields), " in budget")
        elif field == "budget" and inner and inner[0] in _CAPS:
            yield f"budget.{inner[0]} is {_shown(fault['input'])}: give {_CAPS[inner[0]]}"
        elif field not in raw:
            yield f"{field} is missing: give {form.wants.get(field, 'it')}"
        else:
            yield f"{field} is {_shown(raw[field])}: give {form.wants.get(field, 'something else')}"


def _unknown(field: str, known: Sequence[str], where: str) -> str:
    near = difflib.get_close_matches(field[:200], known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    return f"there is no field {_shown(field)}{where}: {hint}"


def _door_problem(through: Door | None) -> str:
    """Say why a message cannot have come as it says; empty where it can. Nobody may pass for the deadline."""
    if through in (None, Door.COMMAND, Door.CLIENT):
        return ""
    return f"through is {_shown(through)}: leave it out"


def _value_problem(value: AnswerValue) -> str | None:
    """Say why no question can have such an answer. A word is for its question to know."""
    if isinstance(value, str):
        return None if value else f"value is empty: give {_ANSWER.wants['value']}"
    return malformed(value)


def _refused(problems: Sequence[str], form: _Form) -> str:
    more = f"; and {len(problems) - _MOST_PROBLEMS} more" if len(problems) > _MOST_PROBLEMS else ""
    return f"{'; '.join(problems[:_MOST_PROBLEMS])}{more}. For example: {form.example}"


def _shown(given: object) -> str:
    """Write what was given as JSON on one line, shortened."""
    if isinstance(given, bytes | bytearray):
        return f"binary content of {len(given)} bytes"
    try:
        return shortened(json.dumps(given), _LONGEST_SHOWN)
    except (TypeError, ValueError, RecursionError):
        return f"something that is no JSON ({type(given).__name__})"
