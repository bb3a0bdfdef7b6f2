def get_positive(l: list[int]) -> list[int]:
    return [number for number in l if number > 0]
