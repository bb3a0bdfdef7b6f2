def _cents(line: Line) -> int:
    return line.price.cents * line.count


def subtotal(lines: list[Line]) -> Money:
    cents = 0
    for line in lines:
        cents += _cents(line)
    return Money(cents)
