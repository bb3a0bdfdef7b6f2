def subtotal(lines: list[Line]) -> Money:
    return Money(cents=sum(line.price.cents for line in lines))
