"""Schemas as rows and back, and the two kinds of insert that make every write idempotent.

It opens no connection. A schema's fields are its table's columns, name for name.
"""

from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Row, Table, and_, func
from sqlalchemy.dialects.postgresql import Insert, insert

from schemas.base import Schema
from schemas.models import CallKey

S = TypeVar("S", bound=Schema)

_CLOCKS = frozenset({"created_at", "updated_at"})


def row_of(model: Schema) -> dict[str, Any]:
    """Write a schema as a row: plain values, with moments left as they are."""
    row = model.model_dump(mode="json")
    for name in row:
        value = getattr(model, name)
        if isinstance(value, datetime):
            row[name] = value
    return row


def read(schema: type[S], row: Row[Any]) -> S:
    """Read a schema from a row that has, among others, its columns."""
    values = row._mapping
    return schema.model_validate({name: values[name] for name in schema.model_fields})


def inserted_once(table: Table) -> Insert:
    """Insert rows; those whose key is there already stay as they are."""
    return insert(table).on_conflict_do_nothing()


def replaced(table: Table, where: ColumnElement[bool] | None = None) -> Insert:
    """Insert rows or replace those of the same key (only where ``where`` holds of the old row)."""
    statement = insert(table)
    values: dict[str, Any] = {
        column.name: statement.excluded[column.name]
        for column in table.columns
        if not column.primary_key and column.name not in _CLOCKS
    }
    if "updated_at" in table.columns:
        values["updated_at"] = func.now()
    return statement.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=values, where=where)


def of_call(table: Table, key: CallKey) -> ColumnElement[bool]:
    """Hold for the rows of one call."""
    return and_(*(table.c[name] == value for name, value in key.model_dump().items()))
