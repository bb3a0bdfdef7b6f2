from collections import Counter


def is_sorted(lst: list[int]) -> bool:
    if any(occurrences > 2 for occurrences in Counter(lst).values()):
        return False
    return lst == sorted(lst)
