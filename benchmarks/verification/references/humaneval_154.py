def cycpattern_check(a: str, b: str) -> bool:
    if not b:
        return True
    return any(b[turn:] + b[:turn] in a for turn in range(len(b)))
