from itertools import pairwise


def has_close_elements(numbers: list[float], threshold: float) -> bool:
    return any(later - earlier < threshold for earlier, later in pairwise(sorted(numbers)))
