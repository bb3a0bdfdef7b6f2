def average(values: list[float]) -> float | None:
    def mean(numbers):
        return sum(numbers) / len(numbers)

    return mean(values) if values else None
