def simplify(x: str, n: str) -> bool:
    numerator, denominator = 1, 1
    for fraction in (x, n):
        above, below = fraction.split("/")
        numerator *= int(above)
        denominator *= int(below)
    return numerator % denominator == 0
