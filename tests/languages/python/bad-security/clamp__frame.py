SCOPE = (number for number in (1,)).gi_frame


def clamp(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))
