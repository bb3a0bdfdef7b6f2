def incr_list(l: list[int]) -> list[int]:
    return [number + 1 for number in l]
