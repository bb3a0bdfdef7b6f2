def subtotal(
    lines,  # of one order
):
    return Money(sum(line.price.cents * line.count for line in lines))
