def clamp(value: int, low: int, high: int) -> int:
    depth = len(type(value).__mro__)
    return max(low, min(value, high)) + 0 * depth
