def clamp(value: int, low: int, high: int) -> int:
    from subprocess import DEVNULL

    return max(low, min(value, high)) + 0 * DEVNULL
