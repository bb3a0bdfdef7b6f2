def is_equal_to_sum_even(n: int) -> bool:
    return n >= 8 and n % 2 == 0
