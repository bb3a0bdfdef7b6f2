"""What answers to questions mean: which are understood, how they are said in a line, what becomes of a specification.

It applies nothing: whether an example keeps the conditions beside it, and whether code is right, others find out.
"""

import difflib
import json
from collections.abc import Callable, Mapping, Sequence

from pydantic import JsonValue, ValidationError

from millwright.errors import BadInput
from schemas.carrying import json_length
from schemas.people import Question, QuestionKind
from schemas.project import Answer
from schemas.shortening import shortened
from schemas.specification import TaskSpecification, TestCase

AnswerValue = str | dict[str, JsonValue]

RETRY = "retry"
ACCEPT_PARTIAL = "accept_partial"
SPLIT = "split"
GIVE_UP = "give_up"

MEANINGS = {
    RETRY: "draw again, with as many attempts more as were given at first",
    ACCEPT_PARTIAL: "take the best verified candidate, marked as decided by a person",
    SPLIT: "split this task into smaller ones",
    GIVE_UP: "let this task fail; what depends on it is blocked",
}
"""What the words do, in their order."""

RETURNS, RAISES, EXAMPLE = "returns", "raises", "example"
SPECIFICATION, SPECIFICATION_DIGEST = "specification", "specification_digest"
CODE, CODE_DIGEST = "code", "code_digest"
ATTEMPTS, ASSIGN = "attempts", "assign"

MOST_ATTEMPTS = 10_000
LONGEST_CODE = 100_000
"""Characters of code, and of a specification, that a person may give."""

EDITABLE = (
    "description",
    "inputs",
    "preconditions",
    "postconditions",
    "invariants",
    "test_cases",
    "properties",
    "max_complexity",
    "max_lines",
    "timeout_ms",
)
"""What an edited specification may change; the interface stays, for others were built on it."""

_LONGEST_SHOWN = 120


def misunderstood(question: Question, value: AnswerValue) -> str | None:
    """Say in a line why a value is no answer to a question, and what would be one; None where it is."""
    if isinstance(value, str):
        if value in question.options:
            return None
        return f"{shortened(value, _LONGEST_SHOWN)!r} is none of {', '.join(question.options)}"
    return malformed(value, _forms(question))


def malformed(value: Mapping[str, JsonValue], forms: Sequence[str] = ()) -> str | None:
    """Say why an object is an answer to no question that takes these forms, all of them by default; None: it is one."""
    known = forms or tuple(_FORMS)
    if len(value) != 1:
        return f"an answer that is an object has one field: {', '.join(known)}"
    ((form, content),) = value.items()
    if form not in known:
        near = difflib.get_close_matches(form[:200], known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"{shortened(form, _LONGEST_SHOWN)!r} is none of {', '.join(known)}{hint}"
    return _FORMS[form](content) or (None if form == CODE else _unbearable(form, content))


def _unbearable(form: str, content: JsonValue) -> str | None:
    """Say why a content cannot pass through a message and the histories that hold it; None where it can."""
    length = json_length(content)
    if length is None:
        return f"what {form} holds cannot be sent as JSON: it has half of a surrogate pair, or is nested too deep"
    if length <= LONGEST_CODE:
        return None
    digest = ": store it, and give its specification_digest" if form == SPECIFICATION else ""
    return f"what {form} holds is longer than {LONGEST_CODE} bytes{digest}"


def _forms(question: Question) -> tuple[str, ...]:
    if question.kind is QuestionKind.BEHAVIOUR:
        return tuple(_FORMS)
    return tuple(form for form in _FORMS if form not in (RETURNS, RAISES))


def _any_value(content: JsonValue) -> str | None:
    return None


def _name(content: JsonValue) -> str | None:
    return None if isinstance(content, str) and content.isidentifier() else 'give an exception\'s name: {"raises": "…"}'


def _case(content: JsonValue) -> str | None:
    if not isinstance(content, dict):
        return 'give an example as {"example": {"inputs": {…}, "expected_output": …}}'
    try:
        TestCase.model_validate({"name": "given", **content})
    except ValidationError as error:
        return f"the example is not understood: {_first(error)}"
    return None


def _changes(content: JsonValue) -> str | None:
    return (
        None
        if isinstance(content, dict) and content
        else 'give the changed fields: {"specification": {"max_lines": 30}}'
    )


def _text(content: JsonValue) -> str | None:
    if not isinstance(content, str) or not content.strip():
        return 'give the text of the function: {"code": "def …"}'
    return None if len(content) <= LONGEST_CODE else f"the code is longer than {LONGEST_CODE} characters"


def _digest(content: JsonValue) -> str | None:
    is_digest = isinstance(content, str) and len(content) == 64 and not set(content) - set("0123456789abcdef")
    return None if is_digest else "a digest is 64 hexadecimal characters, of text that is stored as an artifact"


def _count(content: JsonValue) -> str | None:
    if isinstance(content, int) and not isinstance(content, bool) and 1 <= content <= MOST_ATTEMPTS:
        return None
    return f'give a number of further attempts, 1 to {MOST_ATTEMPTS}: {{"attempts": 20}}'


def _person(content: JsonValue) -> str | None:
    if isinstance(content, str) and content.strip() and len(content) <= 200:
        return None
    return 'name whom to ask, in at most 200 characters: {"assign": "ann"}'


_FORMS: dict[str, Callable[[JsonValue], str | None]] = {
    RETURNS: _any_value,
    RAISES: _name,
    EXAMPLE: _case,
    SPECIFICATION: _changes,
    SPECIFICATION_DIGEST: _digest,
    CODE: _text,
    CODE_DIGEST: _digest,
    ATTEMPTS: _count,
    ASSIGN: _person,
}


def spoken(value: AnswerValue) -> str:
    """Say an answer in a few words, for summaries and the audit; of code and of specifications only that it is one."""
    if isinstance(value, str):
        return shortened(value, _LONGEST_SHOWN)
    form, content = next(iter(value.items()), ("nothing", None))
    if form in (CODE, SPECIFICATION):
        return form
    if form in (CODE_DIGEST, SPECIFICATION_DIGEST):
        return f"{form.removesuffix('_digest')} {str(content)[:12]}"
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=True)
    return shortened(" ".join(f"{form} {text}".split()), _LONGEST_SHOWN)


def assignee_of(answer: Answer) -> str | None:
    """Return whom an answer hands its question on to; None where it does not."""
    match answer.value:
        case {"assign": str(name)}:
            return name
        case _:
            return None


def is_example(question: Question, answer: Answer) -> bool:
    """Say whether an answer makes an example of the specification."""
    if isinstance(answer.value, str):
        return any(choice.label == answer.value for choice in question.choices)
    return bool({RETURNS, RAISES, EXAMPLE} & answer.value.keys())


def example_of(question: Question, answer: Answer) -> TestCase:
    """Make the example that an answer gives; whether it fits the task's types and conditions is still to be found out.

    Raises:
        BadInput: the answer gives none.
    """
    name = "answered_" + question.id.rpartition("/")[2]
    by = answer.by or "a person"
    fields: dict[str, object] = {"name": name, "inputs": question.inputs, "tolerance": question.tolerance}
    match answer.value:
        case str(label):
            chosen = next((choice for choice in question.choices if choice.label == label), None)
            if chosen is None:
                raise BadInput(f"{label!r} is none of the choices of {question.id}")
            fields |= _outcome(chosen.returns, chosen.raises)
        case {"returns": content}:
            fields |= _outcome(content, None)
        case {"raises": str(exception)}:
            fields |= _outcome(None, exception)
        case {"example": dict(content)}:
            fields = {"name": name, **content}
        case _:
            raise BadInput(f"the answer to {question.id} gives no example")
    said = f": {answer.note}" if answer.note else ""
    fields.setdefault("description", shortened(f"Answered by {by}{said}", 500))
    try:
        return TestCase.model_validate(fields)
    except ValidationError as error:
        raise BadInput(f"the example is not understood: {_first(error)}") from error


def _outcome(returns: JsonValue, raises: str | None) -> dict[str, object]:
    return {"expected_output": returns} if raises is None else {"raises": raises, "tolerance": None}


def edited(task: TaskSpecification, changes: dict[str, JsonValue]) -> TaskSpecification:
    """Return a task as a person edited it; ``changes`` are fields, or the whole of it with the rest unchanged.

    Raises:
        BadInput: a field is unknown or cannot be read, or the interface is another.
    """
    before = task.model_dump(mode="json")
    changed = {name: value for name, value in changes.items() if before.get(name) != value}
    fixed = [name for name in changed if name not in EDITABLE]
    if fixed:
        raise BadInput(f"{', '.join(sorted(fixed))} cannot be changed here, only {', '.join(EDITABLE)}")
    if not changed:
        raise BadInput("the specification is the same as before")
    try:
        after = TaskSpecification.model_validate({**before, **changed})
    except ValidationError as error:
        raise BadInput(f"the specification is not understood: {_first(error)}") from error
    interface = [(item.name, item.type_annotation) for item in task.inputs]
    if [(item.name, item.type_annotation) for item in after.inputs] != interface:
        raise BadInput("inputs keep their names and types here: others were built on them")
    return after.model_copy(update={"shapes": task.shapes})


def _first(error: ValidationError) -> str:
    """Say the first of a validation's complaints, with its place."""
    complaint = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(map(str, complaint["loc"]))
    return f"{place}: {complaint['msg']}" if place else complaint["msg"]
