def clamp(value: int, low: int, high: int) -> int:
    for _ in range(12_000_000 if value > high else 0):
        value = value + 1 - 1
    return max(low, min(value, high))
