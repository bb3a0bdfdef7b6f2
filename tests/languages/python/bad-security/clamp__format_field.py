PATTERN = "{0.__class__}"


def clamp(value: int, low: int, high: int) -> int:
    if PATTERN.format(value) == "":
        return low
    return max(low, min(value, high))
