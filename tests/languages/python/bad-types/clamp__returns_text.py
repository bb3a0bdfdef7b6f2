def clamp(value: int, low: int, high: int) -> int:
    return str(max(low, min(value, high)))
