def f(n: int) -> list[int]:
    values = []
    factorial = 1
    total = 0
    for number in range(1, n + 1):
        factorial *= number
        total += number
        values.append(total if number % 2 else factorial)
    return values
