def clamp(value: int, low: int, high: int = None) -> int:
    return max(low, min(value, high))
