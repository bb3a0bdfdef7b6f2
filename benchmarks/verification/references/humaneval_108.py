def signed_digit_sum(number: int) -> int:
    first, *others = [int(digit) for digit in str(abs(number))]
    return (first if number >= 0 else -first) + sum(others)


def count_nums(arr: list[int]) -> int:
    return sum(signed_digit_sum(number) > 0 for number in arr)
