def clamp(value: int, low: int, high: int) -> int:
    value < low
    return max(low, min(value, high))
