def is_simple_power(x: int, n: int) -> bool:
    if x == 1:
        return True
    if n in (-1, 0, 1):
        return x == n
    power = n
    while abs(power) < abs(x):
        power *= n
    return power == x
