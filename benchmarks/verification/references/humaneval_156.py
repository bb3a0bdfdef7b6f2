NUMERALS = (
    (1000, "m"),
    (900, "cm"),
    (500, "d"),
    (400, "cd"),
    (100, "c"),
    (90, "xc"),
    (50, "l"),
    (40, "xl"),
    (10, "x"),
    (9, "ix"),
    (5, "v"),
    (4, "iv"),
    (1, "i"),
)


def int_to_mini_roman(number: int) -> str:
    if not 1 <= number <= 1000:
        raise ValueError(f"{number} is not between 1 and 1000")
    written = ""
    rest = number
    for value, letters in NUMERALS:
        count, rest = divmod(rest, value)
        written += letters * count
    return written
