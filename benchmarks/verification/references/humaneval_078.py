def hex_key(num: str) -> int:
    return sum(digit in "2357BD" for digit in num)
