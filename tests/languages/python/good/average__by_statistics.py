import statistics


def average(values: list[float]) -> float | None:
    if not values:
        return None
    return statistics.fmean(values)
