def common(l1: list[int], l2: list[int]) -> list[int]:
    return sorted(set(l1).intersection(l2))
