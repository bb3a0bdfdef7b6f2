def clamp(value: int, low: int, high: int) -> int:
    if True:
        return max(low, min(value, high))
    else:
        return value
