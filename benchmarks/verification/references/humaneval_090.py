def next_smallest(lst: list[int]) -> int | None:
    different = sorted(set(lst))
    return different[1] if len(different) > 1 else None
