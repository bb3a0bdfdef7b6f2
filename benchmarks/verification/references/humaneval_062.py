def derivative(xs: list[int]) -> list[int]:
    return [power * coefficient for power, coefficient in enumerate(xs)][1:]
