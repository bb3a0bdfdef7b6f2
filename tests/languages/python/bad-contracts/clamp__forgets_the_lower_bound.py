def clamp(value: int, low: int, high: int) -> int:
    return min(value, high)
