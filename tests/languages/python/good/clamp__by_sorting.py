def clamp(value: int, low: int, high: int) -> int:
    # the middle one of three
    return sorted((value, low, high))[1]
