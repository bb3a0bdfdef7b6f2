"""Durations as people write them: ``90``, ``30m``, ``1.5h``, ``2d``.

It says nothing of what is wrong with one: whoever asked for it does.
"""

import re

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)")
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def duration_seconds(text: str) -> float | None:
    """Read a duration, in seconds; None where the text is none, or none above 0."""
    match = _DURATION.fullmatch(text.strip().lower())
    value = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    return value if value > 0 else None
