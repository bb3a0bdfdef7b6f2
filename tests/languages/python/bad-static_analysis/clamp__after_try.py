def clamp(value: int, low: int, high: int) -> int:
    try:
        return max(low, min(value, high))
    except TypeError:
        return low
    return value
