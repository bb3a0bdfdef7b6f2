def clamp(value: int, low: int, high: int) -> int:
    while False:
        value += 1
    return max(low, min(value, high))
