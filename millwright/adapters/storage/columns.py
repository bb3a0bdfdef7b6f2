"""The kinds of column that our tables are made of, and how text and moments are stored in them.

It knows no table.
"""

import re
from datetime import UTC, datetime

from sqlalchemy import JSON, BigInteger, Column, DateTime, Dialect, Double, Integer, Text, TypeDecorator, func

_MARK = "\x1a"
_UNSTORABLE = re.compile("[\x00\x1a\ud800-\udfff]")
_MARKED = re.compile(_MARK + "([0-9a-f]{4})")


class AnyText(TypeDecorator[str]):
    """Text with any code points at all, in the order of its code points.

    Postgres stores neither NUL nor lone surrogates, and models emit both. They are written as U+001A and four
    hexadecimal digits, and so is U+001A itself; all other text is stored as it stands. The collation is fixed because
    orders in which answers count must not depend on the server's language.
    """

    impl = Text
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(collation="C")

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Escape what Postgres cannot store."""
        if value is None:
            return None
        return _UNSTORABLE.sub(lambda found: f"{_MARK}{ord(found[0]):04x}", str(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Undo the escapes."""
        if value is None or _MARK not in value:
            return value
        return _MARKED.sub(lambda found: chr(int(found[1], 16)), value)


class Moment(TypeDecorator[datetime]):
    """A moment in time, read in UTC whatever the session's time zone is."""

    impl = DateTime
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(timezone=True)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Read the moment in UTC."""
        return None if value is None else value.astimezone(UTC)


def key(name: str) -> Column[str]:
    """Make a column of a text that is part of the primary key."""
    return Column(name, AnyText(), primary_key=True)


def text(name: str, *, optional: bool = False) -> Column[str]:
    """Make a column of a text."""
    return Column(name, AnyText(), nullable=optional)


def number(name: str, *, key: bool = False) -> Column[int]:
    """Make a column of a whole number of 32 bits."""
    return Column(name, Integer, primary_key=key, nullable=False)


def large(name: str) -> Column[int]:
    """Make a column of a whole number of 64 bits."""
    return Column(name, BigInteger, nullable=False)


def measure(name: str, *, optional: bool = False) -> Column[float]:
    """Make a column of a double."""
    return Column(name, Double, nullable=optional)


def tree(name: str, *, optional: bool = False) -> Column[object]:
    """Make a column of JSON; where it is optional, None is no value and not JSON's null."""
    # The type is json and not jsonb: only json takes the escapes of NUL and lone surrogates. Lone surrogates that stand
    # side by side and together make a character come back as that character.
    return Column(name, JSON(none_as_null=optional), nullable=optional)


def moment(name: str) -> Column[datetime]:
    """Make a column of a moment that may not have come."""
    return Column(name, Moment(), nullable=True)


def clock(name: str) -> Column[datetime]:
    """Make a column of a moment that the server sets when the row is written."""
    return Column(name, Moment(), nullable=False, server_default=func.now())
