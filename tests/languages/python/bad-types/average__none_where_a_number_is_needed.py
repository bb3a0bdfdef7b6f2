def average(values: list[float]) -> float | None:
    total = None
    for value in values:
        total = total + value
    return total / len(values) if total else None
