def is_prime(number: int) -> bool:
    if number < 2:
        return False
    divisor = 2
    while divisor * divisor <= number:
        if number % divisor == 0:
            return False
        divisor += 1
    return True


def skjkasdkd(lst: list[int]) -> int:
    for number in sorted(lst, reverse=True):
        if is_prime(number):
            return sum(int(digit) for digit in str(number))
    return 0
