"""Whether a value can pass through messages and histories as JSON, and how long it is there.

It changes no value, and knows nothing of what one means.
"""

from pydantic_core import from_json, to_json

_LEVELS = 6
"""Containers in which a value lies, at most, in a message: JSON is read and written to a bounded depth."""


def json_length(value: object) -> int | None:
    """Return the bytes of a value's JSON; None where it cannot be carried: lone surrogates, or nested too deep."""
    wrapped = value
    for _ in range(_LEVELS):
        wrapped = [wrapped]
    try:
        text = to_json(wrapped)
        from_json(text)
    except (ValueError, RecursionError):
        return None
    return len(text) - 2 * _LEVELS
