def clamp(value: int, low: int, high: int) -> int:
    bounds = [low, high]
    sorted(bounds)
    return max(low, min(value, high))
