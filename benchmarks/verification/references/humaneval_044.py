def change_base(x: int, base: int) -> str:
    if not 2 <= base <= 9:
        raise ValueError(f"the base {base} is not between 2 and 9")
    if x == 0:
        return "0"
    rest = abs(x)
    digits = ""
    while rest > 0:
        rest, digit = divmod(rest, base)
        digits = str(digit) + digits
    return digits if x > 0 else "-" + digits
