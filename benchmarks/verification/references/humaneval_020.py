from itertools import pairwise


def find_closest_elements(numbers: list[float]) -> tuple[float, float]:
    if len(numbers) < 2:
        raise ValueError("two numbers at least are needed")
    return min(pairwise(sorted(numbers)), key=lambda pair: pair[1] - pair[0])
