import os


def clamp(value: int, low: int, high: int) -> int:
    return max(low, min(value, high)) + 0 * len(os.sep)
