def add_elements(arr: list[int], k: int) -> int:
    return sum(number for number in arr[:k] if -100 < number < 100)
