def average(values: list[float]) -> float | None:
    count = len(values)
    total = 0.0
    while values:
        total += values.pop()
    return total / count if count else None
