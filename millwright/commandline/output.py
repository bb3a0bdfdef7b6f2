"""Where text goes: results to stdout, everything else to stderr. It decides nothing about content."""

import json
import re
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


_STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that steer a terminal, turn the order of what is read, or have no form in UTF-8."""


def harmless(text: str) -> str:
    """Escape what would steer a terminal: words of models and of other people are shown here, and none is trusted."""
    return _STEERS.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode("ascii"), text)


def say(text: str) -> None:
    """Write lines for people to stdout; what would steer their terminal is escaped."""
    sys.stdout.write(f"{harmless(text)}\n")


def note(text: str) -> None:
    """Write a line about what happens to stderr; what would steer a terminal is escaped."""
    sys.stderr.write(f"{harmless(text)}\n")
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
    """Make a plain table; columns named in ``right`` hold numbers. What would steer a terminal is escaped."""
    from rich import box
    from rich.table import Table

    class Plain(Table):
        def add_row(self, *cells: Any, **options: Any) -> None:
            super().add_row(*(harmless(cell) if isinstance(cell, str) else cell for cell in cells), **options)

    made = Plain(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", no_wrap=column in right)
    return made


def is_interactive() -> bool:
    """Say whether a person watches both streams."""
    return sys.stdout.isatty() and sys.stderr.isatty()
