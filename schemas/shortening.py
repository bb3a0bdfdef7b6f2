"""Makes texts short enough to be shown: on one line, cut where they are too long, lists with the first of their names.

It decides no length: whoever shows a text knows its room.
"""

from collections.abc import Sequence


def shortened(text: str, longest: int) -> str:
    """Return a text of at most ``longest`` characters; one that was cut ends with an ellipsis."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def one_line(text: str, longest: int | None = None) -> str:
    """Put a text on one line, so that nothing in it becomes a heading or a table; cut it where it is too long."""
    line = " ".join(text.split())
    return line if longest is None else shortened(line, longest)


def named(names: Sequence[str], most: int) -> str:
    """Name the first of some, and say how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
