import random


def clamp(value: int, low: int, high: int) -> int:
    return max(low, min(value, high)) + 0 * len(random.__name__) + 0 * len(str(random._inst))
