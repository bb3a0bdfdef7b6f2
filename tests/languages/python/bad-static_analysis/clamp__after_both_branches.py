def clamp(value: int, low: int, high: int) -> int:
    if value < low:
        return low
    else:
        return min(value, high)
    value = high
    return value
