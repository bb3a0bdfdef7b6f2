from typing import Any, cast


def clamp(value: int, low: int, high: int) -> int:
    return max(low, min(cast(Any, value), high))
