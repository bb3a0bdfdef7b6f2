class Money:
    cents: int


def subtotal(lines: list[Line]) -> Money:
    return Money()
