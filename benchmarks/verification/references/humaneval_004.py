def mean_absolute_deviation(numbers: list[float]) -> float:
    if not numbers:
        raise ValueError("there is no mean of no numbers")
    centre = sum(numbers) / len(numbers)
    deviations = [abs(number - centre) for number in numbers]
    return sum(deviations) / len(deviations)
