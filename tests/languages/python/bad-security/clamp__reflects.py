def clamp(value: int, low: int, high: int) -> int:
    name = "bit_" + "length"
    width = getattr(value, name)
    return max(low, min(value, high)) if width else max(low, min(0, high))
