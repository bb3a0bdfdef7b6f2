def clamp(value: int, low: int, high: int) -> int:
    if value >= high:
        return high - 1
    return max(low, value)
