def clamp(value: int, low: int, high: int) -> int:
    return int(eval("max(low, min(value, high))"))
