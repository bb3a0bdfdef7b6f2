def largest_divisor(n: int) -> int:
    if n < 2:
        raise ValueError("only numbers from two on have a smaller divisor")
    factor = 2
    while factor * factor <= n:
        if n % factor == 0:
            return n // factor
        factor += 1
    return 1
