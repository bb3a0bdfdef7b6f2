"""What makes two nodes the same: a digest of what is asked of them and of the interfaces that they see.

Not part of it is what changes nothing about a sound answer: where the node stands, in which order things are listed
that have no order, labels, line breaks in prose, priority and estimates; nor how answers were come by: prompts,
models, seeds, budgets, how the ladder is climbed. How a vote was won is no question of the same or another, but of
enough or too little, and ``millwright.core.reuse`` answers it.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence

from pydantic import JsonValue

from schemas.base import Schema
from schemas.identity import Digest
from schemas.specification import Grants, TaskSpecification, TaskType

FORMAT = 1
"""Of the digested text; raised when it changes, so that nothing accepted before is found any more."""

PLACE = frozenset({"id", "parent", "children", "dependencies", "priority", "estimated_difficulty", "requirements"})
"""Fields of a task that say where it stands, where it comes from and how it is handled; interfaces stand for whom it
may call. Requirements are numbered by their place in the prose: a sentence before them changes all numbers."""

_LIMITS = ("max_lines", "max_complexity", "timeout_ms")
_WORDED = frozenset({"name", "target_language", "task_type", "description", "inputs", "outputs", "grants"})
_LISTS = {
    # field: what it is called when it has changed, and what in each of its items is a label
    "preconditions": ("preconditions", {"name"}),
    "postconditions": ("postconditions", {"name"}),
    "invariants": ("invariants", {"name"}),
    "test_cases": ("examples", {"name", "description", "shows"}),
    "properties": ("properties", {"name", "description", "shows"}),
}
_DECLARED = frozenset({"records", "errors"})
_WORD = re.compile(r"[^\W\d]\w*")


def identity(
    task: TaskSpecification,
    dependencies: Sequence[TaskSpecification] = (),
    children: Sequence[TaskSpecification] = (),
) -> Digest:
    """Digest a node's features; arguments as for ``features``."""
    text = json.dumps({"format": FORMAT, **features(task, dependencies, children)}, sort_keys=True, ensure_ascii=True)
    return Digest(hashlib.sha256(text.encode("ascii")).hexdigest())


def features(
    task: TaskSpecification,
    dependencies: Sequence[TaskSpecification] = (),
    children: Sequence[TaskSpecification] = (),
) -> dict[str, JsonValue]:
    """Return what a node's identity is made of, by the words in which a change of it is told.

    ``dependencies`` are the tasks that it may call beside its ``children``: only their interfaces count, since their
    code is met by verification. Declared records and errors count where the task mentions them. A field of the
    specification that is not known here counts as it stands, in interfaces too.
    """
    asked: dict[str, JsonValue] = {
        "name": task.name,
        "language": task.target_language,
        "to be split": task.task_type is TaskType.DECOMPOSITION,
        "description": _prose(task.description),
        "inputs": [_parameter(item) for item in task.inputs],
        "outputs": [_parameter(item) for item in task.outputs],
        "limits": [getattr(task, name) for name in _LIMITS],
        "grants": _grants(task.grants),
    }
    for field, (title, labels) in _LISTS.items():
        asked[title] = _unordered(_written(item, labels) for item in getattr(task, field))
    asked |= _unknown(task)
    return {
        **asked,
        **_mentioned(task, _words(asked)),
        "dependencies": _unordered(_interface(other) for other in dependencies if other.has_interface),
        "children": _unordered(_interface(other) for other in children if other.has_interface),
    }


def changed(before: dict[str, JsonValue], after: dict[str, JsonValue]) -> tuple[str, ...]:
    """Name the features in which two nodes differ, in the order in which they are listed."""
    return tuple(name for name in {**after, **before} if before.get(name) != after.get(name))


def _interface(task: TaskSpecification) -> JsonValue:
    """Return what a caller sees of a task: name, parameters and types, with the records that the types mention."""
    inputs: JsonValue = [[item.name, item.type_annotation] for item in task.inputs]
    outputs: JsonValue = [item.type_annotation for item in task.outputs]
    records = _mentioned(task, _words([inputs, outputs]))["records"]
    return {"name": task.name, "inputs": inputs, "outputs": outputs, "records": records, **_unknown(task)}


def _unknown(task: TaskSpecification) -> dict[str, JsonValue]:
    """Return what a task says in fields that are not known here; nothing for those that say nothing."""
    known = PLACE | _WORDED | _LISTS.keys() | _DECLARED | {*_LIMITS}
    unknown: dict[str, JsonValue] = task.model_dump(mode="json", exclude_defaults=True, exclude=set(known))
    return unknown


def _parameter(item: Schema) -> JsonValue:
    written = _written(item, set())
    constraints = written.get("constraints", [])
    return {**written, "constraints": _unordered(constraints if isinstance(constraints, list) else ())}


def _grants(grants: Grants) -> JsonValue:
    return {name: _unordered(value) for name, value in _written(grants, set()).items() if isinstance(value, list)}


def _written(item: Schema, left_out: set[str]) -> dict[str, JsonValue]:
    """Write what a schema says, its prose in one line; what says nothing (a default) is left out."""
    written: dict[str, JsonValue] = item.model_dump(mode="json", exclude_defaults=True, exclude=left_out)
    if isinstance(prose := written.get("description"), str):
        written["description"] = _prose(prose)
    return written


def _mentioned(task: TaskSpecification, words: set[str]) -> dict[str, JsonValue]:
    """Return the declared records and errors that are among these words, and those that these mention in turn."""
    declared: dict[str, JsonValue] = {item.name: _declaration(item) for item in task.records}
    declared |= {item.name: _declaration(item) for item in task.errors}
    found: set[str] = set()
    while fresh := (words & declared.keys()) - found:
        found |= fresh
        words = _words([declared[name] for name in fresh])
    return {
        "records": {item.name: declared[item.name] for item in task.records if item.name in found},
        "errors": {item.name: declared[item.name] for item in task.errors if item.name in found},
    }


def _declaration(item: Schema) -> JsonValue:
    written = _written(item, set())
    fields = getattr(item, "fields", ())
    return {**written, "fields": [_written(field, set()) for field in fields]} if fields else dict(written)


def _prose(text: str) -> str:
    """Return prose without its line breaks and runs of white space."""
    return " ".join(text.split())


def _unordered(items: Iterable[JsonValue]) -> JsonValue:
    return list[JsonValue](sorted(items, key=_text))


def _text(value: JsonValue) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=True)


def _words(value: JsonValue) -> set[str]:
    """Return the words in all texts of a value; in JSON a name would run together with an escape before it."""
    if isinstance(value, str):
        return {*_WORD.findall(value)}
    items = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return {word for item in items for word in _words(item)}
