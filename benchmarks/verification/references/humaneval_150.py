import math


def x_or_y(n: int, x: int, y: int) -> int:
    if n < 2:
        return y
    composite = any(n % divisor == 0 for divisor in range(2, math.isqrt(n) + 1))
    return y if composite else x
