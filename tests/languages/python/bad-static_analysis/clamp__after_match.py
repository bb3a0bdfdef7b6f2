def clamp(value: int, low: int, high: int) -> int:
    match value < low:
        case True:
            return low
        case _:
            return min(value, high)
    return value
