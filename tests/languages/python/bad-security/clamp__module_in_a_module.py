import random

NUMBERS = random._os


def clamp(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))
