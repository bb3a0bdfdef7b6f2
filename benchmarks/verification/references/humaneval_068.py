def pluck(arr: list[int]) -> list[int]:
    evens = [(value, index) for index, value in enumerate(arr) if value % 2 == 0]
    return list(min(evens)) if evens else []
