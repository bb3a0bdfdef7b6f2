def clamp(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))


KEPT = [clamp := max for _ in range(1)]
