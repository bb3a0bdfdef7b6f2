def clamp(value: int, low: int, high: int):
    return max(low, min(value, high))
