def value_at(xs: list[int], x: float) -> float:
    """Evaluate the polynomial by Horner's rule."""
    total = 0.0
    for coefficient in reversed(xs):
        total = total * x + coefficient
    return total


def find_zero(xs: list[int]) -> float:
    if not xs or len(xs) % 2 or xs[-1] == 0:
        raise ValueError("an even number of coefficients is needed, and the last one must not be zero")
    rising = xs[-1] > 0
    reach = 1.0
    while (value_at(xs, reach) >= 0) != rising or (value_at(xs, -reach) <= 0) != rising:
        reach *= 2
    low, high = -reach, reach
    for _ in range(200):
        middle = (low + high) / 2
        if (value_at(xs, middle) >= 0) == rising:
            high = middle
        else:
            low = middle
    return high
