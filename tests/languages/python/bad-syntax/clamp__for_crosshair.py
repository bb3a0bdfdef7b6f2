def clamp(value: int, low: int, high: int) -> int:
    # crosshair: off
    return max(low, min(value, high))
