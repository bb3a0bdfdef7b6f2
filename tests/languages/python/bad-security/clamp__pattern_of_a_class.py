def clamp(value: int, low: int, high: int) -> int:
    match value:
        case int(__subclasses__=_):
            return low
    return max(low, min(value, high))
