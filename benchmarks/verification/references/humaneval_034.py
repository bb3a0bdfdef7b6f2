def unique(l: list[int]) -> list[int]:
    return sorted(set(l))
