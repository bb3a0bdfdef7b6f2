def choose_num(x: int, y: int) -> int:
    even = y if y % 2 == 0 else y - 1
    return even if even >= x else -1
