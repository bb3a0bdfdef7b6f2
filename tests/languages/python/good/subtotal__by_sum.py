def subtotal(lines: list[Line]) -> Money:
    return Money(cents=sum(line.price.cents * line.count for line in lines))
