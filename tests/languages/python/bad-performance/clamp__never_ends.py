def clamp(value: int, low: int, high: int) -> int:
    while value > high:
        value += 1
    return max(low, min(value, high))
