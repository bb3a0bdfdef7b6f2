def clamp(value: int, low: int, high: int) -> int:
    kept: "Any" = value
    return max(low, min(kept, high))
