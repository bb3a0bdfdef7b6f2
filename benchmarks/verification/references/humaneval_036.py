def fizz_buzz(n: int) -> int:
    multiples = (number for number in range(n) if number % 11 == 0 or number % 13 == 0)
    return sum(str(number).count("7") for number in multiples)
