def solve(N: int) -> str:
    if N < 0:
        raise ValueError("the number must not be negative")
    return f"{sum(int(digit) for digit in str(N)):b}"
