"""Where text goes: results to stdout, everything else to stderr. It decides nothing about content."""

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console
    from rich.table import Table

NARROWEST = 60
"""Columns of a terminal below which tables are still drawn this wide."""

UNBOUNDED = 240
"""Columns where nobody's terminal bounds them: a pipe or a file."""


def say(text: str) -> None:
    """Write a line for people to stdout."""
    sys.stdout.write(f"{text}\n")


def note(text: str) -> None:
    """Write a line about what happens to stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def moment(at: "datetime") -> str:
    """Write a moment to the second, in UTC; one without a zone is taken for UTC."""
    from datetime import UTC

    in_utc = at.astimezone(UTC) if at.tzinfo else at
    return f"{in_utc:%Y-%m-%d %H:%M:%S} UTC"


def emit(value: Any) -> None:
    """Write one JSON value as one line to stdout, pure ASCII."""
    sys.stdout.write(json.dumps(value, ensure_ascii=True, allow_nan=False) + "\n")
    sys.stdout.flush()


def console(*, error: bool = False) -> "Console":
    """Make a Rich console over the present stdout or stderr."""
    from rich.console import Console

    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() else UNBOUNDED
    made = Console(file=stream, width=width, highlight=False, soft_wrap=False)
    if made.width < NARROWEST:
        made.width = NARROWEST
    return made


def table(*columns: str, right: tuple[str, ...] = ()) -> "Table":
    """Make a plain table; columns named in ``right`` hold numbers."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", no_wrap=column in right)
    return made


def is_interactive() -> bool:
    """Say whether a person watches both streams."""
    return sys.stdout.isatty() and sys.stderr.isatty()
