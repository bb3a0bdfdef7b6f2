def applied(sign: str, left: int, right: int) -> int:
    if sign == "+":
        return left + right
    if sign == "-":
        return left - right
    if sign == "*":
        return left * right
    if sign == "//":
        return left // right
    if sign == "**":
        power: int = left**right
        return power
    raise ValueError(f"{sign} is no operation")


def do_algebra(operator: list[str], operand: list[int]) -> int:
    strength = {"+": 1, "-": 1, "*": 2, "//": 2, "**": 3}
    numbers: list[int] = [operand[0]]
    signs: list[str] = []
    for sign, number in zip(operator, operand[1:], strict=True):
        own = strength[sign] + (sign == "**")  # a power waits for the power to its right
        while signs and strength[signs[-1]] >= own:
            right = numbers.pop()
            numbers.append(applied(signs.pop(), numbers.pop(), right))
        signs.append(sign)
        numbers.append(number)
    while signs:
        right = numbers.pop()
        numbers.append(applied(signs.pop(), numbers.pop(), right))
    return numbers[0]
