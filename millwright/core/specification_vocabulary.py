"""What the tasks of a file may name: its records, their fields, its exceptions; and which names and types are sound.

It judges declarations only; the tasks that use them are judged by ``millwright.core.specification``.
"""

import builtins
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from keyword import iskeyword

from schemas.specification import DeclaredError, Fault, Parameter, Record, SpecificationDocument, TaskSpecification
from schemas.types import NONE, Kind, Type, TypeSyntaxError, parse_type

BUILTIN_EXCEPTIONS = frozenset(
    name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, Exception)
)
"""The names of the built-in exceptions that an example may raise and a declared error may derive from."""

TYPE_WORDS = frozenset(
    {"int", "float", "bool", "str", "bytes", "None", "Any", "list", "set", "dict", "tuple", "Optional", "Tuple"}
)
"""The words of the type language, which are no names of records and errors."""


@dataclass(frozen=True)
class Vocabulary:
    """What a task may name: the records whose fields are sound, the fields of all records, the exceptions."""

    records: dict[str, Record]
    fields: frozenset[str]
    exceptions: frozenset[str]


def vocabulary_of(document: SpecificationDocument, task: TaskSpecification) -> Vocabulary:
    """Return what a task of the document may name; records that cannot be used are left out."""
    visible = {record.name: record for record in (*document.records, *task.known_records)}
    errors = {error.name for error in (*document.errors, *task.errors)}
    fields = frozenset(field.name for record in visible.values() for field in record.fields)
    return Vocabulary(_sound(visible), fields, BUILTIN_EXCEPTIONS | errors)


def _sound(records: dict[str, Record]) -> dict[str, Record]:
    """Return the records whose fields' types are known and finite, so that values of them can be decoded."""
    sound: dict[str, Record] = {}
    waiting = dict(records)
    while ready := [name for name, record in waiting.items() if _field_types(record, sound) is not None]:
        sound |= {name: waiting.pop(name) for name in ready}
    return sound


def _field_types(record: Record, records: Collection[str]) -> list[Type] | None:
    try:
        return [parse_type(field.type_annotation, records) for field in record.fields]
    except TypeSyntaxError:
        return None


def declaration_faults(document: SpecificationDocument) -> Iterator[Fault]:
    """Yield every fault of the records and errors that a document declares."""
    yield from _record_faults(document)
    yield from _error_faults(document)


def _scopes(document: SpecificationDocument) -> Iterator[tuple[str, TaskSpecification | None]]:
    yield "", None
    for index, task in enumerate(document.tasks):
        if task.records or task.errors:
            yield f"tasks[{index}].", task


def _record_faults(document: SpecificationDocument) -> Iterator[Fault]:
    declared: dict[str, Record] = {}
    for prefix, task in _scopes(document):
        own = document.records if task is None else task.records
        visible = {record.name: record for record in (*document.records, *own)}
        sound = _sound(visible)
        yield from repeated_faults(f"{prefix}records", "record", [record.name for record in own])
        for index, record in enumerate(own):
            where = f"{prefix}records[{index}]"
            if declared.setdefault(record.name, record) != record:
                yield Fault(where=where, what=f"the record {record.name!r} is declared elsewhere with other fields")
            yield from name_faults(where, "record", record.name, TYPE_WORDS | BUILTIN_EXCEPTIONS)
            yield from _field_faults(where, record, visible, sound)


def _field_faults(where: str, record: Record, visible: Collection[str], sound: Collection[str]) -> Iterator[Fault]:
    yield from repeated_faults(f"{where}.fields", "field", [field.name for field in record.fields])
    broken = False
    for index, field in enumerate(record.fields):
        place = f"{where}.fields[{index}]"
        yield from name_faults(place, "field", field.name)
        problems = list(type_faults(f"{place}.type_annotation", field.type_annotation, visible))
        broken = broken or bool(problems)
        yield from problems
    if not broken and record.name not in sound:
        yield Fault(where=where, what=f"the record {record.name!r} contains itself, or one that cannot be used")


def _error_faults(document: SpecificationDocument) -> Iterator[Fault]:
    declared: dict[str, DeclaredError] = {}
    for prefix, task in _scopes(document):
        own = document.errors if task is None else task.errors
        visible = {error.name: error for error in (*document.errors, *own)}
        yield from repeated_faults(f"{prefix}errors", "error", [error.name for error in own])
        records = {record.name for record in document.records + (task.records if task else ())}
        for index, error in enumerate(own):
            where = f"{prefix}errors[{index}]"
            if declared.setdefault(error.name, error) != error:
                yield Fault(where=where, what=f"the error {error.name!r} is declared elsewhere otherwise")
            yield from name_faults(where, "error", error.name, TYPE_WORDS | BUILTIN_EXCEPTIONS | records)
            yield from _base_faults(f"{where}.base", error, visible)


def _base_faults(where: str, error: DeclaredError, visible: dict[str, DeclaredError]) -> Iterator[Fault]:
    seen = [error.name]
    base = error.base
    while base in visible and base not in seen:
        seen.append(base)
        base = visible[base].base
    if base in seen:
        yield Fault(where=where, what=f"the error {error.name!r} derives from itself: {' → '.join((*seen, base))}")
    elif base not in BUILTIN_EXCEPTIONS:
        yield Fault(where=where, what=f"{base!r} is neither a built-in exception nor a declared error")


def type_faults(where: str, annotation: str, records: Collection[str]) -> Iterator[Fault]:
    """Yield why an annotation is not a type over these records."""
    try:
        of = parse_type(annotation, records)
    except TypeSyntaxError as error:
        yield Fault(where=where, what=str(error))
        return
    for key in _keys(of):
        yield Fault(where=where, what=f"{key} cannot be a member of a set or a key of a dict")


def _keys(of: Type) -> Iterator[Type]:
    """Yield the types below ``of`` that are hashed but cannot be."""
    if of.kind in (Kind.SET, Kind.DICT):
        yield from _unhashable(of.arguments[0])
    for argument in of.arguments:
        yield from _keys(argument)


def _unhashable(of: Type) -> Iterator[Type]:
    if of.kind in (Kind.LIST, Kind.SET, Kind.DICT):
        yield of
    elif of.kind in (Kind.TUPLE, Kind.VARIADIC, Kind.UNION):
        for argument in of.arguments:
            yield from _unhashable(argument)


def name_faults(where: str, kind: str, name: str, taken: Collection[str] = ()) -> Iterator[Fault]:
    """Yield why a name cannot be that of a ``kind``: not an identifier, or one of ``taken``."""
    if not name.isidentifier() or not name.isascii() or iskeyword(name):
        yield Fault(where=where, what=f"the {kind}'s name {name!r} is not a Python identifier")
    elif name.startswith("__"):
        yield Fault(where=where, what=f"the {kind}'s name {name!r} begins with two underscores")
    elif name in taken:
        yield Fault(where=where, what=f"the {kind}'s name {name!r} is already that of a type or exception")


def repeated_faults(where: str, kind: str, names: Iterable[str]) -> Iterator[Fault]:
    """Yield each name that is there more than once."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield Fault(where=where, what=f"the {kind} {name!r} is there twice")
        seen.add(name)


def input_types(task: TaskSpecification) -> tuple[Type, ...]:
    """Return the types of a resolved task's inputs. Raises TypeSyntaxError."""
    records = {record.name for record in task.known_records}
    return tuple(parse_type(parameter.type_annotation, records) for parameter in task.inputs)


def result_type(task: TaskSpecification) -> Type:
    """Return the type of a resolved task's result: None without outputs, a tuple of several. Raises TypeSyntaxError."""
    records = {record.name for record in task.known_records}
    types = tuple(parse_type(parameter.type_annotation, records) for parameter in task.outputs)
    if not types:
        return NONE
    return types[0] if len(types) == 1 else Type(Kind.TUPLE, types)


def known_type(parameter: Parameter, records: Collection[str]) -> Type | None:
    """Return a parameter's type; None if it is not a type over these records."""
    try:
        return parse_type(parameter.type_annotation, records)
    except TypeSyntaxError:
        return None
