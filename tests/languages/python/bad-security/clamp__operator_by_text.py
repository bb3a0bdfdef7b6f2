from operator import attrgetter

KIND = attrgetter("__class__.__mro__")


def clamp(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))
