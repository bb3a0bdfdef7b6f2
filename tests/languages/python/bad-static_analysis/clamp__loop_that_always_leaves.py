def clamp(value: int, low: int, high: int) -> int:
    while True:
        return max(low, min(value, high))
    return value
