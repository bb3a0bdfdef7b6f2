def below_threshold(l: list[int], t: int) -> bool:
    return all(number < t for number in l)
