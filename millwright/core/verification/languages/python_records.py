"""Writes the Python module that defines declared records and errors.

It checks nothing: a specification whose records do not hang together was refused when it was read.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from millwright.errors import SpecificationInvalid
from schemas.specification import DeclaredError, Fault, Record
from schemas.types import Kind, Type, TypeSyntaxError, parse_type

_LONGEST_DOCSTRING = 100

_Named = TypeVar("_Named", Record, DeclaredError)


def docstring(description: str, name: str) -> str:
    """Write a one-line docstring of a description's first line, so that no text can end it early."""
    line = next((line.strip() for line in description.splitlines() if line.strip()), f"Defines {name}.")
    printable = "".join(character if character.isprintable() else " " for character in line)
    words = " ".join(printable.replace("\\", "\\\\").replace('"', "'").split())
    if len(words) > _LONGEST_DOCSTRING:
        words = words[: _LONGEST_DOCSTRING - 3].rpartition(" ")[0] + "..."
    return f'"""{words or f"Defines {name}."}"""'


def records_source(records: Sequence[Record], errors: Sequence[DeclaredError]) -> str:
    """Write a frozen dataclass per record and a class per error, each after those that it needs.

    Raises:
        SpecificationInvalid: a field's type cannot be parsed.
    """
    names = {record.name for record in records}
    fields = {record.name: _fields(record, names) for record in records}
    blocks = ['"""The records and errors that the parts of this package share."""']
    imports = _imports(records, [of for typed in fields.values() for _, of in typed])
    if imports:
        blocks.append(imports)
    classes = [_error(error) for error in _ordered(errors, lambda error: {error.base})]
    classes += [_record(record, fields[record.name]) for record in _ordered(records, lambda item: _needs(item, fields))]
    return "\n\n".join(blocks) + "".join(f"\n\n\n{block}" for block in classes) + "\n"


def _fields(record: Record, names: set[str]) -> list[tuple[str, Type]]:
    typed: list[tuple[str, Type]] = []
    for field in record.fields:
        try:
            typed.append((field.name, parse_type(field.type_annotation, names)))
        except TypeSyntaxError as error:
            raise SpecificationInvalid([Fault(where=f"records.{record.name}.{field.name}", what=str(error))]) from error
    return typed


def _imports(records: Sequence[Record], types: Sequence[Type]) -> str:
    blocks: list[str] = []
    if records:
        # Annotations stay text, so that a record may name itself.
        blocks.append("from __future__ import annotations")
        lines = ["from dataclasses import dataclass"]
        if any(_mentions(of, Kind.ANY) for of in types):
            lines.append("from typing import Any")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _mentions(of: Type, kind: Kind) -> bool:
    return of.kind is kind or any(_mentions(argument, kind) for argument in of.arguments)


def _needs(record: Record, fields: dict[str, list[tuple[str, Type]]]) -> set[str]:
    return {name for _, of in fields[record.name] for name in _record_names(of)}


def _record_names(of: Type) -> set[str]:
    own = {of.name} if of.kind is Kind.RECORD else set()
    return own.union(*(_record_names(argument) for argument in of.arguments))


def _ordered(items: Sequence[_Named], needs: Callable[[_Named], set[str]]) -> list[_Named]:
    """Order items after those that they need; a cycle stays in the order given."""
    waiting = list(items)
    done: list[_Named] = []
    while waiting:
        names = {item.name for item in waiting}
        ready = [item for item in waiting if not (needs(item) - {item.name}) & names] or waiting[:1]
        done.extend(ready)
        waiting = [item for item in waiting if item not in ready]
    return done


def _error(error: DeclaredError) -> str:
    return f"class {error.name}({error.base}):\n    {docstring(error.description, f'the error {error.name}')}"


def _record(record: Record, fields: Sequence[tuple[str, Type]]) -> str:
    lines = [
        "@dataclass(frozen=True)",
        f"class {record.name}:",
        f"    {docstring(record.description, f'the record {record.name}')}",
        "",
        *(f"    {name}: {of}" for name, of in fields),
    ]
    return "\n".join(lines)
